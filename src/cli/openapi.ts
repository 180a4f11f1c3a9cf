// `codexd openapi`: the OpenAPI document, without starting a server.

import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { version } from "../../package.json";

export function addOpenApi(program: Command): void {
  program
    .command("openapi")
    .description("write the OpenAPI document without starting a server")
    .option("--out <file>", "write to a file instead of the terminal")
    .action(async ({ out }: { out?: string }) => {
      const [{ openApiDocument }, { builtIn }] = await Promise.all([
        import("../server/openapi.ts"),
        import("../../plugins/index.ts"),
      ]);
      const text = `${JSON.stringify(await openApiDocument({ plugins: builtIn, version }), null, 2)}\n`;
      if (out === undefined) process.stdout.write(text);
      else writeFileSync(out, text);
    });
}
