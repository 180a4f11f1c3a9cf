// `codexd serve` for the parser: its help, and the way in when the flags were not plainly right.

import type { Command } from "commander";
import type { Flags } from "../config/load.ts";
import { configOption, dataOption, hostOption, portOption, workersOption } from "./options.ts";

export function addServe(program: Command): void {
  program
    .command("serve")
    .description("run the server")
    .addOption(configOption())
    .addOption(hostOption())
    .addOption(portOption())
    .addOption(dataOption())
    .addOption(workersOption())
    .option("--sandbox", "add the embedded upstream as the default one: no account needed")
    .action(async (flags: Flags) => {
      process.exitCode = await (await import("./serve.ts")).serve(flags);
    });
}
