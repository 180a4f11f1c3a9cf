// One canonical stream event: its type and its bytes at once, its JSON only when somebody asks for it.

import { Failure } from "./failure.ts";

const utf8 = new TextDecoder();
const bytes = new TextEncoder();

/** The shape that every event of a Responses stream shares (wire/codex.md C). Other fields depend on the type. */
export interface EventData {
  type: string;
  [field: string]: unknown;
}

/**
 * An event of a Responses stream.
 *
 * `raw` is the whole SSE frame with its closing blank line, exactly as it came; on the identity path nothing else is ever
 * touched. `data` is parsed on first use and kept. `type` is `""` for a frame without data (a comment) and `"[DONE]"` for
 * the Chat sentinel.
 */
export class Event {
  readonly type: string;
  readonly raw: Uint8Array;
  #json: string | undefined;
  #data: EventData | undefined;

  constructor(type: string, raw: Uint8Array, json?: string, data?: EventData) {
    this.type = type;
    this.raw = raw;
    this.#json = json;
    this.#data = data;
  }

  /** Makes an event, and its frame, from a value of ours. */
  static of(data: EventData): Event {
    const json = JSON.stringify(data);
    return new Event(data.type, bytes.encode(`event: ${data.type}\ndata: ${json}\n\n`), json, data);
  }

  /** The text of the `data:` lines, joined by newlines as the SSE standard says. */
  get json(): string {
    this.#json ??= dataOf(utf8.decode(this.raw));
    return this.#json;
  }

  /** The parsed data. Throws a `Failure` when the upstream sent something that is not JSON: its fault, and not ours. */
  get data(): EventData {
    this.#data ??= parsed(this.json);
    return this.#data;
  }
}

function parsed(json: string): EventData {
  let cause: unknown;
  try {
    const data: unknown = JSON.parse(json);
    if (typeof data === "object" && data !== null) return data as EventData;
  } catch (error) {
    cause = error;
  }
  const message = `the upstream sent an event that is not ${cause === undefined ? "a JSON object" : "JSON"}`;
  throw new Failure("stream_broken", { code: "stream_error", message, cause });
}

/** Cuts the `data:` lines out of one SSE frame. */
export function dataOf(frame: string): string {
  return onlyData(frame) ?? allData(frame);
}

/** By far the commonest frame is an event line, one data line and the blank one. */
function onlyData(frame: string): string | undefined {
  const from = frame.startsWith("event:") ? frame.indexOf("\n") + 1 : 0;
  const to = frame.indexOf("\n", from);
  if (to === -1 || to !== frame.length - 2 || frame[to + 1] !== "\n") return undefined;
  if (!frame.startsWith("data:", from) || frame.includes("\r")) return undefined;
  return frame.slice(frame[from + 5] === " " ? from + 6 : from + 5, to);
}

function allData(frame: string): string {
  let data: string | undefined;
  for (const line of frame.split(/\r\n|\n|\r/)) {
    if (!line.startsWith("data") || (line.length > 4 && line[4] !== ":")) continue;
    const value = line.length > 5 && line[5] === " " ? line.slice(6) : line.slice(5);
    data = data === undefined ? value : `${data}\n${value}`;
  }
  return data ?? "";
}
