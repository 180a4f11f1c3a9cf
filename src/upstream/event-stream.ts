// The events of one answer, pulled chunk by chunk from the upstream's body; stops reading when nobody asks, and lets go when told.

import type { Event } from "../core/event.ts";
import { Failure } from "../core/failure.ts";
import { SseReader } from "../core/sse.ts";
import type { Connection } from "./connection.ts";
import type { Deadline, Stopped } from "./deadline.ts";
import type { Wait, Waiting } from "./patience.ts";
import type { Restore } from "./restore.ts";

type Body = ReadableStreamDefaultReader<Uint8Array>;
type Step = IteratorResult<Event[], undefined>;
type Chunk = Awaited<ReturnType<Body["read"]>>;

/** An answer in halves of a step, for a reader that cannot afford a second promise for each chunk. */
export interface Source {
  /** The next chunk. What it throws or rejects with, and what `take` throws, goes to `fault`. */
  read(): Promise<Chunk>;
  /** The events that it completed, none too; undefined at the end. */
  take(chunk: Chunk): Event[] | undefined;
  /** Lets go of the upstream, and says what the error means. */
  fault(thrown: unknown): Promise<unknown>;
}

const END: Chunk = { done: true, value: undefined };

/** Not a generator function: `return()` on one that was never started would not release the connection. */
export class EventStream implements AsyncGenerator<Event[], undefined, undefined>, Source, Waiting, Stopped {
  readonly #connection: Connection;
  readonly #deadline: Deadline;
  readonly #restore: Restore | undefined;
  readonly #sse = new SseReader();
  #reader: Body | undefined;
  #watched = false;
  since: number | undefined;
  wait: Wait;

  constructor(connection: Connection, deadline: Deadline, reader: Body | undefined, restore?: Restore) {
    this.#connection = connection;
    this.#deadline = deadline;
    this.#reader = reader;
    this.#restore = restore;
    this.wait = connection.first;
    deadline.holder = this;
  }

  late(failure: Failure): void {
    this.#deadline.stop(failure);
  }

  /** A transport may be slow to notice its signal; whoever reads must not wait for that. */
  stopped(): void {
    void this.#reader?.cancel().catch(() => undefined);
  }

  async next(): Promise<Step> {
    try {
      for (;;) {
        const events = this.take(await this.read());
        if (!events) return { done: true, value: undefined };
        if (events.length > 0) return { done: false, value: events };
      }
    } catch (thrown) {
      throw await this.fault(thrown);
    }
  }

  read(): Promise<Chunk> {
    if (!this.#reader) return Promise.resolve(END);
    this.#deadline.signal.throwIfAborted();
    if (!this.#watched) {
      this.#watched = true;
      this.#connection.patience.add(this);
    }
    this.since = performance.now();
    return this.#reader.read();
  }

  take({ value: chunk }: Chunk): Event[] | undefined {
    this.since = undefined;
    if (!this.#reader) return undefined;
    this.#deadline.signal.throwIfAborted();
    this.wait = this.#connection.later;
    if (chunk) return this.#restored(this.#sse.push(chunk));
    const events = this.#sse.end();
    void this.#close();
    return events.length > 0 ? this.#restored(events) : undefined;
  }

  async fault(thrown: unknown): Promise<unknown> {
    await this.#close();
    // Why the reading was ended says more than how the transport took it.
    if (this.#deadline.signal.aborted) return this.#deadline.signal.reason;
    return thrown instanceof Failure ? thrown : this.#connection.broken(thrown);
  }

  async return(): Promise<Step> {
    await this.#close();
    return { done: true, value: undefined };
  }

  async throw(thrown: unknown): Promise<Step> {
    await this.#close();
    throw thrown;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  #restored(events: Event[]): Event[] {
    const restore = this.#restore;
    return restore ? events.map((event) => restore.event(event)) : events;
  }

  /** A body that somebody still references after its end is kept by Bun, megabytes at a time. */
  async #close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#connection.patience.remove(this);
    this.#deadline.release();
    await reader?.cancel().catch(() => undefined);
  }
}
