// Counters in the memory of one process.

import type { Count, Counted, Counters, Hold, Reading } from "./counters.ts";

export interface Tally {
  count: number;
  /** Milliseconds of the clock at which the window ends. */
  until: number;
}

/** Windows that are over are forgotten when there are twice as many as after the last time, and at least so many. */
const SWEEP = 1000;

export class MemoryCounters implements Counters {
  readonly kind = "memory";
  readonly alone = false;
  readonly tallies = new Map<string, Tally>();
  readonly holds = new Map<string, Set<string>>();
  readonly #clock: () => number;
  #sweepAt = SWEEP;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  async count(counts: readonly Count[], holds: readonly Hold[]): Promise<Counted> {
    return this.countNow(counts, holds);
  }

  countNow(counts: readonly Count[], holds: readonly Hold[]): Counted {
    const now = this.#clock();
    const isFull =
      counts.some(({ key, below }) => below !== undefined && (this.#open(key, now)?.count ?? 0) >= below) ||
      holds.some(({ key, below }) => below !== undefined && this.#held(key) >= below);
    if (!isFull) {
      for (const count of counts) this.#add(count, now);
      for (const hold of holds) this.#hold(hold);
    }
    return {
      fits: !isFull,
      counts: counts.map(({ key }) => readingOf(this.#open(key, now))),
      held: holds.map(({ key }) => this.#held(key)),
    };
  }

  #open(key: string, now: number): Tally | undefined {
    const tally = this.tallies.get(key);
    return tally && tally.until > now ? tally : undefined;
  }

  #add({ key, amount, span, of }: Count, now: number): void {
    const open = this.#open(key, now);
    // What is given back belongs to the window that it was taken in; that one is over.
    if (amount < 0 && (!open || (of !== undefined && open.until !== of))) return;
    if (open) open.count = Math.max(0, open.count + amount);
    else if (amount > 0)
      this.#begin(key, { count: amount, until: "until" in span ? span.until : now + span.lasts }, now);
  }

  #begin(key: string, tally: Tally, now: number): void {
    this.tallies.set(key, tally);
    if (this.tallies.size < this.#sweepAt) return;
    this.sweep(now);
    this.#sweepAt = Math.max(SWEEP, this.tallies.size * 2);
  }

  /** Forgets the windows that are over. */
  sweep(now: number): void {
    for (const [key, { until }] of this.tallies) if (until <= now) this.tallies.delete(key);
  }

  #held(key: string): number {
    return this.holds.get(key)?.size ?? 0;
  }

  #hold({ key, id, below }: Hold): void {
    if (id === undefined) return;
    const held = this.holds.get(key);
    if (below === undefined) {
      held?.delete(id);
      if (held?.size === 0) this.holds.delete(key);
    } else if (held) held.add(id);
    else this.holds.set(key, new Set([id]));
  }

  async close(): Promise<void> {
    this.tallies.clear();
    this.holds.clear();
  }
}

function readingOf(tally: Tally | undefined): Reading {
  return tally ? { count: tally.count, until: tally.until, window: tally.until } : { count: 0, until: 0, window: 0 };
}
