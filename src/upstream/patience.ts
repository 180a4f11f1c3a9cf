// Bounds the silence between the reads of a stream: one timer serves them all, and a read costs no more than two field writes.

import type { Failure } from "../core/failure.ts";
import type { Deadline } from "./deadline.ts";

export interface Wait {
  ms: number;
  failure(): Failure;
}

export class Patience {
  readonly #deadline: Deadline;
  #wait: Wait | undefined;
  /** When the read that is under way began; undefined between reads: a client that does not read is not the upstream's silence. */
  #since: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(deadline: Deadline) {
    this.#deadline = deadline;
  }

  /** Waits for one step, at most as long as `wait` says. Its reader has to end when the deadline's signal does. */
  async during<Value>(wait: Wait, step: () => Promise<Value>): Promise<Value> {
    this.#deadline.signal.throwIfAborted();
    if (wait !== this.#wait) this.#arm(wait);
    this.#since = performance.now();
    try {
      return await step();
    } finally {
      this.#since = undefined;
      // Why the waiting ended says more than how the transport took it.
      this.#deadline.signal.throwIfAborted();
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #arm(wait: Wait): void {
    this.#wait = wait;
    clearTimeout(this.#timer);
    if (Number.isFinite(wait.ms)) this.#timer = setTimeout(() => this.#check(wait), wait.ms);
  }

  #check(wait: Wait): void {
    const left = this.#since === undefined ? wait.ms : this.#since + wait.ms - performance.now();
    // Timers may fire a little early.
    if (left <= 1) this.#deadline.stop(wait.failure());
    else this.#timer = setTimeout(() => this.#check(wait), left);
  }
}
