// Counters that the workers of one server share: they are in the memory of the process above them, which is asked.

import type { Count, Counted, Counters, Hold } from "./counters.ts";
import { MemoryCounters } from "./memory.ts";

export type CountThere = (counts: readonly Count[], holds: readonly Hold[]) => Promise<Counted>;

export class SharedCounters implements Counters {
  readonly kind = "memory";
  readonly #there: CountThere;
  /** For the time that a worker outlives the process above it. */
  readonly #local = new MemoryCounters(Date.now);
  #alone = false;

  constructor(there: CountThere) {
    this.#there = there;
  }

  get alone(): boolean {
    return this.#alone;
  }

  async count(counts: readonly Count[], holds: readonly Hold[]): Promise<Counted> {
    if (!this.#alone) {
      try {
        return await this.#there(counts, holds);
      } catch {
        this.#alone = true;
      }
    }
    return this.#local.countNow(counts, holds);
  }

  async close(): Promise<void> {
    await this.#local.close();
  }
}

/** The places that one worker holds, to be freed when it is gone. */
export class Places {
  readonly #held = new Map<string, { key: string; id: string }>();

  note(holds: readonly Hold[], { fits }: Counted): void {
    for (const { key, id, below } of holds) {
      if (id === undefined) continue;
      const name = `${id} ${key}`;
      if (below === undefined) this.#held.delete(name);
      else if (fits) this.#held.set(name, { key, id });
    }
  }

  async free(counters: Counters): Promise<void> {
    const holds = [...this.#held.values()];
    this.#held.clear();
    if (holds.length > 0) await counters.count([], holds);
  }
}
