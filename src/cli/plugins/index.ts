// `codexd plugins`: shows the chain, checks and tests a plugin, begins a new one.

import { type Command, InvalidArgumentError, Option } from "commander";
import { configOption, jsonOption } from "../options.ts";
import type { ListFlags } from "./list.ts";
import type { TestFlags } from "./test.ts";

export function addPlugins(program: Command): void {
  const plugins = program.command("plugins").description("show the chain of plugins; check, test and begin a plugin");
  plugins
    .command("list", { isDefault: true })
    .description("the chain as it runs: order, file, hooks, policy, time limit")
    .addOption(configOption())
    .addOption(
      new Option("--url <url>", "ask this running server, which knows the time spent in each hook").argParser(address),
    )
    .addOption(new Option("--key <key>", "an admin licence of that server").env("CODEXD_KEY"))
    .option("--sandbox", "as for serve --sandbox: no upstream is needed")
    .addOption(jsonOption())
    .action(async (flags: ListFlags) => (await import("./list.ts")).listPlugins(flags));
  plugins
    .command("check")
    .description("load a plugin as the server would, and check its types where a TypeScript is installed")
    .argument("<file>", "a module, or a folder with one")
    .addOption(optionsOption())
    .addOption(jsonOption())
    .action(async (file: string, flags: TestFlags) => exitWith((await import("./check.ts")).checkPlugin(file, flags)));
  plugins
    .command("new")
    .description("write a folder with a plugin, its test, its types and a configuration that runs it")
    .argument("<name>", "lower-case letters, digits and -", nameOf)
    .action(async (name: string) => (await import("./new.ts")).newPlugin(name));
  plugins
    .command("test")
    .description(
      "play streams of all dialects through a plugin and check the contract; run its own tests, if it has some",
    )
    .argument("<file>", "a module, or a folder with one")
    .addOption(optionsOption())
    .option("--recordings <dir>", "play the recorded streams below this folder too")
    .addOption(jsonOption())
    .action(async (file: string, flags: TestFlags) => exitWith((await import("./test.ts")).testPlugin(file, flags)));
}

const optionsOption = (): Option =>
  new Option("--options <yaml>", "the plugin's options, as the configuration would have them").argParser(optionsOf);

function optionsOf(text: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It is no YAML: ${(error as Error).message}.`);
  }
}

function address(text: string): string {
  if (/^https?:\/\/[^/]/.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError("It is an address such as http://127.0.0.1:8787.");
}

function nameOf(text: string): string {
  if (/^[a-z][a-z0-9-]*$/.test(text)) return text;
  throw new InvalidArgumentError("It is made of lower-case letters, digits and -, a letter first.");
}

/** A command whose answer may be no has told why by itself. */
async function exitWith(done: Promise<boolean>): Promise<void> {
  if (!(await done)) process.exitCode = 1;
}
