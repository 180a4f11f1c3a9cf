// Renews a login once, however many requests and processes want it at the same moment.

import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { AccountStore } from "../core/account.ts";
import type { Log } from "../core/hooks.ts";
import { type Issuer, type RefreshReason, Refusal } from "./issuer.ts";
import type { Keeper, Login, LoginPlace, Renewal } from "./login.ts";

/** A killed process blocks the others for at most this long; a living one extends its right long before. */
const LEASE_MS = 6_000;
const EXTEND_MS = 1_500;
const LOOK_MS = 100;
/** Before a refused login is given up: longer than the pause between two tries to write one. */
const LOOKS = 15;
/** Longer than the issuer may take for all tries. */
const WAIT_MS = 120_000;
const PAUSES_MS = [250, 1_000];
const LONGEST_PAUSE_MS = 60_000;

export interface RefresherSetting {
  issuer: Issuer;
  store: AccountStore;
  clock: () => number;
  log?: Log | undefined;
}

/** A wish for another login than `used`. */
export interface Wish {
  account: string;
  place: LoginPlace;
  renewal: Renewal;
  used: Login;
  reason: RefreshReason;
}

export class Refresher {
  readonly #owner = randomBytes(12).toString("hex");
  readonly #issuer: Issuer;
  readonly #store: AccountStore;
  readonly #clock: () => number;
  readonly #log: Log | undefined;
  readonly #running = new Map<string, Promise<Login>>();
  readonly #resting = new Map<string, { until: number; pause: number; reason: unknown }>();

  constructor({ issuer, store, clock, log }: RefresherSetting) {
    this.#issuer = issuer;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Another login than `used`: renewed here, or found renewed by somebody else. Throws the issuer's `Refusal`, or why nothing
   * could be asked; a permanent refusal means that only a person can help.
   */
  renew(wish: Wish): Promise<Login> {
    const { key } = wish.renewal;
    const running = this.#running.get(key);
    if (running) return running;
    const resting = this.#resting.get(key);
    if (resting && resting.until > this.#clock()) return Promise.reject(resting.reason);
    const renewing = this.#alone(wish).finally(() => this.#running.delete(key));
    this.#running.set(key, renewing);
    return renewing;
  }

  /** Asks for the right to renew until it has it, or until nobody needs it any more. */
  async #alone(wish: Wish): Promise<Login> {
    const { place, used } = wish;
    const { key } = wish.renewal;
    const deadline = this.#clock() + WAIT_MS;
    for (;;) {
      if (await this.#leased(key)) break;
      if (this.#clock() > deadline) throw new Refusal("another process has been renewing this login for too long");
      await pause(LOOK_MS * (0.5 + Math.random()));
      const now = await place.read();
      if (now.token !== used.token) return now;
    }
    const extending = setInterval(() => void this.#extend(key), EXTEND_MS);
    try {
      // Whoever had the right before may have renewed it.
      const now = await place.read();
      if (now.token !== used.token) return now;
      return await this.#asked(wish, now);
    } finally {
      clearInterval(extending);
      await this.#release(key);
    }
  }

  async #asked({ account, place, renewal, reason }: Wish, login: Login): Promise<Login> {
    const { key } = renewal;
    let keeper: Keeper | undefined;
    try {
      keeper = await renewal.prepare();
      const kept = await this.#tried(login, reason, keeper);
      this.#resting.delete(key);
      this.#log?.info("a login was renewed", { account, reason });
      return kept;
    } catch (thrown) {
      const permanent = thrown instanceof Refusal && thrown.permanent;
      const other = permanent ? await this.#replaced(place, login) : undefined;
      if (other) return other;
      if (!permanent) this.#rest(key, thrown);
      this.#log?.warn("a login could not be renewed", { account, permanent, reason: (thrown as Error).message });
      throw thrown;
    } finally {
      keeper?.discard();
    }
  }

  /** A transient refusal is met with a few more tries; a permanent one never. */
  async #tried(login: Login, reason: RefreshReason, keeper: Keeper): Promise<Login> {
    if (login.refresh === undefined) throw new Refusal("there is no refresh token", { permanent: true });
    for (let attempt = 0; ; attempt++) {
      try {
        const tokens = await this.#issuer.refresh(login.refresh, reason, login.clientId);
        // Nothing may come between the answer and this: until it is kept, the rotated token exists only here.
        return await keeper.keep(login, tokens);
      } catch (thrown) {
        const wait = PAUSES_MS[attempt];
        if (!(thrown instanceof Refusal) || thrown.permanent || wait === undefined) throw thrown;
        if (thrown.retryAfter !== undefined && thrown.retryAfter * 1000 > LEASE_MS) throw thrown;
        await pause(Math.max(wait * (0.8 + 0.4 * Math.random()), (thrown.retryAfter ?? 0) * 1000));
      }
    }
  }

  /**
   * Somebody who does not ask for the right (the Codex CLI), or whose right ended while the store was away, may have spent the token
   * first and be about to write the new one.
   */
  async #replaced(place: LoginPlace, used: Login): Promise<Login | undefined> {
    for (let looks = 0; looks < LOOKS; looks++) {
      if (looks > 0) await pause(LOOK_MS);
      const now = await place.read();
      if (now.token !== used.token || now.refresh !== used.refresh) return now;
    }
    return undefined;
  }

  #rest(key: string, reason: unknown): void {
    const last = this.#resting.get(key)?.pause ?? 500;
    const advice = reason instanceof Refusal ? (reason.retryAfter ?? 0) : 0;
    const next = Math.max(Math.min(last * 2, LONGEST_PAUSE_MS), advice * 1000);
    this.#resting.set(key, { until: this.#clock() + next, pause: next, reason });
  }

  async #leased(key: string): Promise<boolean> {
    try {
      return await this.#store.lease(key, this.#owner, Date.now() + LEASE_MS);
    } catch (thrown) {
      if (isBusy(thrown)) return false;
      throw new Refusal("the store cannot be written, so a renewed login could not be kept", {}, thrown);
    }
  }

  async #extend(key: string): Promise<void> {
    try {
      await this.#leased(key);
    } catch {
      // The answer is on its way and will be kept as well as can be.
    }
  }

  async #release(key: string): Promise<void> {
    try {
      await this.#store.release(key, this.#owner);
    } catch {
      // It ends by itself.
    }
  }
}

export function isBusy(thrown: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(String((thrown as { code?: unknown } | undefined)?.code));
}
