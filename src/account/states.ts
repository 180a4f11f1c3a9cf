// What is known of accounts: in memory at once, in the store a moment later or as soon as it can be written.

import { type AccountState, type AccountStore, FRESH_STATE } from "../core/account.ts";
import type { Log } from "../core/hooks.ts";

const RETRY_MS = 1000;

export class States {
  readonly #store: AccountStore | undefined;
  readonly #log: Log | undefined;
  /** Changes that the store has not taken yet. */
  readonly #pending = new Map<string, Partial<AccountState>>();
  readonly #writing = new Set<string>();
  #told = false;

  constructor(store: AccountStore | undefined, log?: Log) {
    this.#store = store;
    this.#log = log;
  }

  get(name: string): AccountState {
    return { ...(this.#store?.state(name) ?? FRESH_STATE), ...this.#pending.get(name) };
  }

  /** Never throws and never waits: a turn does not fail because of what cannot be noted of it. */
  change(name: string, patch: Partial<AccountState>): void {
    this.#pending.set(name, { ...this.#pending.get(name), ...patch });
    if (this.#store) void this.#write(name, this.#store);
  }

  /** One write at a time for an account, each with all that has come together. */
  async #write(name: string, store: AccountStore): Promise<void> {
    if (this.#writing.has(name)) return;
    this.#writing.add(name);
    try {
      for (let changes = this.#pending.get(name); changes; changes = this.#pending.get(name)) {
        await store.change(name, changes);
        // What came meanwhile is another object.
        if (this.#pending.get(name) === changes) this.#pending.delete(name);
      }
      this.#told = false;
    } catch (thrown) {
      if (!this.#told) this.#log?.warn("the state of accounts waits in memory", { reason: (thrown as Error).message });
      this.#told = true;
      setTimeout(() => void this.#write(name, store), RETRY_MS).unref();
    } finally {
      this.#writing.delete(name);
    }
  }
}
