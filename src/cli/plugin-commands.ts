// Commands that plugins of the configuration bring: listed in the help, run where no command of codexd's own has the name.

import { version } from "../../package.json";
import { builtIn } from "../../plugins/index.ts";
import { ConfigError, findPluginPaths } from "../config/load.ts";

interface PluginFlags {
  config?: string;
  data?: string;
}

/** Gives the exit code, or undefined when the configuration has no such command. */
export async function runPluginCommand(name: string, given: readonly string[]): Promise<number | undefined> {
  const { flags, args } = ownFlags(given);
  if (!(await hasFiles(flags))) return undefined;
  const [{ configured }, { runCommand }, { createLog }, { openStore }] = await Promise.all([
    import("./configured.ts"),
    import("../server/command.ts"),
    import("../server/log.ts"),
    import("../store/index.ts"),
  ]);
  // A command asks no upstream by itself: one that is missing is missed where it is used.
  const loaded = await configured({ ...flags, sandbox: true });
  const { config } = loaded;
  const log = createLog(config.log);
  await using store = await openStore(config.data, { store: config.store, log, patience: 5000 });
  const mint = {
    id: (prefix: string) => prefix + Bun.randomUUIDv7("hex").replaceAll("-", ""),
    now: () => Math.floor(Date.now() / 1000),
  };
  return await runCommand(loaded, { store, log, mint, clock: Date.now, version }, builtIn, {
    name,
    args,
    io: {
      out: (line) => void process.stdout.write(`${line}\n`),
      err: (line) => void process.stderr.write(`${line}\n`),
    },
  });
}

/** Lines for the help; none where no configuration names a plugin, or where it cannot be read. */
export async function pluginCommandHelp(given: readonly string[]): Promise<string> {
  const { flags } = ownFlags(given);
  try {
    if (!(await hasFiles(flags))) return "";
    const [{ configured }, { inspect }] = await Promise.all([
      import("./configured.ts"),
      import("../server/inspect.ts"),
    ]);
    const { contributed, dispose } = await inspect(await configured({ ...flags, sandbox: true }), builtIn);
    await dispose();
    const { commands } = contributed;
    if (commands.length === 0) return "";
    const width = Math.max(...commands.map(({ command }) => command.name.length));
    const lines = commands.map(
      ({ command, plugin }) => `  ${command.name.padEnd(width)}  ${command.summary} (${plugin})`,
    );
    return `\nCommands of plugins:\n${lines.join("\n")}\n`;
  } catch (error) {
    return `\nThe commands of plugins are not known: ${(error as Error).message.split("\n")[0]}\n`;
  }
}

async function hasFiles(flags: PluginFlags): Promise<boolean> {
  try {
    return findPluginPaths(flags).length > 0;
  } catch (error) {
    if (error instanceof ConfigError && flags.config === undefined) return false;
    throw error;
  }
}

/** `--config` and `--data` are codexd's own, wherever they stand before `--`; the rest is the command's. */
function ownFlags(given: readonly string[]): { flags: PluginFlags; args: string[] } {
  const flags: PluginFlags = {};
  const args: string[] = [];
  for (let at = 0; at < given.length; at++) {
    const arg = given[at] ?? "";
    if (arg === "--") {
      args.push(...given.slice(at));
      break;
    }
    const [name, inline] = /^--(config|data)(?:=(.*))?$/s.exec(arg)?.slice(1) ?? [];
    if (name) flags[name as keyof PluginFlags] = inline ?? given[++at] ?? "";
    else args.push(arg);
  }
  return { flags, args };
}
