// Runs a command that a plugin of the configuration brings: the chain is set up as in a server, but nobody listens.

import type { CommandIO, Plugin } from "../core/hooks.ts";
import { Chain } from "./chain.ts";
import { Contributed } from "./contributed.ts";
import { type Configured, entriesOf, hostOf, type Services, upstreamsOf } from "./gateway.ts";
import { Catalogue } from "./models.ts";

/** Gives the exit code, or undefined when no plugin has the command. The files' plugins go with it. */
export async function runCommand(
  configured: Configured,
  services: Pick<Services, "store" | "log" | "mint" | "clock" | "version">,
  builtIn: readonly Plugin<never>[],
  asked: { name: string; args: readonly string[]; io: Omit<CommandIO, "host"> },
): Promise<number | undefined> {
  const { config, files } = configured;
  const upstreams = await upstreamsOf(config, services);
  const models = new Catalogue(upstreams, config.models, services);
  const chain = new Chain(entriesOf(configured, builtIn), hostOf(config, services, models, upstreams));
  try {
    const { commands } = new Contributed(chain.links, config.server.basePath);
    const found = commands.find(({ command }) => command.name === asked.name);
    const link = chain.links.find(({ name }) => name === found?.plugin);
    if (!found || !link) return undefined;
    const code: unknown = await found.command.run(asked.args, { ...asked.io, host: link.host });
    if (Number.isInteger(code) && (code as number) >= 0 && (code as number) <= 255) return code as number;
    throw new Error(`the plugin ${found.plugin} gave ${String(code)} as exit code of ${asked.name}; legal is 0 to 255`);
  } finally {
    await chain.dispose();
    for (const { container } of files) container.dispose();
  }
}
