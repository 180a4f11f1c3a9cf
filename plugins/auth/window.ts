// Counts refused keys per address in a sliding minute, in a table of bounded size.

const WINDOW = 60_000;
const ALLOWED = 20;
const ADDRESSES = 10_000;

export class FailureWindow {
  readonly #clock: () => number;
  readonly #table = new Map<string, { since: number; count: number }>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Counts one failure of this address; returns the seconds it must wait, 0 while it is within what is allowed. */
  add(address: string): number {
    const now = this.#clock();
    const entry = this.#table.get(address);
    if (!entry || now - entry.since >= WINDOW) {
      // Re-inserting moves the address to the end, so that the oldest one is the first to be forgotten.
      this.#table.delete(address);
      this.#table.set(address, { since: now, count: 1 });
      if (this.#table.size > ADDRESSES) this.#table.delete(this.#table.keys().next().value as string);
      return 0;
    }
    entry.count++;
    return entry.count > ALLOWED ? Math.ceil((entry.since + WINDOW - now) / 1000) : 0;
  }
}
