// The events of one response while it is made: numbered, and written to the store a few at a time.

import type { EventData } from "../../core/event.ts";
import type { EventRun } from "../../store/responses.ts";

/** Milliseconds that an event may wait for company: a write each would cost more than the events. */
const GATHER = 40;
/** Events that wait for a store that is away; beyond it the oldest are let go, for memory must not grow with them. */
const MOST = 100_000;

export class EventLog {
  readonly #write: (run: EventRun) => Promise<void>;
  #lines: string[] = [];
  /** Number of the first line that waits. */
  #first = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #news = Promise.withResolvers<void>();

  constructor(write: (run: EventRun) => Promise<void>) {
    this.#write = write;
  }

  add(data: EventData): void {
    this.#lines.push(this.#line(data));
    this.#timer ??= setTimeout(() => this.#flush(), GATHER);
  }

  #line({ type, ...rest }: EventData): string {
    return JSON.stringify({ type, ...rest, sequence_number: this.#first + this.#lines.length });
  }

  #flush(): void {
    this.#timer = undefined;
    this.#writing = this.#writing.then(async () => {
      const run = this.#take();
      if (!run) return;
      try {
        await this.#write(run);
        this.tell();
      } catch {
        this.#giveBack(run);
      }
    });
  }

  #take(): EventRun | undefined {
    if (this.#lines.length === 0) return undefined;
    const run = { first: this.#first, last: this.#first + this.#lines.length - 1, lines: this.#lines.join("\n") };
    this.#first = run.last + 1;
    this.#lines = [];
    return run;
  }

  #giveBack({ first, lines }: EventRun): void {
    if (this.#lines.length > MOST) return;
    this.#lines = [...lines.split("\n"), ...this.#lines];
    this.#first = first;
    this.#timer ??= setTimeout(() => this.#flush(), GATHER * 10);
  }

  /** Resolves at the next news; ask before looking. */
  changed(): Promise<void> {
    return this.#news.promise;
  }

  tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  /** The last events, this one included, for whoever writes them together with the end. */
  async end(data: EventData): Promise<EventRun> {
    clearTimeout(this.#timer);
    await this.#writing;
    clearTimeout(this.#timer);
    this.#lines.push(this.#line(data));
    return this.#take() as EventRun;
  }
}
