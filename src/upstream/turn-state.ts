// Remembers which account gave a turn state, because it means nothing to another one (translation.md 0.12).

import { digest } from "./digest.ts";

/** A turn lasts minutes; this many of them are under way at most, whatever clients send. */
const LARGEST = 10_000;

export class TurnStates {
  readonly #owners = new Map<string, string>();

  learn(state: string | null, account: string): void {
    if (state === null) return;
    const key = digest(state);
    this.#owners.delete(key);
    this.#owners.set(key, account);
    const [oldest] = this.#owners.keys();
    if (this.#owners.size > LARGEST && oldest !== undefined) this.#owners.delete(oldest);
  }

  /** Whether this account may see the state. One from before a restart is ours if there is nobody else's. */
  belongs(state: string, account: string, accounts: number): boolean {
    const owner = this.#owners.get(digest(state));
    return owner === undefined ? accounts <= 1 : owner === account;
  }
}
