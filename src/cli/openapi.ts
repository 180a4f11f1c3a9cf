// `codexd openapi`: the OpenAPI document, without starting a server.

import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { version } from "../../package.json";
import { configOption } from "./options.ts";

interface OpenApiFlags {
  out?: string;
  config?: string;
  sandbox?: boolean;
}

export function addOpenApi(program: Command): void {
  program
    .command("openapi")
    .description("write the OpenAPI document without starting a server")
    .addOption(configOption())
    .option("--sandbox", "as for serve --sandbox: no upstream is needed")
    .option("--out <file>", "write to a file instead of the terminal")
    .action(async (flags: OpenApiFlags) => {
      const text = `${JSON.stringify(await document(flags), null, 2)}\n`;
      if (flags.out === undefined) process.stdout.write(text);
      else writeFileSync(flags.out, text);
    });
}

/** Of the default chain; with a configuration, of what that one serves. */
async function document({ config: file, sandbox }: OpenApiFlags): Promise<unknown> {
  const [{ openApiDocument, documentOf }, { builtIn }] = await Promise.all([
    import("../server/openapi.ts"),
    import("../../plugins/index.ts"),
  ]);
  if (file === undefined) return await openApiDocument({ plugins: builtIn, version });
  const [{ configured }, { inspect }] = await Promise.all([import("./configured.ts"), import("../server/inspect.ts")]);
  const loaded = await configured({ config: file, sandbox });
  const { chain, contributed, dispose } = await inspect(loaded, builtIn);
  const made = await documentOf(chain.dialects, loaded.config.server.basePath, version, contributed.routes);
  await dispose();
  return made;
}
