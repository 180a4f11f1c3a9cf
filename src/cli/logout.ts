// `codexd logout NAME`: revokes a login and forgets it.

import type { Command } from "commander";
import { forgetLogin } from "../server/admin/account-list.ts";
import { stored } from "./accounts.ts";
import { configOption, dataOption } from "./options.ts";
import { existingStore, type StoreFlags } from "./store.ts";

export function addLogout(program: Command): void {
  program
    .command("logout")
    .description("revoke an account's login and remove it")
    .argument("<name>", "name of the account")
    .addOption(configOption())
    .addOption(dataOption())
    .action(logout);
}

async function logout(name: string, flags: StoreFlags): Promise<void> {
  await using store = await existingStore(flags);
  const account = await stored(store, name, flags);
  const revoked = await forgetLogin(store, account);
  if (typeof revoked === "string") process.stderr.write(`codexd: the login could not be revoked: ${revoked}\n`);
  const told =
    revoked === true ? " and revoked" : account.kind === "chatgpt" ? "" : "; whoever issued it can revoke it";
  process.stdout.write(`${name} is removed${told}.\n`);
}
