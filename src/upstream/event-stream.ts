// The events of one answer, pulled chunk by chunk from the upstream's body; stops reading when nobody asks, and lets go when told.

import type { Event } from "../core/event.ts";
import { Failure } from "../core/failure.ts";
import { SseReader } from "../core/sse.ts";
import type { Connection } from "./connection.ts";
import type { Deadline } from "./deadline.ts";
import type { Restore } from "./restore.ts";

type Body = ReadableStreamDefaultReader<Uint8Array>;
type Step = IteratorResult<Event[], undefined>;

/** Not a generator function: `return()` on one that was never started would not release the connection. */
export class EventStream implements AsyncGenerator<Event[], undefined, undefined> {
  readonly #connection: Connection;
  readonly #deadline: Deadline;
  readonly #restore: Restore | undefined;
  readonly #sse = new SseReader();
  #reader: Body | undefined;
  #begun = false;

  constructor(connection: Connection, deadline: Deadline, reader: Body | undefined, restore?: Restore) {
    this.#connection = connection;
    this.#deadline = deadline;
    this.#reader = reader;
    this.#restore = restore;
  }

  async next(): Promise<Step> {
    const reader = this.#reader;
    if (!reader) return { done: true, value: undefined };
    try {
      for (;;) {
        const chunk = await this.#read(reader);
        const events = chunk ? this.#sse.push(chunk) : this.#sse.end();
        if (!chunk) await this.#close();
        if (events.length > 0) return { done: false, value: this.#restored(events) };
        if (!chunk) return { done: true, value: undefined };
      }
    } catch (thrown) {
      await this.#close();
      if (thrown instanceof Failure || this.#deadline.signal.aborted) throw thrown;
      throw this.#connection.broken(thrown);
    }
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

  async #read(reader: Body): Promise<Uint8Array | undefined> {
    const { limits } = this.#connection;
    const [ms, failure] = this.#begun
      ? ([limits.idle, () => this.#connection.silent()] as const)
      : ([limits.firstByte, () => this.#connection.late()] as const);
    const { value } = await this.#deadline.within(ms, failure, () => reader.read());
    this.#begun = true;
    return value;
  }

  #restored(events: Event[]): Event[] {
    const restore = this.#restore;
    return restore ? events.map((event) => restore.event(event)) : events;
  }

  /** A body that somebody still references after its end is kept by Bun, megabytes at a time. */
  async #close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#deadline.release();
    await reader?.cancel().catch(() => undefined);
  }
}
