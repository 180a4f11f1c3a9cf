// The accounts of one upstream: those of the configuration and those that were logged in, and which of them serves a session.

import type {
  AccountConfig,
  AccountHandle,
  AccountKind,
  AccountStore,
  AccountStrategy,
  Accounts,
  Credentials,
  Pins,
} from "../core/account.ts";
import { Failure } from "../core/failure.ts";
import type { Log } from "../core/hooks.ts";
import { mayDoBetter, restUntil } from "./blame.ts";
import { claimsOf } from "./claims.ts";
import { exhausted } from "./exhausted.ts";
import { Handle, type HandleSetting } from "./handle.ts";
import { Issuer } from "./issuer.ts";
import { limitHeaders, windowsOf } from "./limits.ts";
import type { Login, LoginPlace } from "./login.ts";
import { MemoryPins } from "./pins.ts";
import { Refresher } from "./refresh.ts";
import { refusedCredential } from "./refused.ts";
import { Routes } from "./routes.ts";
import { Selector } from "./select.ts";
import { SharedLogin } from "./shared-login.ts";
import { States } from "./states.ts";
import { StoredLogin } from "./stored-login.ts";

/** The account of an upstream that needs none, as receipts name it. */
const ANONYMOUS = "anonymous";

/** What accounts may use besides their configuration. Without a store nothing is renewed and nothing outlives the process. */
export interface AccountsSetting {
  store?: AccountStore;
  /** Name of the upstream whose accounts these are. */
  upstream?: string;
  /** Which session stays with which account; without, in this process alone. */
  pins?: Pins;
  issuer?: string;
  /** Kinds of stored accounts that join, when their issuer is this one. */
  kinds?: readonly AccountKind[];
  /** Where to ask for an account's workspace; absent where the upstream has none. */
  chatgptUrl?: string | undefined;
  /** Names of all accounts in the configuration: a stored one of the same name stays out. */
  taken?: ReadonlySet<string>;
  log?: Log;
  strategy?: AccountStrategy;
}

const NOBODY: ReadonlySet<string> = new Set();

/** While all accounts rest, one of them is asked this often. */
const PROBE_MS = 60_000;

export class ConfiguredAccounts implements Accounts {
  readonly #configured: Handle[];
  readonly #stored = new Map<string, Handle>();
  readonly #setting: AccountsSetting;
  readonly #handles: HandleSetting;
  readonly #missing: string | undefined;
  readonly #selector: Selector;
  readonly #pins: Pins;
  #probedAt: number;

  /** `missing` is what to tell when there is no account; undefined where the upstream needs none. */
  constructor(configs: readonly AccountConfig[], clock: () => number, missing?: string, setting: AccountsSetting = {}) {
    const { store, issuer, chatgptUrl, log } = setting;
    const states = new States(store, log);
    this.#setting = setting;
    this.#missing = missing;
    const ranks = new Map(configs.map(({ name, priority = 0, weight = 1 }) => [name, { priority, weight }]));
    const rankOf = (name: string) => ranks.get(name) ?? { priority: 0, weight: 1 };
    this.#selector = new Selector(setting.strategy ?? "least-used", rankOf, clock);
    this.#pins = setting.pins ?? new MemoryPins();
    this.#probedAt = clock();
    this.#handles = {
      states,
      clock,
      log,
      refresher: store && issuer ? new Refresher({ issuer: new Issuer(issuer), store, clock, log }) : undefined,
      routes: chatgptUrl === undefined ? undefined : new Routes(chatgptUrl, states, clock, log),
    };
    this.#configured = configs.map((config) => new Handle(config.name, placeOf(config), this.#handles));
  }

  get size(): number {
    return this.all().length;
  }

  all(): AccountHandle[] {
    const { store, issuer, kinds = [], taken, log } = this.#setting;
    if (!store || kinds.length === 0) return this.#configured;
    const stored = store
      .list()
      .filter((account) => account.issuer === issuer && kinds.includes(account.kind) && !taken?.has(account.name))
      .map(({ name }) => {
        const handle = this.#stored.get(name) ?? new Handle(name, new StoredLogin(name, store, log), this.#handles);
        this.#stored.set(name, handle);
        return handle;
      });
    return [...this.#configured, ...stored];
  }

  usable(): AccountHandle[] {
    return this.all().filter(({ obstacle }) => obstacle === undefined);
  }

  async choose(session: string, tried: ReadonlySet<string> = NOBODY): Promise<Credentials> {
    const all = this.all();
    if (all.length === 0) {
      if (this.#missing === undefined) return { account: ANONYMOUS };
      throw refusedCredential(this.#missing);
    }
    // Where only a person could help, one may have: a login file that the Codex CLI renewed is good again.
    await Promise.all(all.filter(({ obstacle }) => obstacle?.why === "login").map((account) => account.look()));
    const usable = this.#askable(all);
    const fresh = usable.filter(({ name }) => !tried.has(name));
    let refused: unknown;
    for (const account of await this.#ordered(fresh.length > 0 ? fresh : usable, session)) {
      try {
        return await account.credentials();
      } catch (thrown) {
        refused ??= thrown;
      }
    }
    throw this.exhausted() ?? refused ?? exhausted(all, this.#handles.clock());
  }

  /** The session's own first; one that has none yet gets the first of the strategy, whichever instance it asks. */
  async #ordered(handles: readonly AccountHandle[], session: string): Promise<AccountHandle[]> {
    const ordered = this.#selector.order(handles, session);
    const [proposed] = ordered;
    if (!proposed || !this.#isPinned(session)) return ordered;
    const may = (account: string) => ordered.some(({ name }) => name === account);
    const propose = () => {
      this.#selector.turn();
      return proposed.name;
    };
    const account = await this.#pins.settle(this.#upstream, session, propose, may);
    return ordered.toSorted((a, b) => Number(b.name === account) - Number(a.name === account));
  }

  get #upstream(): string {
    return this.#setting.upstream ?? "";
  }

  /** Where there is but one account there is nothing to remember. */
  #isPinned(session: string): boolean {
    return session !== "" && this.size > 1;
  }

  /** Those without an obstacle. When all rest, now and then one is asked all the same: its limit may have been lifted. */
  #askable(all: readonly AccountHandle[]): readonly AccountHandle[] {
    const usable = all.filter(({ obstacle }) => obstacle === undefined);
    if (usable.length > 0) return usable;
    const resting = all.filter(({ obstacle }) => obstacle?.why === "cooldown");
    // An only account is always asked: the upstream knows better than we do when its limit ends.
    if (all.length === 1) return resting;
    const now = this.#handles.clock();
    if (resting.length === 0 || now - this.#probedAt < PROBE_MS) return [];
    this.#probedAt = now;
    const until = ({ obstacle }: AccountHandle) => (obstacle?.why === "cooldown" ? obstacle.until : 0);
    return [resting.reduce((best, one) => (until(one) < until(best) ? one : best))];
  }

  async renew(used: Credentials): Promise<Credentials | undefined> {
    const handle = this.#named(used.account);
    const renewed = await handle?.refreshAfter401(used.token).catch((thrown) => {
      if (thrown instanceof Failure) return undefined;
      throw thrown;
    });
    return renewed?.token === used.token ? undefined : renewed;
  }

  answered(account: string, session: string, headers: Headers): Readonly<Record<string, string>> {
    const handle = this.#named(account);
    if (!handle) return {};
    if (this.#isPinned(session)) this.#pins.answered(this.#upstream, session, account);
    handle.limits(headers);
    // Windows that are full keep the rest; without windows, an answer is the proof that there is room.
    if (handle.obstacle?.why === "cooldown" && !headers.has("x-codex-primary-used-percent")) handle.clearCooldown();
    return windowsOf(headers) ? {} : limitHeaders(handle.state, this.#handles.clock());
  }

  async serving(session: string): Promise<AccountHandle | undefined> {
    const usable = this.usable();
    const handles = usable.length > 0 ? usable : this.all();
    const own = this.#isPinned(session) ? await this.#pins.find(this.#upstream, session) : undefined;
    return handles.find(({ name }) => name === own) ?? this.#selector.order(handles, session)[0];
  }

  blame(account: string, failure: Failure, tried: ReadonlySet<string>): boolean {
    const handle = this.#named(account);
    if (!handle) return false;
    handle.failed(failure);
    if (failure.upstream?.headers) handle.limits(new Headers(failure.upstream.headers));
    const until = restUntil(failure, this.#handles.clock());
    if (until !== undefined) handle.coolDown(until, failure.code);
    return mayDoBetter(failure) && this.usable().some(({ name }) => !tried.has(name));
  }

  exhausted(): Failure | undefined {
    const all = this.all();
    return all.length > 1 && all.every(({ obstacle }) => obstacle !== undefined)
      ? exhausted(all, this.#handles.clock())
      : undefined;
  }

  #named(account: string): AccountHandle | undefined {
    return this.all().find(({ name }) => name === account);
  }
}

function placeOf(config: AccountConfig): LoginPlace {
  if ("authFile" in config) return new SharedLogin(config.authFile, config.refresh === true);
  if ("apiKey" in config) return fixed({ token: config.apiKey }, "configure another apiKey");
  const claims = claimsOf(config.accessToken);
  const accountId = config.accountId ?? claims?.accountId;
  const login: Login = {
    token: config.accessToken,
    ...(accountId ? { accountId } : {}),
    ...(claims?.fedramp ? { fedramp: true } : {}),
    ...(claims?.plan ? { plan: claims.plan } : {}),
  };
  return fixed(login, "configure a new accessToken");
}

/** A login that the configuration holds itself. */
function fixed(login: Login, remedy: string): LoginPlace {
  return { remedy, known: login, read: () => login, renewal: undefined };
}
