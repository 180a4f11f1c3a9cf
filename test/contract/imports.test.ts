// Keeps the house in order: the directions of architecture.md hold in every file, and the check itself is not blind.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";
import { check } from "./rules.ts";

const root = join(import.meta.dir, "../..");
const files = [...new Bun.Glob("{src,plugins,test}/**/*.{ts,tsx,mjs}").scanSync({ cwd: root })]
  .map((path) => path.replaceAll("\\", "/"))
  .sort();

test("every file of src, plugins and test keeps the rules", () => {
  const violations = files.flatMap((path) => check(path, readFileSync(join(root, path), "utf8")));
  expect(violations.map(({ where, what }) => `${where} ${what}`)).toEqual([]);
  expect(files).toContain("src/core/turn.ts");
  expect(files).toContain("plugins/index.ts");
});

test("every built-in plugin and every example imports nothing of ours but the door, and nothing of each other", () => {
  const parts = files.filter((path) => path.startsWith("plugins/") && path !== "plugins/index.ts");
  const plugins = new Set<string>();
  const strangers: string[] = [];
  for (const path of parts) {
    const [, name = "", file = ""] = path.split("/");
    const own = name === "examples" ? `plugins/examples/${file}` : `plugins/${name}`;
    plugins.add(own);
    for (const specifier of importedBy(path)) {
      const target = specifier.startsWith(".") ? join(path, "..", specifier).replaceAll("\\", "/") : undefined;
      const isOwn = target === undefined ? !/^codexd/.test(specifier) : target === own || target.startsWith(`${own}/`);
      if (!isOwn && specifier !== "codexd/plugin") strangers.push(`${path}: ${specifier}`);
    }
  }
  expect(strangers).toEqual([]);
  for (const name of ["auth", "model-effort", "translate", "usage-log", "compact", "rules", "examples/ollama"])
    expect(plugins).toContain(`plugins/${name}`);
});

/** What a file imports, types too: what is erased when it runs is still bound when it is compiled. */
function importedBy(path: string): string[] {
  const { module } = parseSync(path, readFileSync(join(root, path), "utf8"));
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []),
  );
  const imported = module.staticImports.map(({ moduleRequest }) => moduleRequest.value);
  const lazy = module.dynamicImports.map(({ moduleRequest: { start, end } }) =>
    readFileSync(join(root, path), "utf8").slice(start + 1, end - 1),
  );
  return [...imported, ...exported, ...lazy];
}

/** What the check says of a file at `path` with these lines after a proper opening. */
function said(path: string, ...lines: string[]): string {
  const source = ["// Stands for a file of the tree.", ...lines, ""].join("\n");
  return check(path, source)
    .map(({ where, what }) => `${where} ${what}`)
    .join("\n");
}

describe("a planted violation is found:", () => {
  const forms: [string, string][] = [
    ["static", 'import { x } from "../server/app.ts";'],
    ["for its effect", 'import "../server/app.ts";'],
    ["type-only", 'import type { X } from "../server/app.ts";'],
    ["inline type", 'import { type X } from "../server/app.ts";'],
    ["namespace", 'import * as x from "../server/app.ts";'],
    ["re-export", 'export { x } from "../server/app.ts";'],
    ["re-export of all", 'export * from "../server/app.ts";'],
    ["re-export of a type", 'export type { X } from "../server/app.ts";'],
    ["dynamic", 'const x = await import("../server/app.ts");'],
    ["dynamic, in a template", "const x = await import(`../server/${name}.ts`);"],
    ["import type expression", 'type X = import("../server/app.ts").X;'],
    ["typeof import", 'type X = typeof import("../server/app.ts");'],
    ["import equals", 'import x = require("../server/app.ts");'],
    ["require", 'const x = require("../server/app.ts");'],
    ["resolve", 'const x = import.meta.resolve("../server/app.ts");'],
    ["over several lines", 'import {\n  x,\n} from\n  "../server/app.ts";'],
  ];
  for (const [form, line] of forms) {
    test(`an import that is ${form}`, () => {
      expect(said("src/core/turn.ts", line)).toContain("imports src/server/");
      expect(said("src/upstream/retry.ts", line)).toContain("upstream may import core");
    });
  }

  const cases: [path: string, line: string, message: string][] = [
    ["src/core/turn.ts", 'import { x } from "../plugin/index.ts";', "core may import nothing of ours"],
    ["src/core/turn.ts", 'import { x } from "codexd/plugin";', "that door is for plugins"],
    ["src/core/turn.ts", 'import { Elysia } from "elysia";', "only server may"],
    ["src/core/turn.ts", 'import { readFileSync } from "node:fs";', "core is pure"],
    ["src/core/turn.ts", 'import { file } from "bun";', "core is pure"],
    ["src/core/turn.ts", "const at = Date.now();", "ids and time come from the mint"],
    ["src/core/turn.ts", "const at = new Date();", "take it from the mint"],
    ["src/core/turn.ts", "const at = Math.random();", "uses Math.random"],
    ["src/core/turn.ts", 'const id = Math["random"]();', "uses Math.random"],
    ["src/core/turn.ts", "const id = crypto.randomUUID();", "uses crypto.randomUUID"],
    ["src/core/turn.ts", 'import { randomUUID } from "node:crypto";', "uses randomUUID"],
    ["src/core/turn.ts", "const home = process.env.HOME;", "no input or output"],
    ["src/core/turn.ts", 'const body = Bun.file("x");', "no input or output"],
    ["src/core/turn.ts", 'const answer = await fetch("x");', "only upstream and account"],
    ["src/plugin/host.ts", 'import { x } from "../upstream/retry.ts";', "plugin may import core"],
    ["src/upstream/sandbox/index.ts", 'import { x } from "../retry.ts";', "sandbox may import core"],
    ["src/upstream/sandbox/index.ts", "const answer = await fetch(address);", "only upstream and account"],
    ["src/upstream/retry.ts", 'import { x } from "./sandbox/index.ts";', "upstream may import core"],
    ["src/upstream/retry.ts", 'import { x } from "../account/select.ts";', "upstream may import core"],
    ["src/store/receipts.ts", 'import { x } from "../account/select.ts";', "store may import core"],
    ["src/server/app.ts", 'import { x } from "../cli/serve.ts";', "server may import"],
    ["src/server/app.ts", 'import { plugins } from "../../plugins/index.ts";', "server may import"],
    ["src/server/app.ts", 'import { x } from "codexd/plugin";', "that door is for plugins"],
    ["src/server/app.ts", "const answer = await fetch(address);", "only upstream and account"],
    ["src/server/app.ts", "start({ fetch });", "only upstream and account"],
    ["src/server/app.ts", "const send = globalThis.fetch;", "only upstream and account"],
    ["src/server/app.ts", "const answer = (await fetch(address)) as Response;", "only upstream and account"],
    ["src/server/app.ts", 'import { request } from "node:https";', "only upstream and account may"],
    ["src/server/app.ts", 'import { Database } from "bun:sqlite";', "only store may"],
    ["src/server/app.ts", "const sql = new Bun.SQL(address);", "only store opens a database"],
    ["src/cli/keys.ts", 'import { SQL } from "bun";', "only store opens a database"],
    ["src/cli/serve.ts", 'import { Elysia } from "elysia";', "only server may"],
    ["src/cli/serve.ts", 'import { swagger } from "@elysiajs/swagger";', "only server may"],
    ["src/cli/serve.ts", 'import auth from "../../plugins/auth/index.ts";', "only plugins/index.ts"],
    ["src/main.ts", 'import auth from "../plugins/auth/index.ts";', "only plugins/index.ts"],
    ["src/novel/thing.ts", 'import { x } from "../core/turn.ts";', "no place in the architecture"],
    ["plugins/auth/index.ts", 'import { x } from "../../src/core/turn.ts";', "nothing of ours but codexd/plugin"],
    [
      "plugins/auth/index.ts",
      'import type { X } from "../../src/plugin/index.ts";',
      "nothing of ours but codexd/plugin",
    ],
    ["plugins/auth/index.ts", 'import { x } from "../usage-log/index.ts";', "nothing of ours but codexd/plugin"],
    ["plugins/auth/index.ts", 'import { x } from "../index.ts";', "nothing of ours but codexd/plugin"],
    ["plugins/auth/index.ts", 'import { x } from "codexd/core";', "the only door"],
    ["plugins/auth/index.ts", 'import { Elysia } from "elysia";', "only server may"],
    ["plugins/auth/index.ts", "const answer = await fetch(address);", "only upstream and account"],
    ["plugins/examples/a.ts", 'import { x } from "./b.ts";', "nothing of ours but codexd/plugin"],
    ["plugins/examples/a/index.ts", 'import { x } from "../b/index.ts";', "nothing of ours but codexd/plugin"],
    ["plugins/index.ts", 'import { x } from "../src/core/turn.ts";', "imports only plugins"],
    ["plugins/translate/chat/decode.ts", 'import { x } from "../responses/wire.ts";', "no other dialect"],
    ["plugins/translate/chat/encode.ts", "const id = crypto.randomUUID();", "come from the mint"],
    ["plugins/translate/chat/encode.ts", "const created = Date();", "take it from the mint"],
    ["src/core/utils.ts", "", "name it after what it holds"],
    ["src/common/turn.ts", "", "name it after what it holds"],
    ["test/helpers.ts", "", "name it after what it holds"],
    ["src/core/turnReader.ts", "", "kebab-case"],
    ["src/core/turn.ts", "const x = ;", "does not parse"],
  ];
  for (const [path, line, message] of cases) {
    test(`${path}: ${line || "its name"}`, () => expect(said(path, line)).toContain(message));
  }

  test("a file without an opening sentence", () => {
    const openings = [
      "export {};",
      "",
      "// eslint-disable",
      "// todo\nexport {};",
      "/* x */",
      '"use strict";\n// It says this.',
    ];
    for (const source of openings) {
      expect(check("src/core/turn.ts", source).map(({ what }) => what)).toEqual([expect.stringContaining("open with")]);
    }
  });
});

test("what the architecture allows is not refused", () => {
  const allowed: [path: string, line: string][] = [
    ["src/core/turn.ts", 'import { createHash } from "node:crypto";\nimport { Type } from "@sinclair/typebox";'],
    ["src/core/turn.ts", "const at = new Date(seconds * 1000).toISOString();"],
    ["src/core/turn.ts", 'const text = "Date.now() and fetch(x) in words"; // Math.random()'],
    ["src/core/turn.ts", "interface Upstream { fetch(request: Request): Promise<Response>; now: typeof Date.now }"],
    ["src/server/listen.ts", "Bun.serve({ fetch: (request) => app.fetch(request) });"],
    ["src/server/app.ts", 'import { Elysia } from "elysia";\nimport { x } from "../upstream/sandbox/index.ts";'],
    ["src/upstream/responses.ts", 'const answer = await fetch("x", { signal });\nimport { x } from "../core/turn.ts";'],
    ["src/upstream/sandbox/ask.ts", 'import { x } from "../../core/turn.ts";\nimport { y } from "./json.ts";'],
    ["src/store/open.ts", 'import { Database } from "bun:sqlite";\nconst sql = new Bun.SQL(address);'],
    ["src/cli/serve.ts", 'import { plugins } from "../../plugins/index.ts";\nimport { x } from "../server/app.ts";'],
    ["src/main.ts", 'const { run } = await import("./cli/index.ts");'],
    ["src/plugin/host.ts", "const module = await import(path);"],
    ["plugins/index.ts", 'import auth from "./auth/index.ts";\nimport type { Plugin } from "codexd/plugin";'],
    ["plugins/auth/index.ts", 'import { window } from "./window.ts";\nimport { definePlugin } from "codexd/plugin";'],
    ["plugins/auth/index.ts", "const at = Date.now();"],
    ["plugins/translate/index.ts", 'import { chat } from "./chat/index.ts";'],
    ["plugins/examples/a/index.ts", 'import { x } from "./b.ts";'],
    [
      "plugins/translate/chat/index.ts",
      'import { decode } from "./decode.ts";\nimport { Type } from "@sinclair/typebox";',
    ],
    ["test/risks/idle-gap.test.ts", 'import { x } from "../../src/core/turn.ts";\nawait fetch("x");'],
  ];
  expect(allowed.map(([path, line]) => said(path, line))).toEqual(allowed.map(() => ""));
});
