// One account in use: its token, renewed in time, and what its answers taught us.

import type { AccountHandle, AccountState, Credentials, Obstacle } from "../core/account.ts";
import type { Failure } from "../core/failure.ts";
import type { Log } from "../core/hooks.ts";
import { type RefreshReason, Refusal } from "./issuer.ts";
import { creditsOf, hasRoom, sameLimits, windowsOf } from "./limits.ts";
import { credentialsOf, digestOf, expiryOf, isDue, type Login, type LoginPlace } from "./login.ts";
import type { Refresher } from "./refresh.ts";
import { notRenewed, refusedCredential } from "./refused.ts";
import type { Routes } from "./routes.ts";
import type { States } from "./states.ts";

/** What handles of one upstream have in common. */
export interface HandleSetting {
  states: States;
  clock: () => number;
  refresher: Refresher | undefined;
  routes: Routes | undefined;
  log: Log | undefined;
}

/** With less life left than this, a request waits for the new token instead of using the old one. */
const WAIT_MS = 30_000;
/** A token renewed this recently and refused again is not the problem. */
const AGAIN_MS = 10_000;

/** Failures that say something of the account, not of the request. */
const OF_THE_ACCOUNT = ["rate_limit", "quota", "overloaded", "upstream_credential", "transport", "upstream_timeout"];

export class Handle implements AccountHandle {
  readonly name: string;
  readonly #place: LoginPlace;
  readonly #around: HandleSetting;
  #forcedAt = Number.NEGATIVE_INFINITY;

  constructor(name: string, place: LoginPlace, around: HandleSetting) {
    this.name = name;
    this.#place = place;
    this.#around = around;
  }

  get state(): AccountState {
    return this.#around.states.get(this.name);
  }

  get plan(): string | null {
    return this.#place.known?.plan ?? null;
  }

  get obstacle(): Obstacle | undefined {
    const { paused, cooldownUntil, cooldownReason, dead, deadReason } = this.state;
    if (paused) return { why: "paused" };
    const login = this.#place.known;
    const message = login && this.#hopeless(login, dead, deadReason);
    if (message) return { why: "login", message };
    if (cooldownUntil !== null && cooldownUntil > this.#around.clock())
      return { why: "cooldown", until: cooldownUntil, reason: cooldownReason ?? "" };
    return undefined;
  }

  async look(): Promise<void> {
    try {
      await this.#place.read();
    } catch {
      // What cannot be read is as hopeless as before.
    }
  }

  async credentials({ force = false }: { force?: boolean } = {}): Promise<Credentials> {
    const login = await this.#place.read();
    return await this.#ready(await this.#current(login, force));
  }

  async refreshAfter401(token: string | undefined): Promise<Credentials> {
    const login = await this.#place.read();
    if (login.token !== token) return await this.#ready(login);
    if (!this.#canRenew(login)) throw refusedCredential(`the upstream refused the token; ${this.#place.remedy}`);
    const now = this.#around.clock();
    if (now - this.#forcedAt < AGAIN_MS)
      throw refusedCredential("the upstream refused a token that was renewed just now");
    try {
      const renewed = await this.#renewed(login, "unauthorized_recovery");
      this.#forcedAt = now;
      return await this.#ready(renewed);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      if (thrown.permanent) this.#bury(login.token, thrown);
      throw this.#failure(thrown);
    }
  }

  coolDown(until: number, reason: string): void {
    this.#around.states.change(this.name, { cooldownUntil: until, cooldownReason: reason });
  }

  clearCooldown(): void {
    this.#around.states.change(this.name, { cooldownUntil: null, cooldownReason: null });
  }

  limits(headers: Headers): void {
    const windows = windowsOf(headers);
    if (!windows) return;
    const state = this.state;
    const credits = creditsOf(headers) ?? state.credits;
    // Most answers repeat the last one, and a write for each would be a price without a use.
    if (!sameLimits({ ...windows, credits }, state))
      this.#around.states.change(this.name, { ...windows, credits, limitsAt: this.#around.clock() });
    if (state.cooldownUntil !== null && hasRoom(windows)) this.clearCooldown();
  }

  failed({ kind, code, message, upstream }: Failure): void {
    if (!OF_THE_ACCOUNT.includes(kind)) return;
    // An upstream's own words may be those of the request, and this is kept.
    const said = upstream ? (upstream.status ?? "in its stream") : message;
    const lastError = `${code}: ${said}`.slice(0, 300);
    this.#around.states.change(this.name, { lastError, lastErrorAt: this.#around.clock() });
  }

  /** The login, or a younger one where its time is near. */
  async #current(login: Login, force: boolean): Promise<Login> {
    const { clock, states } = this.#around;
    const { renewal } = this.#place;
    const { dead, deadReason } = states.get(this.name);
    if (!renewal || !this.#canRenew(login)) {
      if (force) throw refusedCredential(`${this.name} has nothing that renews it; ${this.#place.remedy}`);
      return this.#alive(login, dead, deadReason);
    }
    if (!force && dead !== null && dead === digestOf(login.refresh ?? "")) return this.#alive(login, dead, deadReason);
    if (!force && !isDue(login, clock(), renewal.ahead)) return this.#alive(login, dead, deadReason);
    const left = (expiryOf(login) ?? Number.POSITIVE_INFINITY) - clock();
    const renewing = this.#renewed(login, "proactive_expiry");
    if (!force && left > WAIT_MS && dead !== digestOf(login.token)) {
      // Told by the refresher; while the old token is good, nobody has to wait or to know.
      renewing.catch(() => undefined);
      return login;
    }
    return await renewing.catch((thrown) => {
      const good = !force && left > 0 && dead !== digestOf(login.token);
      if (good) return login;
      throw this.#failure(thrown);
    });
  }

  #canRenew(login: Login): boolean {
    return this.#around.refresher !== undefined && this.#place.renewal !== undefined && login.refresh !== undefined;
  }

  async #renewed(login: Login, reason: RefreshReason): Promise<Login> {
    const { refresher } = this.#around;
    const { renewal } = this.#place;
    if (!refresher || !renewal) throw new Error("a login without renewal cannot be renewed");
    try {
      const renewed = await refresher.renew({ account: this.name, place: this.#place, renewal, used: login, reason });
      if (this.state.dead !== null) this.#around.states.change(this.name, { dead: null, deadReason: null });
      return renewed;
    } catch (thrown) {
      if (thrown instanceof Refusal && thrown.permanent) this.#bury(login.refresh ?? login.token, thrown);
      throw thrown;
    }
  }

  /** Remembers that this very credential is spent, for every process; another one in its place is not meant. */
  #bury(secret: string, { code, status }: Refusal): void {
    const deadReason = `the login cannot be renewed (${code ?? status ?? "refused"})`;
    const now = this.#around.clock();
    this.#around.states.change(this.name, {
      dead: digestOf(secret),
      deadReason,
      lastError: deadReason,
      lastErrorAt: now,
    });
  }

  #alive(login: Login, dead: string | null, deadReason: string | null): Login {
    const message = this.#hopeless(login, dead, deadReason);
    if (message) throw refusedCredential(message);
    return login;
  }

  /** Why only a person can help; undefined where nobody has to. */
  #hopeless(login: Login, dead: string | null, deadReason: string | null): string | undefined {
    const reason = deadReason ?? "the login cannot be renewed";
    if (dead !== null && dead === digestOf(login.token)) return `${reason}; ${this.#place.remedy}`;
    const expires = expiryOf(login);
    if (expires === undefined || expires > this.#around.clock()) return undefined;
    const spent = dead !== null && login.refresh !== undefined && dead === digestOf(login.refresh);
    if (spent) return `${reason}; ${this.#place.remedy}`;
    if (this.#canRenew(login)) return undefined;
    return `the access token expired at ${new Date(expires).toISOString()}; ${this.#place.remedy}`;
  }

  #failure(thrown: unknown): unknown {
    if (!(thrown instanceof Refusal)) return thrown;
    if (!thrown.permanent) return notRenewed(this.name, thrown);
    const why = thrown.code ?? thrown.status ?? "refused";
    return refusedCredential(`the login cannot be renewed (${why}); ${this.#place.remedy}`, thrown);
  }

  async #ready(login: Login): Promise<Credentials> {
    const credentials = credentialsOf(this.name, login);
    const routing = await this.#around.routes?.find(this.name, login);
    return routing?.origin || routing?.override ? { ...credentials, routing } : credentials;
  }
}
