// What is known of accounts: in the store, and in memory for as long as the store cannot be written.

import { type AccountState, type AccountStore, FRESH_STATE } from "../core/account.ts";
import type { Log } from "../core/hooks.ts";

export class States {
  readonly #store: AccountStore | undefined;
  readonly #log: Log | undefined;
  /** Changes that the store has not taken yet. */
  readonly #pending = new Map<string, Partial<AccountState>>();
  #told = false;

  constructor(store: AccountStore | undefined, log?: Log) {
    this.#store = store;
    this.#log = log;
  }

  get(name: string): AccountState {
    return { ...(this.#store?.state(name) ?? FRESH_STATE), ...this.#pending.get(name) };
  }

  /** Never throws: a turn does not fail because of what cannot be noted of it. */
  change(name: string, patch: Partial<AccountState>): void {
    const changes = { ...this.#pending.get(name), ...patch };
    this.#pending.set(name, changes);
    if (!this.#store) return;
    try {
      this.#store.change(name, changes);
      this.#pending.delete(name);
      this.#told = false;
    } catch (thrown) {
      if (!this.#told) this.#log?.warn("the state of accounts waits in memory", { reason: (thrown as Error).message });
      this.#told = true;
    }
  }
}
