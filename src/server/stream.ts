// open → ended: hands the events of an opened answer to the client through its dialect's encoder, with heartbeats, and settles once.

import type { Event } from "../core/event.ts";
import type { Failure } from "../core/failure.ts";
import type { Chunk, Encoder } from "../core/hooks.ts";
import { faultOfEvent } from "../upstream/failure.ts";
import { cutFailure, isDecisive, mayComplain, type Opened } from "./opening.ts";
import type { Beating, Pulse } from "./pulse.ts";

const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);
const bytes = new TextEncoder();

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

/** The body of a streaming answer. Pulled by the client: an unread stream stops the upstream. */
export class AnswerStream implements Beating {
  lastSent = performance.now();
  readonly body: ReadableStream<Uint8Array>;
  readonly #on: Streaming;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #held: Event[] | undefined;
  #waiting = false;
  #over = false;
  #begun = false;
  #fault: Failure | undefined;

  constructor(on: Streaming) {
    this.#on = on;
    this.#held = on.opened.held;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.abort(),
      },
      { highWaterMark: 0 },
    );
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

  async #pull(): Promise<void> {
    if (this.#over) return;
    this.#waiting = true;
    try {
      while (!this.#over) if (await this.#step()) break;
    } catch (thrown) {
      if (this.#on.signal.aborted) this.abort();
      else if (!this.#over) this.#finishWith(this.#on.judge(thrown));
    }
    this.#waiting = false;
  }

  /** Takes the next batch of events; true once something was sent. */
  async #step(): Promise<boolean> {
    const held = this.#held;
    if (held) {
      this.#held = undefined;
      const sent = this.#batch(held);
      if (sent || this.#over) return true;
      // Opened by the clock with nothing to show: the client gets its first sign of life at once.
      if (this.#on.opened.pending) {
        this.#send(this.#on.heartbeat());
        return true;
      }
      return false;
    }
    const { opened } = this.#on;
    const step = opened.pending ?? opened.next();
    opened.pending = undefined;
    const { done, value } = await step;
    if (this.#over) return true;
    if (done) {
      this.#finishWith(this.#fault ?? cutFailure());
      return true;
    }
    return this.#batch(value);
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
    this.#controller.enqueue(typeof chunk === "string" ? bytes.encode(chunk) : chunk);
  }

  #settle(ending: Ending): void {
    if (this.#over) return;
    this.#over = true;
    this.#on.pulse.remove(this);
    // The receipt is written before the client can see the end: whoever saw it can rely on it (security.md, crash).
    this.#on.ended(ending);
    if (ending.outcome !== "aborted") this.#controller.close();
    void (ending.outcome === "ok" ? this.#on.opened.finish() : this.#on.opened.close());
  }
}

function joined(chunks: readonly Chunk[]): Chunk {
  if (chunks.every((chunk) => typeof chunk === "string")) return chunks.join("");
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === "string" ? bytes.encode(chunk) : chunk)));
}
