// Bounds the silence between the reads of streams: one clock serves them all, and a read costs no more than two field writes.

import type { Failure } from "../core/failure.ts";

export interface Wait {
  ms: number;
  failure(): Failure;
}

/** A stream that is being read. */
export interface Waiting {
  /** When the read that is under way began; undefined between reads: a client that does not read is not the upstream's silence. */
  readonly since: number | undefined;
  /** How long it may take. */
  readonly wait: Wait;
  late(failure: Failure): void;
}

/** Thousands of idle streams share one timer: one for each would cost more than all that a stream has to remember. */
export class Patience {
  readonly #interval: number;
  readonly #streams = new Set<Waiting>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `shortest`: milliseconds of the shortest wait that will come. */
  constructor(shortest: number) {
    this.#interval = Math.max(5, Math.min(1000, shortest / 16));
  }

  add(stream: Waiting): void {
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.#tick(), this.#interval);
  }

  remove(stream: Waiting): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = performance.now();
    for (const stream of this.#streams) {
      const { since, wait } = stream;
      if (since === undefined || since + wait.ms > now) continue;
      this.remove(stream);
      stream.late(wait.failure());
    }
  }
}
