// Decides which of several accounts is asked next where a session has none yet, or none that works: by the strategy.

import { createHash } from "node:crypto";
import type { AccountHandle, AccountStrategy, UsageWindow } from "../core/account.ts";

export interface Rank {
  /** Higher ones are asked first. */
  priority: number;
  /** How much of the load it takes compared to others of its priority. */
  weight: number;
}

export class Selector {
  readonly #strategy: AccountStrategy;
  readonly #rankOf: (name: string) => Rank;
  readonly #clock: () => number;
  #turn = 0;

  constructor(strategy: AccountStrategy, rankOf: (name: string) => Rank, clock: () => number) {
    this.#strategy = strategy;
    this.#rankOf = rankOf;
    this.#clock = clock;
  }

  /** These accounts, the one to ask first at the front. */
  order(handles: readonly AccountHandle[], session: string): AccountHandle[] {
    if (handles.length < 2) return [...handles];
    const priorityOf = ({ name }: AccountHandle) => this.#rankOf(name).priority;
    const priorities = [...new Set(handles.map(priorityOf))].sort((a, b) => b - a);
    return priorities.flatMap((priority) =>
      this.#among(
        handles.filter((handle) => priorityOf(handle) === priority),
        session,
      ),
    );
  }

  /** One of the round was asked: the next session gets the next. */
  turn(): void {
    this.#turn++;
  }

  /** Accounts of one priority, in the order of the strategy. */
  #among(equals: readonly AccountHandle[], session: string): AccountHandle[] {
    const ranked = equals.map((handle, at) => ({ handle, key: this.#key(handle, at, equals.length, session) }));
    ranked.sort((a, b) => a.key[0] - b.key[0] || a.key[1] - b.key[1]);
    return ranked.map(({ handle }) => handle);
  }

  /** Smaller is asked earlier. The second number spreads sessions evenly where the first says nothing. */
  #key(handle: AccountHandle, at: number, count: number, session: string): [number, number] {
    const { weight } = this.#rankOf(handle.name);
    if (this.#strategy === "fill-first") return [at, 0];
    if (this.#strategy === "round-robin") return [(at - (this.#turn % count) + count) % count, 0];
    const { primary, secondary } = handle.state;
    const used = Math.max(this.#used(primary), this.#used(secondary));
    // Steps of ten percent: within one, sessions spread by weight instead of all running after the last header.
    return [Math.floor(used / 10), spread(session, handle.name, weight)];
  }

  #used(window: UsageWindow | null): number {
    if (!window) return 0;
    const over = window.resetsAt !== null && window.resetsAt * 1000 <= this.#clock();
    return over ? 0 : window.usedPercent;
  }
}

/** Weighted rendezvous hashing: each session has an order of its own, in which an account leads as often as its weight says. */
function spread(session: string, name: string, weight: number): number {
  const digest = createHash("sha256").update(`${session}\0${name}`).digest();
  const uniform = (digest.readUInt32BE(0) + 1) / 2 ** 32;
  return -Math.log(uniform) / Math.max(weight, 1e-9);
}
