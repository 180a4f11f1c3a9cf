// `codexd logout NAME`: revokes a login and forgets it.

import type { Command } from "commander";
import { Issuer } from "../account/issuer.ts";
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
  const { refresh } = account.tokens;
  let told = "";
  if (refresh === undefined) told = account.kind === "chatgpt" ? "" : "; whoever issued it can revoke it";
  else {
    // It is removed whatever the issuer says: nobody may stay logged in because a server is away.
    await new Issuer(account.issuer).revoke(refresh).then(
      () => {
        told = " and revoked";
      },
      (thrown) => {
        process.stderr.write(`codexd: the login could not be revoked: ${(thrown as Error).message}\n`);
      },
    );
  }
  await store.accounts.remove(name);
  process.stdout.write(`${name} is removed${told}.\n`);
}
