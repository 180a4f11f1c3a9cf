// Runs one command and ends the process with its exit code: 0 success, 1 failure, 2 wrong usage.

import type { Flags } from "../config/load.ts";

export async function run(args: readonly string[]): Promise<void> {
  // A closed pipe (`codexd usage | head`) is the reader's wish, not a failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  try {
    const flags = args[0] === "serve" ? serveFlags(args.slice(1)) : undefined;
    // The common start needs no command-line parser; help and wrong usage do.
    if (flags) process.exit(await (await import("./serve.ts")).serve(flags));
    const code = await (await import("./program.ts")).runProgram(args);
    // Ended here rather than by itself: a timer that a command no longer needs must not hold the prompt back.
    process.stdout.end(() => process.exit(code));
  } catch (error) {
    for (const line of linesOf(error)) process.stderr.write(`codexd: ${line}\n`);
    process.exit(1);
  }
}

/** The flags of `serve` when they are plainly right; undefined for anything that wants the real parser. */
function serveFlags(args: readonly string[]): Flags | undefined {
  const flags: Flags = {};
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--sandbox") {
      flags.sandbox = true;
      continue;
    }
    const [name, inline] = /^--(config|host|port|data|workers)(?:=(.*))?$/s.exec(arg)?.slice(1) ?? [];
    const value = inline ?? args[++at];
    if (!name || !value || (inline === undefined && value.startsWith("-"))) return undefined;
    if (name === "workers") {
      if (!/^[1-9][0-9]?$/.test(value)) return undefined;
      flags.workers = Number(value);
    } else if (name !== "port") flags[name as "config" | "host" | "data"] = value;
    else if (/^[0-9]{1,5}$/.test(value) && Number(value) <= 65535) flags.port = Number(value);
    else return undefined;
  }
  return flags;
}

function linesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [String(error)];
  if (process.env.CODEXD_LOG === "debug" && error.stack) return [error.stack];
  return error.message.split("\n");
}
