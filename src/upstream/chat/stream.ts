// The events of one chat answer as they are pulled: each batch of chunks becomes a batch of events, until the answer is whole.

import type { Event } from "../../core/event.ts";
import type { ChatReader } from "./reader.ts";

type Step = IteratorResult<Event[], undefined>;
type Chunks = AsyncGenerator<Event[], undefined, undefined>;

/** Not a generator function: `return()` on one that was never started would not release the connection. */
export class ChatStream implements Chunks {
  readonly #chunks: Chunks;
  readonly #reader: ChatReader;
  #failure: { thrown: unknown } | undefined;

  constructor(chunks: Chunks, reader: ChatReader) {
    this.#chunks = chunks;
    this.#reader = reader;
  }

  async next(): Promise<Step> {
    for (;;) {
      if (this.#failure) return await this.throw(this.#failure.thrown);
      // A provider may keep its connection open after the last word.
      if (this.#reader.ended) return await this.return();
      const { done, value } = await this.#chunks.next();
      const events = this.#translated(done ? undefined : value);
      if (events.length > 0) return { done: false, value: events };
    }
  }

  async return(): Promise<Step> {
    await this.#chunks.return(undefined);
    return { done: true, value: undefined };
  }

  async throw(thrown: unknown): Promise<Step> {
    await this.#chunks.return(undefined);
    throw thrown;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** What came before an error in the same read is still the client's. */
  #translated(chunks: readonly Event[] | undefined): Event[] {
    const events: Event[] = [];
    try {
      if (!chunks) return this.#reader.end();
      for (const chunk of chunks) events.push(...this.#reader.push(chunk));
    } catch (thrown) {
      this.#failure = { thrown };
    }
    return events;
  }
}
