// The command line: every command registers itself here and loads its work when it is called.

import { Command, CommanderError } from "commander";
import { addAccounts } from "./accounts.ts";
import { addConfig } from "./config.ts";
import { addConnect } from "./connect.ts";
import { addDoctor } from "./doctor/index.ts";
import { addKeys } from "./keys.ts";
import { addLogin } from "./login.ts";
import { addLogout } from "./logout.ts";
import { addModels } from "./models.ts";
import { addOpenApi } from "./openapi.ts";
import { addPlugins } from "./plugins/index.ts";
import { addSandbox } from "./sandbox.ts";
import { addServe } from "./serve-command.ts";
import { addStore } from "./store-command.ts";
import { addUsage } from "./usage.ts";
import { addVersion } from "./version.ts";

/** Parses and runs; gives the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const program = new Command("codexd")
    .description("One address in front of the Codex backend, for every client in its own language.")
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(
          `codexd: ${text
            .replace(/^error: /, "")
            .trim()
            .replace(/\n+/g, " ")}\n`,
        ),
    });
  const commands = [
    addServe,
    addSandbox,
    addLogin,
    addLogout,
    addAccounts,
    addKeys,
    addUsage,
    addStore,
    addModels,
    addConfig,
    addPlugins,
    addOpenApi,
    addConnect,
    addDoctor,
    addVersion,
  ];
  for (const add of commands) add(program);
  const [first = "--help", ...rest] = args;
  try {
    const isOwn = program.commands.some((command) => command.name() === first);
    if (!isOwn) {
      const { runPluginCommand, pluginCommandHelp } = await import("./plugin-commands.ts");
      if (!first.startsWith("-")) {
        const code = await runPluginCommand(first, rest);
        if (code !== undefined) return code;
      } else program.addHelpText("after", await pluginCommandHelp(args));
    }
    await program.parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}
