// `codexd accounts`: which there are, how far they are used, and what a person can do about them.

import type { Command } from "commander";
import type { UpstreamConfig } from "../config/load.ts";
import type { AccountState, StoredAccount } from "../core/account.ts";
import { accountJson, type Shown, shownJson } from "../server/admin/account-json.ts";
import { CHANGES, renewAccount, shownAccounts, storedAccount } from "../server/admin/account-list.ts";
import type { Store } from "../store/index.ts";
import { COLUMNS } from "./account-view.ts";
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
  add("pause <name>", "ask it nothing until it is resumed").action((name, flags) => change(name, flags, CHANGES.pause));
  add("resume <name>", "ask it again").action((name, flags) => change(name, flags, CHANGES.resume));
  add("refresh <name>", "renew its login now").action(refreshAccount);
  add("clear-cooldown <name>", "ask it again before its limit resets").action((name, flags) =>
    change(name, flags, CHANGES["clear-cooldown"]),
  );
  add("remove <name>", "forget it without revoking its login").action(removeAccount);
}

/** The account of the store that is meant. Throws one that says where else it may be. */
export async function stored(store: Store, name: string, flags: StoreFlags): Promise<StoredAccount> {
  return storedAccount(store, await upstreamsOf(flags), name, () => unknown(name));
}

async function listAccounts(flags: StoreFlags): Promise<void> {
  const upstreams = await upstreamsOf(flags);
  const isConfigured = upstreams.some(({ accounts }) => accounts.length > 0);
  await using store = isConfigured ? await newStore(flags) : await anyStore(flags);
  const all = store ? await shownAccounts(store, upstreams) : [];
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
  await renewAccount(store, await upstreamsOf(flags), name);
  if (flags.json) await print(store, name, flags);
  else printTable([await find(store, name, flags)], COLUMNS);
}

async function find(store: Store, name: string, flags: StoreFlags): Promise<Shown> {
  const shown = (await shownAccounts(store, await upstreamsOf(flags))).find((each) => each.name === name);
  if (!shown) throw unknown(name);
  return shown;
}

const unknown = (name: string): Error => new Error(`there is no account ${name}; \`codexd accounts\` shows all`);

async function upstreamsOf(flags: StoreFlags): Promise<UpstreamConfig[]> {
  const { findUpstreams } = await import("../config/load.ts");
  return findUpstreams(flags).upstreams;
}
