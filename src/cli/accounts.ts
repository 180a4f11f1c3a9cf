// `codexd accounts`: which there are, how far they are used, and what a person can do about them.

import type { Command } from "commander";
import { claimsOf } from "../account/claims.ts";
import type { UpstreamConfig } from "../config/load.ts";
import type { AccountHandle, AccountState, StoredAccount, UsageWindow } from "../core/account.ts";
import type { Store } from "../store/index.ts";
import { configOption, dataOption, jsonOption } from "./options.ts";
import { anyStore, existingStore, newStore, type StoreFlags } from "./store.ts";
import { type Column, printJson, printTable } from "./table.ts";

/** An account of the store or of the configuration, with what is known of it. */
interface Shown {
  name: string;
  /** `login`, `personal token`, `key` of the store; `authFile`, `accessToken`, `apiKey` of the configuration. */
  form: string;
  upstreams: string[];
  account: StoredAccount | undefined;
  state: AccountState;
  status: string;
}

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

/** An account as JSON: everything but its tokens. */
export function accountJson(account: StoredAccount): Record<string, unknown> {
  const { tokens, createdAt, refreshedAt, ...rest } = account;
  const expires = claimsOf(tokens.access)?.expires;
  return {
    ...rest,
    renewable: tokens.refresh !== undefined,
    expiresAt: expires === undefined ? null : time(expires * 1000),
    createdAt: time(createdAt),
    refreshedAt: refreshedAt === null ? null : time(refreshedAt),
  };
}

async function listAccounts(flags: StoreFlags): Promise<void> {
  const isConfigured = (await upstreamsOf(flags)).some(({ accounts }) => accounts.length > 0);
  using store = isConfigured ? await newStore(flags) : await anyStore(flags);
  const all = store ? await allOf(store, flags) : [];
  if (flags.json) printJson(all.map(json));
  else if (all.length === 0) process.stdout.write("no account yet; `codexd login` makes one\n");
  else printTable(all, COLUMNS);
}

async function showAccount(name: string, flags: StoreFlags): Promise<void> {
  using store = await existingStore(flags);
  await print(store, name, flags);
}

async function print(store: Store, name: string, flags: StoreFlags): Promise<void> {
  const shown = await find(store, name, flags);
  if (flags.json) return printJson(json(shown));
  const rows = Object.entries(json(shown)).filter(([, value]) => value !== null);
  printTable(rows, [
    { title: "field", value: ([field]) => field },
    { title: "value", value: ([, value]) => (typeof value === "object" ? JSON.stringify(value) : String(value)) },
  ]);
}

async function change(name: string, flags: StoreFlags, patch: Partial<AccountState>): Promise<void> {
  using store = await newStore(flags);
  await find(store, name, flags);
  store.accounts.change(name, patch);
  if (flags.json) await print(store, name, flags);
  else printTable([await find(store, name, flags)], COLUMNS);
}

async function removeAccount(name: string, flags: StoreFlags): Promise<void> {
  using store = await existingStore(flags);
  const account = await stored(store, name, flags);
  store.accounts.remove(name);
  if (flags.json) printJson(accountJson(account));
  else process.stdout.write(`${name} is removed; its login was not revoked, \`codexd logout\` does both.\n`);
}

/** As the server would, with the same right to renew: a server that runs meanwhile is not in the way. */
async function refreshAccount(name: string, flags: StoreFlags): Promise<void> {
  using store = await newStore(flags);
  await find(store, name, flags);
  // What was refused for good is asked once more: a person wants to see it.
  store.accounts.change(name, { dead: null, deadReason: null });
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
  const configured = upstreams.flatMap((upstream) =>
    upstream.accounts.map((account): Omit<Shown, "state" | "status"> => {
      const form = "authFile" in account ? "authFile" : "accessToken" in account ? "accessToken" : "apiKey";
      return { name: account.name, form, upstreams: [upstream.name], account: undefined };
    }),
  );
  const names = new Set(configured.map(({ name }) => name));
  const kept = store.accounts
    .list()
    .filter(({ name }) => !names.has(name))
    .map((account) => ({
      name: account.name,
      form: FORMS[account.kind],
      upstreams: upstreams.filter((upstream) => isServedBy(upstream, account)).map(({ name }) => name),
      account,
    }));
  return [...configured, ...kept].map((each) => {
    const state = store.accounts.state(each.name);
    return { ...each, state, status: statusOf(state, each.account) };
  });
}

const isServedBy = ({ kind, issuer }: UpstreamConfig, account: StoredAccount): boolean =>
  kind === (account.kind === "key" ? "openai" : "chatgpt") && issuer === account.issuer;

function statusOf(
  { paused, dead, deadReason, cooldownUntil }: AccountState,
  account: StoredAccount | undefined,
): string {
  if (paused) return "paused";
  if (dead !== null) return `log in again: ${deadReason ?? "refused"}`;
  if (cooldownUntil !== null && cooldownUntil > Date.now()) return `cooling down until ${time(cooldownUntil)}`;
  const expires = claimsOf(account?.tokens.access)?.expires;
  if (account?.tokens.refresh === undefined && expires !== undefined && expires * 1000 <= Date.now())
    return "log in again: the token expired";
  return "active";
}

function json({ name, form, upstreams, account, state, status }: Shown): Record<string, unknown> {
  const { paused, cooldownUntil, cooldownReason, lastError, lastErrorAt, primary, secondary, limitsAt, routing } =
    state;
  return {
    name,
    form,
    status,
    upstreams,
    ...(account ? accountJson(account) : {}),
    paused,
    cooldownUntil: cooldownUntil === null ? null : time(cooldownUntil),
    cooldownReason,
    primary: windowJson(primary),
    secondary: windowJson(secondary),
    limitsAt: limitsAt === null ? null : time(limitsAt),
    lastError,
    lastErrorAt: lastErrorAt === null ? null : time(lastErrorAt),
    routing,
  };
}

const windowJson = (window: UsageWindow | null): Record<string, unknown> | null =>
  window && { ...window, resetsAt: window.resetsAt === null ? null : time(window.resetsAt * 1000) };

const COLUMNS: Column<Shown>[] = [
  { title: "name", value: ({ name }) => name },
  { title: "form", value: ({ form }) => form },
  { title: "plan", value: ({ account }) => account?.plan },
  { title: "e-mail", value: ({ account }) => account?.email },
  { title: "status", value: ({ status }) => status },
  { title: "primary", value: ({ state }) => used(state.primary) },
  { title: "secondary", value: ({ state }) => used(state.secondary) },
  { title: "last error", value: ({ state }) => state.lastError?.slice(0, 80) },
  { title: "upstreams", value: ({ upstreams }) => upstreams.join(" ") },
];

/** `42% of 5h, resets 14:05`, in UTC; a day is named where it is another one. */
function used(window: UsageWindow | null): string | undefined {
  if (!window) return undefined;
  const { usedPercent, minutes, resetsAt } = window;
  const of = minutes === null ? "" : ` of ${span(minutes)}`;
  const resets = resetsAt === null ? "" : `, resets ${moment(resetsAt * 1000)}`;
  return `${Math.round(usedPercent)}%${of}${resets}`;
}

function span(minutes: number): string {
  if (minutes % 1440 === 0) return `${minutes / 1440}d`;
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}

function moment(ms: number): string {
  const text = time(ms);
  return text.slice(0, 10) === time(Date.now()).slice(0, 10)
    ? `${text.slice(11, 16)}Z`
    : text.slice(5, 16).replace("T", " ");
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
