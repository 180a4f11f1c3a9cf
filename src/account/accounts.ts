// The accounts of one upstream: which of them serves a session, and the credential it sends.

import { createHash } from "node:crypto";
import type { AccountConfig, Accounts, Credentials } from "../core/account.ts";
import { AuthFile, type Login } from "./auth-file.ts";
import { claimsOf } from "./claims.ts";
import { refusedCredential } from "./refused.ts";

/** The account of an upstream that needs none, as receipts name it. */
const ANONYMOUS = "anonymous";

interface Account {
  name: string;
  login(): Promise<Login> | Login;
  renew: string;
}

export class ConfiguredAccounts implements Accounts {
  readonly #accounts: Account[];
  readonly #clock: () => number;
  readonly #missing: string | undefined;

  /** `missing` is what to tell when there is no account; undefined where the upstream needs none. */
  constructor(configs: readonly AccountConfig[], clock: () => number, missing?: string) {
    this.#accounts = configs.map(accountOf);
    this.#clock = clock;
    this.#missing = missing;
  }

  get size(): number {
    return this.#accounts.length;
  }

  /** The credential of the first usable account for this session. Throws the failure of the preferred one when none is usable. */
  async choose(session: string): Promise<Credentials> {
    if (this.#accounts.length === 0) {
      if (this.#missing === undefined) return { account: ANONYMOUS };
      throw refusedCredential(this.#missing);
    }
    let refused: unknown;
    for (const account of this.#preferred(session)) {
      try {
        return this.#checked(account, await account.login());
      } catch (thrown) {
        refused ??= thrown;
      }
    }
    throw refused;
  }

  /** Highest hash first, so that a session keeps its account while others come and go. */
  #preferred(session: string): Account[] {
    if (this.#accounts.length === 1) return this.#accounts;
    const weight = ({ name }: Account) => createHash("sha256").update(`${session}\0${name}`).digest("hex");
    return this.#accounts
      .map((account) => ({ account, weight: weight(account) }))
      .sort((a, b) => (a.weight < b.weight ? 1 : -1))
      .map(({ account }) => account);
  }

  #checked({ name, renew }: Account, login: Login): Credentials {
    const expires = claimsOf(login.token)?.expires;
    if (expires !== undefined && expires * 1000 <= this.#clock()) {
      const when = new Date(expires * 1000).toISOString();
      throw refusedCredential(`the access token expired at ${when}; ${renew}`);
    }
    return { account: name, ...login };
  }
}

function accountOf(config: AccountConfig): Account {
  if ("authFile" in config) {
    const file = new AuthFile(config.authFile);
    return {
      name: config.name,
      login: () => file.login(),
      renew: `run \`codex login\`, which renews ${config.authFile}`,
    };
  }
  if ("apiKey" in config)
    return { name: config.name, login: () => ({ token: config.apiKey }), renew: "configure another apiKey" };
  const claims = claimsOf(config.accessToken);
  const accountId = config.accountId ?? claims?.accountId;
  const login: Login = {
    token: config.accessToken,
    ...(accountId ? { accountId } : {}),
    ...(claims?.fedramp ? { fedramp: true } : {}),
  };
  return { name: config.name, login: () => login, renew: "configure a new accessToken" };
}
