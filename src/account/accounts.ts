// The accounts of one upstream: those of the configuration and those that were logged in, and which of them serves a session.

import { createHash } from "node:crypto";
import type {
  AccountConfig,
  AccountHandle,
  AccountKind,
  AccountStore,
  Accounts,
  Credentials,
} from "../core/account.ts";
import type { Log } from "../core/hooks.ts";
import { claimsOf } from "./claims.ts";
import { exhausted } from "./exhausted.ts";
import { Handle, type HandleSetting } from "./handle.ts";
import { Issuer } from "./issuer.ts";
import type { Login, LoginPlace } from "./login.ts";
import { Refresher } from "./refresh.ts";
import { refusedCredential } from "./refused.ts";
import { Routes } from "./routes.ts";
import { SharedLogin } from "./shared-login.ts";
import { States } from "./states.ts";
import { StoredLogin } from "./stored-login.ts";

/** The account of an upstream that needs none, as receipts name it. */
const ANONYMOUS = "anonymous";

/** What accounts may use besides their configuration. Without a store nothing is renewed and nothing outlives the process. */
export interface AccountsSetting {
  store?: AccountStore;
  issuer?: string;
  /** Kinds of stored accounts that join, when their issuer is this one. */
  kinds?: readonly AccountKind[];
  /** Where to ask for an account's workspace; absent where the upstream has none. */
  chatgptUrl?: string | undefined;
  /** Names of all accounts in the configuration: a stored one of the same name stays out. */
  taken?: ReadonlySet<string>;
  log?: Log;
}

export class ConfiguredAccounts implements Accounts {
  readonly #configured: Handle[];
  readonly #stored = new Map<string, Handle>();
  readonly #setting: AccountsSetting;
  readonly #handles: HandleSetting;
  readonly #missing: string | undefined;

  /** `missing` is what to tell when there is no account; undefined where the upstream needs none. */
  constructor(configs: readonly AccountConfig[], clock: () => number, missing?: string, setting: AccountsSetting = {}) {
    const { store, issuer, chatgptUrl, log } = setting;
    const states = new States(store, log);
    this.#setting = setting;
    this.#missing = missing;
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

  /** The credential of the first usable account for this session. Throws the failure of the preferred one when none is usable. */
  async choose(session: string): Promise<Credentials> {
    const all = this.all();
    if (all.length === 0) {
      if (this.#missing === undefined) return { account: ANONYMOUS };
      throw refusedCredential(this.#missing);
    }
    const usable = all.filter(({ obstacle }) => obstacle === undefined);
    if (usable.length === 0) throw exhausted(all, this.#handles.clock());
    let refused: unknown;
    for (const account of preferred(usable, session)) {
      try {
        return await account.credentials();
      } catch (thrown) {
        refused ??= thrown;
      }
    }
    throw refused;
  }
}

/** Highest hash first, so that a session keeps its account while others come and go. */
function preferred(handles: readonly AccountHandle[], session: string): readonly AccountHandle[] {
  if (handles.length === 1) return handles;
  const weight = ({ name }: AccountHandle) => createHash("sha256").update(`${session}\0${name}`).digest("hex");
  return handles
    .map((handle) => ({ handle, weight: weight(handle) }))
    .sort((a, b) => (a.weight < b.weight ? 1 : -1))
    .map(({ handle }) => handle);
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
  };
  return fixed(login, "configure a new accessToken");
}

/** A login that the configuration holds itself. */
function fixed(login: Login, remedy: string): LoginPlace {
  return { remedy, known: login, read: () => login, renewal: undefined };
}
