// Lets go of receipts that are older than the configuration wants, now and then, in the background.

import type { Log } from "../core/hooks.ts";
import type { Engine } from "../store/engine.ts";
import { prune } from "../store/retention.ts";

/** After a start and after a change: what is served first comes first. */
const SOON = 1000;
const OFTEN = 600_000;

export class Retention {
  readonly #engine: Engine;
  readonly #log: Log;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #keep = 0;
  #running: Promise<void> | undefined;
  #over = false;

  constructor(engine: Engine, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  /** Milliseconds; 0 for ever. */
  set keep(keep: number) {
    this.#keep = keep;
    this.#later(SOON);
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#keep === 0 || this.#over) return;
    this.#timer = setTimeout(() => {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
        this.#later(OFTEN);
      });
    }, ms);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    try {
      const removed = await prune(this.#engine, Date.now() - this.#keep, () => this.#over);
      if (removed > 0) this.#log.info("old receipts are only sums now", { receipts: removed });
    } catch (error) {
      this.#log.warn("old receipts could not be removed", { reason: (error as Error).message });
    }
  }

  async close(): Promise<void> {
    this.#over = true;
    clearTimeout(this.#timer);
    await this.#running;
  }
}
