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

  /** A read begins: it may take as long as `wait` says, then the deadline is stopped with its failure. */
  begin(wait: Wait): void {
    if (wait !== this.#wait) this.#arm(wait);
    this.#since = performance.now();
  }

  /** The read brought something. */
  pause(): void {
    this.#since = undefined;
  }

  /** There will be no more reads. */
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
