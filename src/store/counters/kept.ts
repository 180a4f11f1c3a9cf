// Keeps what is counted in memory over a restart: the windows that last longer than the restart does, in the store.

import type { Log } from "../../core/hooks.ts";
import type { Engine } from "../engine.ts";
import { marks, portions } from "../rows.ts";
import type { Count, Counted, Counters, Hold } from "./counters.ts";
import { MemoryCounters } from "./memory.ts";

/** Milliseconds after which a count is in the store; a killed process loses no more than these. */
const DELAY = 1000;
/** A window that ends sooner is not worth a write. */
const LONG = 60_000;

export async function keptCounters(engine: Engine, log: Pick<Log, "warn">, clock = Date.now): Promise<Counters> {
  const counters = new KeptCounters(engine, log, clock);
  await counters.load();
  return counters;
}

class KeptCounters extends MemoryCounters {
  readonly #engine: Engine;
  readonly #log: Pick<Log, "warn">;
  readonly #clock: () => number;
  /** What is in the store, by counter. */
  readonly #written = new Map<string, { count: number; until: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isFailing = false;

  constructor(engine: Engine, log: Pick<Log, "warn">, clock: () => number) {
    super(clock);
    this.#engine = engine;
    this.#log = log;
    this.#clock = clock;
  }

  async load(): Promise<void> {
    const rows = await this.#engine.all<{ name: string; count: number; until: number }>(
      "select name, count, until from counters where until > ?",
      [this.#clock()],
    );
    for (const { name, count, until } of rows) {
      this.tallies.set(name, { count, until });
      this.#written.set(name, { count, until });
    }
  }

  override async count(counts: readonly Count[], holds: readonly Hold[]): Promise<Counted> {
    if (counts.length > 0 && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#writing = this.#write();
      }, DELAY);
      this.#timer.unref();
    }
    return await super.count(counts, holds);
  }

  async #write(): Promise<void> {
    await this.#writing;
    const now = this.#clock();
    for (const [name, { until }] of this.#written) if (until <= now) this.#written.delete(name);
    const changed = [...this.tallies].filter(([name, { count, until }]) => {
      const written = this.#written.get(name);
      return until - now > LONG && (written?.count !== count || written.until !== until);
    });
    if (changed.length === 0) return;
    // As they are now: they go on changing while they are written.
    const rows = changed.map(([name, { count, until }]) => ({ name, count, until }));
    try {
      await this.#engine.transaction(async (within) => {
        await within.run("delete from counters where until <= ?", [now]);
        for (const some of portions(rows)) {
          await within.run(
            `insert into counters (name, count, until) values ${marks(some.length, 3)}
             on conflict (name) do update set count = excluded.count, until = excluded.until`,
            some.flatMap(({ name, count, until }) => [name, count, until]),
          );
        }
      });
      for (const { name, ...tally } of rows) this.#written.set(name, tally);
      this.#isFailing = false;
    } catch (error) {
      // They are written with the next ones; limits hold meanwhile, and only a restart would forget.
      if (!this.#isFailing)
        this.#log.warn("counters cannot be kept over a restart now", { reason: (error as Error).message });
      this.#isFailing = true;
    }
  }

  override async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#write();
    await super.close();
  }
}
