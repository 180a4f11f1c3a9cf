// A login that codexd keeps itself, in the store.

import { setTimeout as pause } from "node:timers/promises";
import type { AccountStore, StoredAccount, Tokens } from "../core/account.ts";
import type { Log } from "../core/hooks.ts";
import { claimsOf } from "./claims.ts";
import type { Keeper, Login, LoginPlace, Renewal } from "./login.ts";
import { refusedCredential } from "./refused.ts";

/** The margin of the Codex CLI (wire/codex.md F.3). */
const AHEAD_MS = 5 * 60_000;
const AGAIN_MS = 50;
const KEEP_MS = 10_000;

export class StoredLogin implements LoginPlace {
  readonly #name: string;
  readonly #store: AccountStore;
  readonly #log: Log | undefined;
  /** Renewed, and not in the store because it could not be written. */
  #unkept: { from: StoredAccount; to: StoredAccount } | undefined;

  constructor(name: string, store: AccountStore, log?: Log) {
    this.#name = name;
    this.#store = store;
    this.#log = log;
  }

  get remedy(): string {
    const { kind = "chatgpt" } = this.#account() ?? {};
    return `run \`codexd login${kind === "chatgpt" ? "" : " --import FILE"} --name ${this.#name}\``;
  }

  get known(): Login | undefined {
    const account = this.#account();
    return account && loginOf(account);
  }

  get renewal(): Renewal | undefined {
    if (this.#account()?.tokens.refresh === undefined) return undefined;
    return { key: `account ${this.#name}`, ahead: AHEAD_MS, prepare: async () => this.#keeper() };
  }

  async read(): Promise<Login> {
    const account = await this.#settled();
    if (!account) throw refusedCredential(`the account ${this.#name} was removed`);
    return loginOf(account);
  }

  /** As the store has it, or as it will have it once it can be written. */
  #account(): StoredAccount | undefined {
    const account = this.#store.get(this.#name);
    return this.#unkept && account?.tokens.access === this.#unkept.from.tokens.access ? this.#unkept.to : account;
  }

  /** The same, after one more try to write what could not be. */
  async #settled(): Promise<StoredAccount | undefined> {
    const unkept = this.#unkept;
    if (!unkept) return this.#account();
    if (this.#store.get(this.#name)?.tokens.access === unkept.from.tokens.access) {
      if (!(await this.#rotate(unkept.from, unkept.to))) return unkept.to;
      this.#log?.info("a renewed login is in the store now", { account: this.#name });
    }
    this.#unkept = undefined;
    return this.#store.get(this.#name);
  }

  /** The lease was written just now, so the store can be written. */
  #keeper(): Keeper {
    return { keep: (_from, tokens) => this.#keep(tokens), discard: () => undefined };
  }

  async #keep(tokens: Partial<Tokens>): Promise<Login> {
    const from = await this.#settled();
    if (!from) throw refusedCredential(`the account ${this.#name} was removed`);
    const to = renewed(from, tokens);
    const deadline = Date.now() + KEEP_MS;
    while (!(await this.#rotate(from, to))) {
      const now = this.#store.get(this.#name);
      if (now?.tokens.access !== from.tokens.access) return await this.read();
      if (Date.now() > deadline) {
        // Its predecessor is spent: to hold it in memory and to go on trying is all that is left.
        this.#unkept = { from, to };
        this.#log?.error("a renewed login cannot be written to the store; it is lost if codexd ends now", {
          account: this.#name,
        });
        return loginOf(to);
      }
      await pause(AGAIN_MS);
    }
    return loginOf(to);
  }

  /** False when it is not there, for whatever reason. */
  async #rotate(from: StoredAccount, to: StoredAccount): Promise<boolean> {
    try {
      return await this.#store.rotate(this.#name, from.tokens, to);
    } catch {
      return false;
    }
  }
}

function loginOf({ tokens, accountId, fedramp, plan, refreshedAt }: StoredAccount): Login {
  return {
    token: tokens.access,
    ...(accountId ? { accountId } : {}),
    ...(fedramp ? { fedramp } : {}),
    ...(plan ? { plan } : {}),
    ...(tokens.refresh ? { refresh: tokens.refresh } : {}),
    ...(refreshedAt === null ? {} : { refreshedAt }),
  };
}

/** The account with what came: an absent token stays, and a plan may have changed meanwhile. */
function renewed(account: StoredAccount, tokens: Partial<Tokens>): StoredAccount {
  const claims = claimsOf(tokens.id) ?? claimsOf(tokens.access);
  return {
    ...account,
    tokens: { ...account.tokens, ...tokens },
    email: claims?.email ?? account.email,
    plan: claims?.plan ?? account.plan,
    refreshedAt: Date.now(),
  };
}
