// `codexd accounts`: which there are, how far they are used, and what a person can do about them.

import type { Command } from "commander";
import type { AccountConfig, UpstreamConfig } from "../config/load.ts";
import type { AccountHandle, AccountState, StoredAccount } from "../core/account.ts";
import type { Store } from "../store/index.ts";
import { accountJson, COLUMNS, type Shown, shownJson, statusOf } from "./account-view.ts";
import { configOption, dataOption, jsonOption } from "./options.ts";
import { anyStore, existingStore, newStore, type StoreFlags } from "./store.ts";
import { printJson, printTable } from "./table.ts";

export function addAccounts(program: Command): void {
  const accounts = program
    .command("accounts")
    .description("accounts, with plan, limit windows, cooldown and last error");
  const add = (usage: string, description: string, isDefault = false): Command =>
    accounts
      .command(usage, { isDefault })
      .description(description)
      .addOption(configOption())
      .addOption(dataOption())
      .addOption(jsonOption());
  add("list", "all accounts", true).action(listAccounts);
  add("show <name>", "one account").action(showAccount);
  add("pause <name>", "ask it nothing until it is resumed").action((name, flags) =>
    change(name, flags, { paused: true }),
  );
  add("resume <name>", "ask it again").action((name, flags) => change(name, flags, { paused: false }));
  add("refresh <name>", "renew its login now").action(refreshAccount);
  add("clear-cooldown <name>", "ask it again before its limit resets").action((name, flags) =>
    change(name, flags, { cooldownUntil: null, cooldownReason: null, dead: null, deadReason: null }),
  );
  add("remove <name>", "forget it without revoking its login").action(removeAccount);
}

/** The account of the store that is meant. Throws one that says where else it may be. */
export async function stored(store: Store, name: string, flags: StoreFlags): Promise<StoredAccount> {
  const account = store.accounts.get(name);
  if (account) return account;
  const upstreams = await upstreamsOf(flags);
  const upstream = upstreams.find(({ accounts }) => accounts.some((each) => each.name === name));
  if (upstream)
    throw new Error(
      `the account ${name} belongs to the configuration; remove it there, under upstreams.${upstream.name}.accounts`,
    );
  throw unknown(name);
}

async function listAccounts(flags: StoreFlags): Promise<void> {
  const isConfigured = (await upstreamsOf(flags)).some(({ accounts }) => accounts.length > 0);
  await using store = isConfigured ? await newStore(flags) : await anyStore(flags);
  const all = store ? await allOf(store, flags) : [];
  if (flags.json) printJson(all.map(shownJson));
  else if (all.length === 0) process.stdout.write("no account yet; `codexd login` makes one\n");
  else printTable(all, COLUMNS);
}

async function showAccount(name: string, flags: StoreFlags): Promise<void> {
  await using store = await existingStore(flags);
  await print(store, name, flags);
}

async function print(store: Store, name: string, flags: StoreFlags): Promise<void> {
  const shown = await find(store, name, flags);
  if (flags.json) return printJson(shownJson(shown));
  const rows = Object.entries(shownJson(shown)).filter(([, value]) => value !== null);
  printTable(rows, [
    { title: "field", value: ([field]) => field },
    { title: "value", value: ([, value]) => (typeof value === "object" ? JSON.stringify(value) : String(value)) },
  ]);
}

async function change(name: string, flags: StoreFlags, patch: Partial<AccountState>): Promise<void> {
  await using store = await newStore(flags);
  await find(store, name, flags);
  await store.accounts.change(name, patch);
  if (flags.json) await print(store, name, flags);
  else printTable([await find(store, name, flags)], COLUMNS);
}

async function removeAccount(name: string, flags: StoreFlags): Promise<void> {
  await using store = await existingStore(flags);
  const account = await stored(store, name, flags);
  await store.accounts.remove(name);
  if (flags.json) printJson(accountJson(account));
  else process.stdout.write(`${name} is removed; its login was not revoked, \`codexd logout\` does both.\n`);
}

/** As the server would, with the same right to renew: a server that runs meanwhile is not in the way. */
async function refreshAccount(name: string, flags: StoreFlags): Promise<void> {
  await using store = await newStore(flags);
  await find(store, name, flags);
  // What was refused for good is asked once more: a person wants to see it.
  await store.accounts.change(name, { dead: null, deadReason: null });
  const handle = await handleOf(store, name, flags);
  if (!handle) throw new Error(`no upstream uses the account ${name}, so nobody can renew it`);
  await handle.credentials({ force: true });
  if (flags.json) await print(store, name, flags);
  else printTable([await find(store, name, flags)], COLUMNS);
}

async function handleOf(store: Store, name: string, flags: StoreFlags): Promise<AccountHandle | undefined> {
  const { ConfiguredAccounts } = await import("../account/accounts.ts");
  const account = store.accounts.get(name);
  const upstreams = await upstreamsOf(flags);
  const own = upstreams.find(({ accounts }) => accounts.some((each) => each.name === name));
  const issuer = own?.issuer ?? account?.issuer;
  if (issuer === undefined) return undefined;
  const setting = { store: store.accounts, issuer, kinds: ["chatgpt", "personal", "key"] } as const;
  return new ConfiguredAccounts(own?.accounts ?? [], Date.now, undefined, setting)
    .all()
    .find((handle) => handle.name === name);
}

async function find(store: Store, name: string, flags: StoreFlags): Promise<Shown> {
  const shown = (await allOf(store, flags)).find((each) => each.name === name);
  if (!shown) throw unknown(name);
  return shown;
}

const unknown = (name: string): Error => new Error(`there is no account ${name}; \`codexd accounts\` shows all`);

const FORMS = { chatgpt: "login", personal: "personal token", key: "key" } as const;

async function upstreamsOf(flags: StoreFlags): Promise<UpstreamConfig[]> {
  const { findUpstreams } = await import("../config/load.ts");
  return findUpstreams(flags).upstreams;
}

async function allOf(store: Store, flags: StoreFlags): Promise<Shown[]> {
  const upstreams = await upstreamsOf(flags);
  const configured = await Promise.all(
    upstreams.flatMap(({ name, accounts }) => accounts.map((account) => ofConfiguration(account, name, store))),
  );
  const names = new Set(configured.map(({ name }) => name));
  const kept = store.accounts.list().filter(({ name }) => !names.has(name));
  return [...configured, ...kept.map((account) => ofStore(account, upstreams, store))];
}

function ofStore(account: StoredAccount, upstreams: readonly UpstreamConfig[], store: Store): Shown {
  const { name, kind, email, plan, tokens } = account;
  const state = store.accounts.state(name);
  const serves = upstreams.filter((upstream) => isServedBy(upstream, account)).map((upstream) => upstream.name);
  return { name, form: FORMS[kind], upstreams: serves, email, plan, account, state, status: statusOf(state, tokens) };
}

async function ofConfiguration(account: AccountConfig, upstream: string, store: Store): Promise<Shown> {
  const { name } = account;
  const state = store.accounts.state(name);
  const nobody = { name, upstreams: [upstream], email: null, plan: null, account: undefined, state };
  if ("apiKey" in account) return { ...nobody, form: "apiKey", status: statusOf(state, undefined) };
  if ("accessToken" in account) return { ...nobody, form: "accessToken", status: statusOf(state, undefined) };
  const [{ SharedLogin }, { claimsOf }] = await Promise.all([
    import("../account/shared-login.ts"),
    import("../account/claims.ts"),
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
