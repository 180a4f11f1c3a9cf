// `codexd config`: checks the configuration, shows what is in effect, prints its schema.

import type { Command } from "commander";
import { configOption, jsonOption } from "./options.ts";
import { printJson } from "./table.ts";

interface ConfigFlags {
  config?: string;
  sandbox?: boolean;
  json?: boolean;
}

export function addConfig(program: Command): void {
  const config = program.command("config").description("validate, show and describe the configuration");
  config
    .command("check", { isDefault: true })
    .description("say ok, or everything that is wrong")
    .addOption(configOption())
    .option("--sandbox", "as for serve --sandbox: no upstream is needed")
    .action(checkConfig);
  config
    .command("show")
    .description("print the effective values, secrets masked")
    .addOption(configOption())
    .option("--sandbox", "as for serve --sandbox: no upstream is needed")
    .addOption(jsonOption())
    .action(showConfig);
  config
    .command("schema")
    .description("print the JSON Schema for editors")
    .action(async () => printJson((await import("../config/schema.ts")).editorSchema()));
}

async function checkConfig(flags: ConfigFlags): Promise<void> {
  const { warningsOf } = await import("../config/present.ts");
  const [{ configured }, { inspect }] = await Promise.all([import("./configured.ts"), import("../server/inspect.ts")]);
  const { builtIn } = await import("../../plugins/index.ts");
  const loaded = await configured(flags);
  await inspect(loaded, builtIn);
  const { config } = loaded;
  for (const warning of warningsOf(config)) process.stderr.write(`codexd: warning: ${warning}\n`);
  process.stdout.write(`${config.file ?? "no file"}: ok\n`);
}

async function showConfig(flags: ConfigFlags): Promise<void> {
  const [{ presentConfig }, { configured }, { builtIn }] = await Promise.all([
    import("../config/present.ts"),
    import("./configured.ts"),
    import("../../plugins/index.ts"),
  ]);
  const { config, files } = await configured(flags);
  // The file's plugin comes first: it may have a built-in one's name.
  const shown = presentConfig(config, [...files.map(({ plugin }) => plugin), ...builtIn]);
  if (flags.json) printJson(shown);
  else process.stdout.write(`${Bun.YAML.stringify(shown, null, 2).trimEnd()}\n`);
}
