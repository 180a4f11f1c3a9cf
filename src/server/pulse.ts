// One clock for all open streams: wakes those to whom nothing was sent for a heartbeat's time.

export interface Beating {
  /** When something was last handed to the client; milliseconds of `performance.now()`. */
  lastSent: number;
  beat(): void;
}

/** Thousands of idle streams share one timer; a stream pays one field write for each chunk it sends. */
export class Pulse {
  readonly #interval: number;
  readonly #streams = new Set<Beating>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `interval` in milliseconds; 0 for never. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  add(stream: Beating): void {
    if (this.#interval === 0) return;
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.#tick(), Math.max(10, Math.min(1000, this.#interval / 4)));
  }

  remove(stream: Beating): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const due = performance.now() - this.#interval;
    for (const stream of this.#streams) if (stream.lastSent <= due) stream.beat();
  }
}
