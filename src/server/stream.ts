// open → ended: hands the events of an opened answer to the client through its dialect's encoder, with heartbeats, and settles once.

import type { Event } from "../core/event.ts";
import type { Failure } from "../core/failure.ts";
import type { Chunk, Encoder } from "../core/hooks.ts";
import { faultOfEvent } from "../upstream/failure.ts";
import type { Source } from "../upstream/index.ts";
import { cutFailure, isDecisive, mayComplain, type Opened } from "./opening.ts";
import type { Beating, Pulse } from "./pulse.ts";

const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);
const bytes = new TextEncoder();

/** Bun's direct stream: what is written goes to the socket, without a queue between. */
type Sink = ReadableStreamDirectController;

export type Ending =
  | { outcome: "ok" | "failed"; failure?: Failure; terminal?: Event }
  | { outcome: "aborted"; terminal?: Event };

export interface Streaming {
  opened: Opened;
  encoder: Encoder;
  pulse: Pulse;
  /** Aborted when the client leaves. */
  signal: AbortSignal;
  heartbeat(): Chunk;
  /** The events that plugins make of one. */
  hooked(event: Event): readonly Event[] | undefined;
  /** Makes any thrown value the failure that the client is told. */
  judge(thrown: unknown): Failure;
  /** First content handed over. */
  first(): void;
  /** Called exactly once. */
  ended(ending: Ending): void;
}

/**
 * The body of a streaming answer. It reads on only when the socket took what was written: an unread stream stops the upstream.
 * One loop with one wait for each chunk, because every promise between the two sockets costs nearly as much as passing a chunk.
 */
export class AnswerStream implements Beating {
  lastSent = performance.now();
  readonly body: ReadableStream<Uint8Array>;
  readonly #on: Streaming;
  #sink: Sink | undefined;
  /** What was to be sent before anybody read. */
  #early: Chunk[] = [];
  /** Settles when the socket has room again; undefined while it has. */
  #full: Promise<unknown> | undefined;
  #waiting = false;
  #over = false;
  #begun = false;
  #fault: Failure | undefined;

  constructor(on: Streaming) {
    this.#on = on;
    const source = { type: "direct", pull: (sink: Sink) => this.#run(sink), cancel: () => this.abort() };
    this.body = new ReadableStream(source as unknown as UnderlyingDefaultSource<Uint8Array>);
    on.pulse.add(this);
  }

  /** Ends the stream with the dialect's error, e.g. when the server's drain time is over. */
  interrupt(failure: Failure): void {
    if (this.#over) return;
    this.#finishWith(failure);
  }

  /** The client left. */
  abort(): void {
    this.#settle({ outcome: "aborted" });
  }

  beat(): void {
    // A client that does not read needs no sign of life; one would only pile up in its queue.
    if (this.#over || !this.#waiting) return;
    this.#send(this.#on.heartbeat());
  }

  async #run(sink: Sink): Promise<void> {
    this.#sink = sink;
    for (const chunk of this.#early.splice(0)) this.#send(chunk);
    if (this.#over) return void sink.close();
    const { opened } = this.#on;
    try {
      const sent = this.#batch(opened.held.splice(0));
      // Opened by the clock with nothing to show: the client gets its first sign of life at once.
      if (!sent && opened.pending) this.#send(this.#on.heartbeat());
      while (!this.#over) {
        if (opened.source && !opened.pending) await this.#follow(opened.source);
        else await this.#step();
      }
    } catch (thrown) {
      if (this.#on.signal.aborted) this.abort();
      else if (!this.#over) this.#finishWith(this.#on.judge(thrown));
    }
  }

  /** Chunk after chunk to the end. */
  async #follow(source: Source): Promise<void> {
    try {
      while (!this.#over) {
        if (this.#full) await this.#room(this.#full);
        this.#waiting = true;
        const chunk = await source.read();
        this.#waiting = false;
        if (!this.#over) this.#arrived(source.take(chunk));
      }
    } catch (thrown) {
      throw await source.fault(thrown);
    }
  }

  /** The next batch of an answer that is not read in chunks. */
  async #step(): Promise<void> {
    if (this.#full) await this.#room(this.#full);
    const { opened } = this.#on;
    const step = opened.pending ?? opened.next();
    opened.pending = undefined;
    this.#waiting = true;
    const { done, value } = await step;
    this.#waiting = false;
    if (!this.#over) this.#arrived(done ? undefined : value);
  }

  #arrived(events: readonly Event[] | undefined): void {
    if (events) this.#batch(events);
    else this.#finishWith(this.#fault ?? cutFailure());
  }

  async #room(full: Promise<unknown>): Promise<void> {
    await full;
    this.#full = undefined;
  }

  #batch(events: readonly Event[]): boolean {
    const out: Chunk[] = [];
    for (const event of events) {
      const hooked = this.#on.hooked(event);
      if (hooked === undefined) this.#encode(event, out);
      else for (const one of hooked) this.#encode(one, out);
      // Bytes after the terminal event are nobody's answer.
      if (TERMINAL.has(event.type)) {
        this.#finish(event, out);
        return true;
      }
    }
    return this.#flush(out);
  }

  #encode(event: Event, out: Chunk[]): void {
    if (!this.#begun && isDecisive(event.type)) {
      this.#begun = true;
      this.#on.first();
    }
    if (mayComplain(event.type)) this.#fault = faultOfEvent(event) ?? this.#fault;
    const chunk = this.#on.encoder.event(event);
    if (chunk !== undefined) out.push(chunk);
    else if (event.type === "response.failed") out.push(this.#on.encoder.fail(faultOfEvent(event) ?? cutFailure()));
  }

  #finish(event: Event, out: Chunk[]): void {
    const failed = event.type === "response.failed";
    const rest = failed ? undefined : this.#on.encoder.end();
    if (rest !== undefined) out.push(rest);
    this.#flush(out);
    const failure = failed ? faultOfEvent(event) : undefined;
    this.#settle({ outcome: failed ? "failed" : "ok", terminal: event, ...(failure && { failure }) });
  }

  #finishWith(failure: Failure): void {
    this.#send(this.#on.encoder.fail(failure));
    this.#settle({ outcome: "failed", failure });
  }

  #flush(out: readonly Chunk[]): boolean {
    if (out.length === 0) return false;
    this.#send(out.length === 1 ? (out[0] as Chunk) : joined(out));
    return true;
  }

  #send(chunk: Chunk): void {
    this.lastSent = performance.now();
    const sink = this.#sink;
    if (!sink) return void this.#early.push(chunk);
    const written = sink.write(chunk);
    if (typeof written !== "number") this.#full = written;
    sink.flush();
  }

  #settle(ending: Ending): void {
    if (this.#over) return;
    this.#over = true;
    this.#on.pulse.remove(this);
    // The receipt is written before the client can see the end: whoever saw it can rely on it (security.md, crash).
    this.#on.ended(ending);
    if (ending.outcome !== "aborted") this.#sink?.close();
    void (ending.outcome === "ok" ? this.#on.opened.finish() : this.#on.opened.close());
  }
}

function joined(chunks: readonly Chunk[]): Chunk {
  if (chunks.every((chunk) => typeof chunk === "string")) return chunks.join("");
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === "string" ? bytes.encode(chunk) : chunk)));
}
