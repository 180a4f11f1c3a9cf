// The files of a new plugin: short, typed, tested, and running as they are.

import { dependencies, devDependencies } from "../../package.json";

/** By their path in the plugin's folder. */
export function sample(name: string): Record<string, string> {
  return {
    "index.ts": module(name),
    "index.test.ts": tests(name),
    "codexd.yaml": configuration(),
    "package.json": json({
      name,
      version: "0.1.0",
      private: true,
      type: "module",
      exports: "./index.ts",
      scripts: { check: "codexd plugins check .", test: "codexd plugins test ." },
      devDependencies: {
        "@sinclair/typebox": dependencies["@sinclair/typebox"],
        "bun-types": devDependencies["bun-types"],
        typescript: devDependencies.typescript,
      },
    }),
    "tsconfig.json": json({
      compilerOptions: {
        target: "ESNext",
        lib: ["ESNext", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
        module: "Preserve",
        moduleResolution: "bundler",
        verbatimModuleSyntax: true,
        allowImportingTsExtensions: true,
        noEmit: true,
        strict: true,
        skipLibCheck: true,
        types: ["bun-types"],
        paths: {
          "codexd/plugin": ["./.codexd/types/plugin/index.d.ts"],
          "codexd/plugin/test": ["./.codexd/types/kit/door.d.ts"],
        },
      },
      include: ["**/*.ts"],
      exclude: [".codexd", "node_modules"],
    }),
    "bunfig.toml": `# For \`bun test\`, and for the Bun in codexd itself: BUN_BE_BUN=1 codexd test\n[test]\npreload = ["./.codexd/run/preload.js"]\n`,
    ".gitignore": "node_modules/\n.codexd/\ncodexd-data/\n",
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const module = (name: string): string => `// Greets every client in a header, and tells the log what each answer took.

import { type Static, Type } from "@sinclair/typebox";
import { definePlugin } from "codexd/plugin";

const Options = Type.Object(
  { greeting: Type.String({ default: "hello", minLength: 1, description: "What clients are told in x-${name}." }) },
  { additionalProperties: false },
);

export default definePlugin<Static<typeof Options>>({
  name: "${name}",
  apiVersion: 1,
  options: Options,
  setup(host, { greeting }) {
    return {
      turn(exchange) {
        exchange.answerHeaders.set("x-${name}", greeting);
      },
      settled(receipt) {
        host.log.info("answered", { id: receipt.id, model: receipt.model, tokens: receipt.outputTokens });
      },
    };
  },
});
`;

const tests = (name: string): string => `import { expect, test } from "bun:test";
import { pluginServer } from "codexd/plugin/test";
import plugin from "./index.ts";

for (const dialect of ["chat", "responses", "messages", "gemini"] as const) {
  for (const stream of [true, false]) {
    test(\`\${dialect}, \${stream ? "streamed" : "whole"}: the client is greeted and hears the answer\`, async () => {
      await using server = await pluginServer(plugin, { options: { greeting: "good morning" } });
      const answer = await server.ask(dialect, "SAY it works", { stream });
      expect(answer.headers.get("x-${name}")).toBe("good morning");
      expect(answer.text).toBe("it works");
      expect(answer.faults).toEqual([]);
      expect(answer.receipt?.outcome).toBe("ok");
      expect(server.log).toContainEqual(expect.objectContaining({ message: "answered" }));
    });
  }
}

test("an empty greeting is refused before anything starts", () => {
  expect(pluginServer(plugin, { options: { greeting: "" } })).rejects.toThrow("greeting");
});
`;

const configuration =
  (): string => `# codexd serve --sandbox, in this folder: a server that needs no account, with the plugin in its chain.
server:
  watch: true # a change of the plugin is loaded at once
plugins:
  - auth
  - model-effort
  - translate
  - usage-log
  - compact
  - ./index.ts: { greeting: hello }
`;
