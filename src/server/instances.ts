// Tells the other instances of one store that this one is there, and warns when they run other plugins than it does.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Log } from "../core/hooks.ts";
import type { Store } from "../store/index.ts";
import { type Instance, openInstances } from "../store/instances.ts";
import type { Configured } from "./gateway.ts";

const BEAT_MS = 5000;

/** A chain with its options and its files, in a few characters that tell nothing of them; the same on every machine. */
export function chainDigest({ config, files }: Configured, { keys }: Pick<Store, "keys">): string {
  const hmac = createHmac("sha256", keys[0] ?? "");
  for (const { file, ...plugin } of config.plugins) {
    hmac.update(JSON.stringify(plugin));
    const module = files.find(({ path }) => path === file)?.file;
    if (module !== undefined) hmac.update(readFileSync(module));
  }
  return hmac.digest("hex").slice(0, 12);
}

export class Presence {
  readonly #store: Pick<Store, "engine">;
  readonly #own: Omit<Instance, "seenAt" | "chain">;
  readonly #log: Log;
  #chain = "";
  #all: readonly Instance[] = [];
  /** Chains of others that were warned of. */
  #warned = "";
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(store: Pick<Store, "engine">, own: Omit<Instance, "seenAt" | "chain">, log: Log) {
    this.#store = store;
    this.#own = own;
    this.#log = log;
  }

  /** This one runs by this chain from now on. A file has no instances on other machines to agree with. */
  set chain(chain: string) {
    this.#chain = chain;
    if (this.#store.engine.kind === "sqlite") return;
    this.#timer ??= setInterval(() => void this.#beat(), BEAT_MS).unref();
    void this.#beat();
  }

  get #now(): Instance {
    return { ...this.#own, chain: this.#chain, seenAt: Date.now() };
  }

  /** Every instance as far as it is known, this one first. */
  all(): Instance[] {
    return [this.#now, ...this.#all.filter(({ name }) => name !== this.#own.name)];
  }

  async #beat(): Promise<void> {
    try {
      this.#all = await openInstances(this.#store.engine).tell(this.#now);
    } catch {
      // Those who cannot reach the store say so where it matters.
      return;
    }
    const others = this.#all.filter(({ chain }) => chain !== this.#chain);
    const chains = [...new Set(others.map(({ chain }) => chain))].sort().join();
    if (chains !== "" && chains !== this.#warned)
      this.#log.warn("other instances of this store run another chain of plugins, or other options of them", {
        chain: this.#chain,
        others: others.map(({ name, chain }) => `${name} ${chain}`).join(", "),
      });
    this.#warned = chains;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#timer)
      await openInstances(this.#store.engine)
        .leave(this.#own.name)
        .catch(() => undefined);
  }
}
