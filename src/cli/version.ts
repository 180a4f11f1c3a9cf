// `codexd version`: the version, the commit it was built from, and the Bun inside.

import type { Command } from "commander";
import { version } from "../../package.json";
import { jsonOption } from "./options.ts";
import { printJson } from "./table.ts";

declare const BUILD_COMMIT: string | undefined;

/** What runs: the package's version, the commit (`unknown` when not built), Bun's version. */
export interface VersionInfo {
  version: string;
  commit: string;
  bun: string;
}

export function versionInfo(): VersionInfo {
  return { version, commit: typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "unknown", bun: Bun.version };
}

export function addVersion(program: Command): void {
  program
    .command("version")
    .description("print version, build commit and Bun version")
    .addOption(jsonOption())
    .action((flags: { json?: boolean }) => {
      const info = versionInfo();
      if (flags.json) printJson(info);
      else process.stdout.write(`codexd ${info.version} (commit ${info.commit}, Bun ${info.bun})\n`);
    });
}
