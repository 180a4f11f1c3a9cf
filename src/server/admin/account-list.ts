// The accounts that there are, in the store and in the configuration, and what can be done with one of them.

import type { AccountConfig, UpstreamConfig } from "../../config/load.ts";
import type { AccountHandle, AccountState, StoredAccount } from "../../core/account.ts";
import type { Store } from "../../store/index.ts";
import { type Shown, statusOf } from "./account-json.ts";

type AccountsOnly = Pick<Store, "accounts">;

const FORMS = { chatgpt: "login", personal: "personal token", key: "key" } as const;

/** What an operator may do to an account's state, by the name of the command. */
export const CHANGES = {
  pause: { paused: true },
  resume: { paused: false },
  "clear-cooldown": { cooldownUntil: null, cooldownReason: null, dead: null, deadReason: null },
} as const satisfies Record<string, Partial<AccountState>>;

/** The account of the store that is meant. Throws one that says where else it may be; `unknown` for none at all. */
export function storedAccount(
  store: AccountsOnly,
  upstreams: readonly UpstreamConfig[],
  name: string,
  unknown: () => Error,
): StoredAccount {
  const account = store.accounts.get(name);
  if (account) return account;
  const upstream = upstreams.find(({ accounts }) => accounts.some((each) => each.name === name));
  if (!upstream) throw unknown();
  throw new Error(
    `the account ${name} belongs to the configuration; remove it there, under upstreams.${upstream.name}.accounts`,
  );
}

/** Renews the login as a server would, with the same right to: one that runs meanwhile is not in the way. Throws what went wrong. */
export async function renewAccount(
  store: AccountsOnly,
  upstreams: readonly UpstreamConfig[],
  name: string,
): Promise<void> {
  // What was refused for good is asked once more: a person wants to see it.
  await store.accounts.change(name, { dead: null, deadReason: null });
  const handle = await handleOf(store, upstreams, name);
  if (!handle) throw new Error(`no upstream uses the account ${name}, so nobody can renew it`);
  await handle.credentials({ force: true });
}

async function handleOf(
  store: AccountsOnly,
  upstreams: readonly UpstreamConfig[],
  name: string,
): Promise<AccountHandle | undefined> {
  const { ConfiguredAccounts } = await import("../../account/accounts.ts");
  const account = store.accounts.get(name);
  const own = upstreams.find(({ accounts }) => accounts.some((each) => each.name === name));
  const issuer = own?.issuer ?? account?.issuer;
  if (issuer === undefined) return undefined;
  const setting = { store: store.accounts, issuer, kinds: ["chatgpt", "personal", "key"] } as const;
  return new ConfiguredAccounts(own?.accounts ?? [], Date.now, undefined, setting)
    .all()
    .find((handle) => handle.name === name);
}

/** Forgets it and has its issuer revoke it. True when it was revoked, false when there is nothing to revoke, or why it could not be. */
export async function forgetLogin(store: AccountsOnly, account: StoredAccount): Promise<boolean | string> {
  const { refresh } = account.tokens;
  const { Issuer } = await import("../../account/issuer.ts");
  // It is removed whatever the issuer says: nobody may stay logged in because a server is away.
  const revoked =
    refresh === undefined
      ? false
      : await new Issuer(account.issuer).revoke(refresh).then(
          () => true,
          (thrown: unknown) => (thrown as Error).message,
        );
  await store.accounts.remove(account.name);
  return revoked;
}

/** All accounts, those of the configuration first. */
export async function shownAccounts(store: AccountsOnly, upstreams: readonly UpstreamConfig[]): Promise<Shown[]> {
  const configured = await Promise.all(
    upstreams.flatMap(({ name, accounts }) => accounts.map((account) => ofConfiguration(account, name, store))),
  );
  const names = new Set(configured.map(({ name }) => name));
  const kept = store.accounts.list().filter(({ name }) => !names.has(name));
  return [...configured, ...kept.map((account) => ofStore(account, upstreams, store))];
}

function ofStore(account: StoredAccount, upstreams: readonly UpstreamConfig[], store: AccountsOnly): Shown {
  const { name, kind, email, plan, tokens } = account;
  const state = store.accounts.state(name);
  const serves = upstreams.filter((upstream) => isServedBy(upstream, account)).map((upstream) => upstream.name);
  return { name, form: FORMS[kind], upstreams: serves, email, plan, account, state, status: statusOf(state, tokens) };
}

async function ofConfiguration(account: AccountConfig, upstream: string, store: AccountsOnly): Promise<Shown> {
  const { name } = account;
  const state = store.accounts.state(name);
  const nobody = { name, upstreams: [upstream], email: null, plan: null, account: undefined, state };
  if ("apiKey" in account) return { ...nobody, form: "apiKey", status: statusOf(state, undefined) };
  if ("accessToken" in account) return { ...nobody, form: "accessToken", status: statusOf(state, undefined) };
  const [{ SharedLogin }, { claimsOf }] = await Promise.all([
    import("../../account/shared-login.ts"),
    import("../../account/claims.ts"),
  ]);
  try {
    const { token, refresh } = await new SharedLogin(account.authFile, false).read();
    const claims = claimsOf(token);
    const renewable = account.refresh ? refresh : undefined;
    const status = statusOf(state, { access: token, refresh: renewable });
    return { ...nobody, form: "authFile", email: claims?.email ?? null, plan: claims?.plan ?? null, status };
  } catch (thrown) {
    return { ...nobody, form: "authFile", status: (thrown as Error).message };
  }
}

const isServedBy = ({ kind, issuer }: UpstreamConfig, account: StoredAccount): boolean =>
  kind === (account.kind === "key" ? "openai" : "chatgpt") && issuer === account.issuer;
