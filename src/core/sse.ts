// Cuts a byte stream into server-sent events: any chunking, CR, LF or CRLF, comments, split UTF-8, bounded memory.

import { dataOf, Event } from "./event.ts";
import { Failure } from "./failure.ts";

const LF = 10;
const CR = 13;
const utf8 = new TextDecoder();
const NOTHING = new Uint8Array(0);

/** An event larger than this breaks the stream: nothing real comes near it, and memory must stay bounded. */
const EVENT_LIMIT = 16 * 1024 * 1024;

/**
 * A push parser. Feed it the chunks as they arrive; each call returns the events that became complete.
 *
 * A frame that lies whole in one chunk is a view on that chunk (no copy); only a frame that spans chunks is copied.
 */
export class SseReader {
  readonly #limit: number;
  /** Bytes of an unfinished frame; grows by doubling so that a frame cut into single bytes stays linear. */
  #carry: Uint8Array = NOTHING;
  #carried = 0;
  /** Where the current line begins and how far it was searched, so that no byte is looked at twice. */
  #line = 0;
  #seen = 0;
  #first = true;

  constructor(limit: number = EVENT_LIMIT) {
    this.#limit = limit;
  }

  /** Returns the events completed by `chunk`. Throws a `Failure` when one event exceeds the limit. */
  push(chunk: Uint8Array): Event[] {
    if (chunk.length === 0) return [];
    const input = this.#carried === 0 ? chunk : this.#append(chunk);
    const events: Event[] = [];
    const rest = this.#scan(input, events, false);
    this.#keep(input, rest);
    return events;
  }

  /** Call at the end of the stream: returns a last event that lacks only its closing blank line, if it is whole. */
  end(): Event[] {
    const events: Event[] = [];
    if (this.#carried > 0) {
      const input = this.#carry.subarray(0, this.#carried);
      const rest = this.#scan(input, events, true);
      // The standard drops an unterminated frame; a server that forgets only the final newline still gets heard if the JSON is whole.
      if (rest < input.length) {
        const event = eventOf(input.subarray(rest));
        if (event.type !== "" && isWhole(event)) events.push(event);
      }
    }
    this.#carried = 0;
    return events;
  }

  #scan(input: Uint8Array, events: Event[], last: boolean): number {
    let start = 0;
    let line = this.#line;
    let at = this.#seen;
    if (this.#first && input.length >= 3) {
      this.#first = false;
      if (input[0] === 0xef && input[1] === 0xbb && input[2] === 0xbf) {
        start = line = 3;
        if (at < 3) at = 3;
      }
    }
    let nextCr = input.indexOf(CR, at);
    for (;;) {
      const lf = input.indexOf(LF, at);
      if (nextCr !== -1 && nextCr < at) nextCr = input.indexOf(CR, at);
      let end: number;
      let after: number;
      if (nextCr !== -1 && (lf === -1 || nextCr < lf)) {
        // A CR at the very end may be half of a CRLF: wait for the next byte to know.
        if (nextCr + 1 === input.length && !last) {
          at = nextCr;
          break;
        }
        end = nextCr;
        after = input[nextCr + 1] === LF ? nextCr + 2 : nextCr + 1;
      } else if (lf !== -1) {
        end = lf;
        after = lf + 1;
      } else {
        at = input.length;
        break;
      }
      if (end === line) {
        if (end > start) events.push(eventOf(part(input, start, after)));
        start = after;
      }
      line = at = after;
    }
    this.#line = line - start;
    this.#seen = at - start;
    return start;
  }

  #append(chunk: Uint8Array): Uint8Array {
    const size = this.#carried + chunk.length;
    if (size > this.#carry.length) {
      const grown = new Uint8Array(Math.max(size, this.#carry.length * 2, 4096));
      grown.set(this.#carry.subarray(0, this.#carried));
      this.#carry = grown;
    }
    this.#carry.set(chunk, this.#carried);
    this.#carried = size;
    return this.#carry.subarray(0, size);
  }

  #keep(input: Uint8Array, rest: number): void {
    const left = input.length - rest;
    if (left > this.#limit) {
      throw new Failure("stream_broken", {
        code: "stream_error",
        message: `the upstream sent an event of more than ${this.#limit} bytes`,
      });
    }
    // Events already handed out may be views on the old carry, so what is left always moves to memory of its own.
    if (left === 0) {
      this.#carry = NOTHING;
    } else if (rest > 0 || this.#carried === 0) {
      this.#carry = input.slice(rest);
    }
    this.#carried = left;
  }
}

/** A paced upstream sends one frame in one chunk: that needs no view. */
function part(input: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === input.length ? input : input.subarray(start, end);
}

function isWhole(event: Event): boolean {
  try {
    return typeof event.data === "object";
  } catch {
    return event.type === "[DONE]";
  }
}

/** Reads the type of one frame: from `event:`, else from the first bytes of its data, else from its JSON. */
function eventOf(raw: Uint8Array): Event {
  // "event: " is by far the commonest first line; its value is short ASCII and needs no decoder.
  if (raw[0] === 101 && raw[1] === 118 && raw[5] === 58) {
    const from = raw[6] === 32 ? 7 : 6;
    let to = from;
    while (to < raw.length && raw[to] !== LF && raw[to] !== CR) to++;
    if (hasData(raw, to)) return new Event(typeOf(raw, from, to), raw);
  }
  const json = dataOf(utf8.decode(raw));
  if (json === "") return new Event("", raw, json);
  if (json.trim() === "[DONE]") return new Event("[DONE]", raw, json);
  const named = /(?:^|[\r\n])event: ?([^\r\n]+)/.exec(utf8.decode(raw.subarray(0, 4096)));
  if (named?.[1]) return new Event(named[1], raw, json);
  const quick = /^\s*\{\s*"type"\s*:\s*"([^"\\]+)"/.exec(json);
  if (quick?.[1]) return new Event(quick[1], raw, json);
  try {
    const data = JSON.parse(json) as { type?: unknown };
    const type = typeof data?.type === "string" ? data.type : "message";
    return new Event(type, raw, json, { ...data, type });
  } catch {
    return new Event("message", raw, json);
  }
}

function hasData(raw: Uint8Array, from: number): boolean {
  let at = from;
  while (at < raw.length && (raw[at] === LF || raw[at] === CR)) at++;
  return raw[at] === 100 && raw[at + 1] === 97 && raw[at + 4] === 58;
}

interface KnownType {
  bytes: Uint8Array;
  type: string;
}

/** By a hash of the bytes: a stream repeats few types many times, and decoding them again would be the dearest part of a frame. */
const types = new Map<number, KnownType>();

function typeOf(raw: Uint8Array, from: number, to: number): string {
  let hash = to - from;
  for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + (raw[at] as number)) | 0;
  const known = types.get(hash);
  if (known && isAt(raw, from, to, known.bytes)) return known.type;
  const bytes = raw.slice(from, to);
  const type = utf8.decode(bytes);
  if (!known && types.size < 256) types.set(hash, { bytes, type });
  return type;
}

function isAt(raw: Uint8Array, from: number, to: number, bytes: Uint8Array): boolean {
  if (to - from !== bytes.length) return false;
  for (let at = from; at < to; at++) if (raw[at] !== bytes[at - from]) return false;
  return true;
}
