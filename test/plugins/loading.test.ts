// Plugins from files: what a file or folder must be, one line for every mistake, fresh modules each time, and a border that holds.

import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Hooks, Host } from "../../src/core/hooks.ts";
import * as door from "../../src/plugin/index.ts";
import { type FilePlugin, loadPlugin } from "../../src/plugin/load.ts";
import { sourcesOf } from "../../src/plugin/sources.ts";
import { registerHostModules } from "../../src/server/host-modules.ts";
import { temporary } from "../binary.ts";
import { chainOf } from "./chain.ts";

beforeAll(registerHostModules);

/** A folder with these files in it. */
function folder(files: Record<string, string>): { path: string; write(name: string, text: string): void } {
  const path = temporary();
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { path, write };
}

const PLUGIN = 'export default { name: "p", apiVersion: 1, setup: () => ({}) };';
const named = (name: string) => PLUGIN.replace('"p"', JSON.stringify(name));

async function nameAt(path: string): Promise<string> {
  const loaded = await loadPlugin(path);
  loaded.container.dispose();
  return loaded.plugin.name;
}

/** The whole of a setup with nothing behind its host. */
const setUp = (loaded: FilePlugin, host: Partial<Host> = {}): Hooks => loaded.plugin.setup(host as Host, {} as never);

describe("a plugin is found in", () => {
  test.each<[string, Record<string, string>, string]>([
    ["a TypeScript file", { "a.ts": `const x: number = 1;\n${named("a")}` }, "a.ts"],
    ["a JavaScript file", { "a.js": named("a") }, "a.js"],
    ["an ES module", { "a.mjs": named("a") }, "a.mjs"],
    ["a CommonJS module", { "a.cjs": 'module.exports = { name: "a", apiVersion: 1, setup: () => ({}) };' }, "a.cjs"],
    [
      "a named export, the only plugin",
      { "a.ts": 'export const x = 1;\nexport const mine = { name: "a", apiVersion: 1, setup: () => ({}) };' },
      "a.ts",
    ],
    [
      "one plugin under two names",
      { "a.ts": 'export const one = { name: "a", apiVersion: 1, setup: () => ({}) };\nexport { one as two };' },
      "a.ts",
    ],
    [
      "an instance of a class",
      { "a.ts": 'class P { name = "a"; apiVersion = 1 as const; setup() { return {}; } }\nexport default new P();' },
      "a.ts",
    ],
    ["a folder's index.ts", { "index.ts": named("a") }, "."],
    ["a folder's index.mjs", { "index.mjs": named("a") }, "."],
    ["main of package.json", { "package.json": '{"main":"lib/a.js"}', "lib/a.js": `${named("a")}` }, "."],
    ["module before main", { "package.json": '{"main":"b.cjs","module":"a.mjs"}', "a.mjs": named("a") }, "."],
    ["exports before all", { "package.json": '{"main":"b.js","exports":"./a.ts"}', "a.ts": named("a") }, "."],
    [
      "exports with conditions",
      {
        "package.json": '{"exports":{".":{"types":"./x.d.ts","import":{"default":"./a.mjs"},"require":"./b.cjs"}}}',
        "a.mjs": named("a"),
      },
      ".",
    ],
    ["index beside a package.json that says nothing", { "package.json": '{"name":"x"}', "index.js": named("a") }, "."],
  ])("%s", async (_what, files, path) => {
    expect(await nameAt(join(folder(files).path, path))).toBe("a");
  });
});

test("a folder may be written with a slash at its end", async () => {
  const { path } = folder({ "package.json": '{"main":"lib/a.js"}', "lib/a.js": named("a") });
  expect(await nameAt(`${path}/`)).toBe("a");
});

describe("one line says what is wrong with", () => {
  const legal =
    "legal is a plugin made with definePlugin({ name, apiVersion: 1, setup }), as the default or the only such export";
  test.each<[string, Record<string, string>, string, string]>([
    ["a file that is not there", {}, "gone.ts", "$/gone.ts: there is no such file or folder"],
    [
      "another kind of file",
      { "a.json": "{}" },
      "a.json",
      "$/a.json is no module; legal is a file that ends in .ts, .js, .mjs or .cjs, or a folder with one",
    ],
    [
      "an empty folder",
      {},
      ".",
      "$: the folder has neither a package.json with exports, module or main, nor an index file that ends in .ts, .js, .mjs or .cjs",
    ],
    [
      "a main that is not there",
      { "package.json": '{"main":"x.js"}' },
      ".",
      "$/package.json: main is x.js, and there is no such file",
    ],
    [
      "a main outside",
      { "package.json": '{"main":"../x.js"}' },
      ".",
      '$/package.json: main is "../x.js"; legal is a path inside the folder',
    ],
    ["a package.json that is none", { "package.json": "{" }, ".", "$/package.json is not valid JSON"],
    [
      "a syntax error",
      { "a.ts": "export default {\n  name: 'a',\n  b c\n};" },
      "a.ts",
      '$/a.ts:3:5: syntax error: Expected "}" but found "c"',
    ],
    [
      "one in a helper",
      { "a.ts": 'import "./b.ts";', "b.ts": "const x = ;" },
      "a.ts",
      "$/b.ts:1:11: syntax error: Unexpected ;",
    ],
    ["a helper that is not there", { "a.ts": 'import "./b.ts";' }, "a.ts", "$/a.ts: cannot find ./b.ts"],
    [
      "one that a helper wants",
      { "a.ts": 'import "./b.ts";', "b.ts": 'import "./c.ts";' },
      "a.ts",
      "$/a.ts: cannot find ./c.ts (imported by $/b.ts)",
    ],
    [
      "a package that is not there",
      { "a.ts": 'import "no-such-package-here";' },
      "a.ts",
      "$/a.ts: cannot find the package no-such-package-here; install it in the plugin's folder: npm install no-such-package-here",
    ],
    [
      "a name that is not exported",
      { "a.ts": 'import { nothing } from "./b.ts";\nexport default nothing;', "b.ts": "export const x = 1;" },
      "a.ts",
      "$/a.ts: Export named 'nothing' not found in module '$/b.ts'",
    ],
    [
      "a throw at its top level",
      { "a.ts": '\nthrow new RangeError("first\\nsecond");' },
      "a.ts",
      "$/a.ts: threw while it was loaded: RangeError: first second ($/a.ts:2:11)",
    ],
    [
      "a rejection there",
      { "a.ts": 'await Promise.reject("text");' },
      "a.ts",
      "$/a.ts: threw while it was loaded: Error: text",
    ],
    ["no exports", { "a.ts": "const x = 1;" }, "a.ts", `$/a.ts: exports nothing; ${legal}`],
    [
      "exports that are no plugin",
      { "a.ts": "export const x = 1, y = {};" },
      "a.ts",
      `$/a.ts: exports x, y, none of which is a plugin; ${legal}`,
    ],
    [
      "a default export that is a function",
      { "a.ts": "export default () => ({});" },
      "a.ts",
      `$/a.ts: its default export is a function; ${legal}`,
    ],
    [
      "a default export without setup",
      { "a.ts": 'export default { name: "a" };' },
      "a.ts",
      `$/a.ts: its default export has no setup function; ${legal}`,
    ],
    [
      "two plugins",
      { "a.ts": `${named("a").replace("default", "const one =")}\n${named("b").replace("default", "const two =")}` },
      "a.ts",
      `$/a.ts: exports the plugins one and two; ${legal}`,
    ],
    [
      "another apiVersion",
      { "a.ts": PLUGIN.replace("apiVersion: 1", "apiVersion: 2") },
      "a.ts",
      "$/a.ts: apiVersion is 2; legal is 1, the only one that this codexd knows",
    ],
    [
      "no apiVersion",
      { "a.ts": PLUGIN.replace("apiVersion: 1,", "") },
      "a.ts",
      "$/a.ts: apiVersion is undefined; legal is 1, the only one that this codexd knows",
    ],
    [
      "a name that is none",
      { "a.ts": named("My Plugin") },
      "a.ts",
      '$/a.ts: name is "My Plugin"; legal is lower-case letters, digits and -, a letter first',
    ],
    [
      "wishes that are none",
      { "a.ts": PLUGIN.replace("apiVersion", 'before: "auth", apiVersion') },
      "a.ts",
      '$/a.ts: before is "auth"; legal is a list of plugins\' names',
    ],
    [
      "another policy",
      { "a.ts": PLUGIN.replace("apiVersion", 'onError: "log", apiVersion') },
      "a.ts",
      '$/a.ts: onError is "log"; legal is "fail" or "skip"',
    ],
    [
      "a time-out that is none",
      { "a.ts": PLUGIN.replace("apiVersion", 'timeout: "2s", apiVersion') },
      "a.ts",
      '$/a.ts: timeout is "2s"; legal is milliseconds, 1 or more',
    ],
  ])("%s", async (_what, files, path, expected) => {
    const made = folder(files);
    const said = await loadPlugin(join(made.path, path)).then(
      () => "loaded",
      (error: Error) => error.message.replaceAll(made.path, "$"),
    );
    expect(said.replace(/\(\.\.\/[^)]*\/(a\.ts:)/, "($/$1")).toBe(expected);
  });
});

test("it imports the server's own door, and packages of its own", async () => {
  const made = folder({
    "a.ts": `import { definePlugin, Failure } from "codexd/plugin";
      import { Kind, Type } from "@sinclair/typebox";
      import { Value } from "@sinclair/typebox/value";
      import { Elysia } from "elysia";
      import one from "one";
      import two, { failureOfTwo } from "two";
      export default definePlugin({ name: "a", apiVersion: 1, setup: () => ({ seen: () => ({ Failure, Type, Value, Elysia, Kind, one, two, failureOfTwo }) }) as never });`,
    "node_modules/one/package.json": '{"name":"one","exports":{"import":"./deep/one.mjs"}}',
    "node_modules/one/deep/one.mjs": "export default 1;",
    "node_modules/two/package.json": '{"name":"two","main":"two.js"}',
    "node_modules/two/two.js":
      'const { Failure } = require("codexd/plugin"); require("elysia"); require("@sinclair/typebox/value"); module.exports = 2; module.exports.failureOfTwo = Failure;',
    // What a plugin brings under the door's own name is never taken for it.
    "node_modules/codexd/package.json": '{"name":"codexd","exports":{"./plugin":"./plugin.js"}}',
    "node_modules/codexd/plugin.js": "export const definePlugin = (it) => it; export class Failure {}",
  });
  made.write(
    "node_modules/two/two.js",
    'const { Failure } = require("codexd/plugin"); require("elysia"); require("@sinclair/typebox/value"); module.exports = { failureOfTwo: Failure };',
  );
  const loaded = await loadPlugin(join(made.path, "a.ts"));
  const seen = (setUp(loaded) as unknown as { seen(): Record<string, unknown> }).seen();
  expect(seen.Failure).toBe(door.Failure);
  expect(seen.failureOfTwo).toBe(door.Failure);
  expect(seen.Type).toBe((await import("@sinclair/typebox")).Type);
  expect(seen.Value).toBe((await import("@sinclair/typebox/value")).Value);
  expect(seen.Elysia).toBe((await import("elysia")).Elysia);
  expect(seen.one).toBe(1);
  loaded.container.dispose();
});

test("every load is a fresh one, its helpers included, and an old one keeps what it had", async () => {
  const made = folder({
    "a.ts": `import { value } from "./deep/b.ts"; let count = 0;
      export default { name: "a", apiVersion: 1, setup: () => ({ seen: () => [value, ++count] }) };`,
    "deep/b.ts": 'import { inner } from "./c.js"; export const value = "first " + inner;',
    "deep/c.js": "export const inner = 1;",
  });
  const path = join(made.path, "a.ts");
  const seen = (loaded: FilePlugin) => setUp(loaded) as unknown as { seen(): unknown };
  const first = seen(await loadPlugin(path));
  expect([first.seen(), first.seen()]).toEqual([
    ["first 1", 1],
    ["first 1", 2],
  ]);
  made.write("deep/c.js", "export const inner = 2;");
  const second = seen(await loadPlugin(path));
  expect(second.seen()).toEqual(["first 2", 1]);
  expect(first.seen()).toEqual(["first 1", 3]);
});

test("what it throws later is told under its name, and what it left open ends with it", async () => {
  const made = folder({
    "a.ts": `export default { name: "a", apiVersion: 1, setup(host) {
      setTimeout(() => { throw new Error("in a timer"); }, 1);
      setInterval(() => host.tick(), 1);
      void (async () => { await null; throw new Error("in a promise"); })();
      return { turn() { queueMicrotask(() => { throw new Error("in a hook's wake"); }); } };
    } };`,
  });
  const loaded = await loadPlugin(join(made.path, "a.ts"));
  let ticks = 0;
  const errors: string[] = [];
  const hooks = setUp(loaded, { tick: () => ticks++ } as never);
  hooks.turn?.({} as never);
  await Bun.sleep(20);
  loaded.container.onError((error, kind) => errors.push(`${kind}: ${(error as Error).message}`));
  expect(errors.toSorted()).toEqual([
    "uncaughtException: in a hook's wake",
    "uncaughtException: in a timer",
    "unhandledRejection: in a promise",
  ]);
  expect(ticks).toBeGreaterThan(0);
  loaded.container.dispose();
  const then = ticks;
  await Bun.sleep(20);
  expect(ticks).toBe(then);
});

test("what the server does for it goes on when it is gone", async () => {
  const made = folder({
    "a.ts": `export default { name: "a", apiVersion: 1, setup: (host) => ({ turn: () => host.log.info("go"), events: { types: "all", handle: () => host.clock() } }) };`,
  });
  const loaded = await loadPlugin(join(made.path, "a.ts"));
  const { promise, resolve } = Promise.withResolvers<string>();
  const seen: boolean[] = [];
  const begin = () => {
    seen.push(Bun.ModuleGraph.current === undefined);
    // As a journal does, whose next flush must not end with whoever wrote first.
    setTimeout(() => resolve("flushed"), 30);
  };
  const hooks = setUp(loaded, {
    log: { info: begin },
    clock: () => seen.push(Bun.ModuleGraph.current === undefined),
  } as never);
  hooks.turn?.({} as never);
  hooks.events?.handle({} as never, {} as never);
  loaded.container.dispose();
  expect(await promise).toBe("flushed");
  expect(seen).toEqual([true, true]);
});

test("answers and encoders that it makes step by step are made inside too", async () => {
  const made = folder({
    "a.ts": `const where = () => Bun.ModuleGraph.current !== undefined;
      export default { name: "a", apiVersion: 1, setup: () => ({
        turn: async () => ({ events: (async function* () { yield where(); yield where(); })() }),
        upstream: () => ({ text: "whole" }),
        dialects: [
          { name: "d", routes: [], encoder: () => ({ event: where, end: where }) },
          { name: "late", routes: [], load: async () => ({ encoder: () => ({ event: where, end: where }) }) },
        ],
        routes: [{ method: "GET", path: "/a", handle: where }],
        commands: [{ name: "c", summary: "", run: where }],
      }) };`,
  });
  const loaded = await loadPlugin(join(made.path, "a.ts"));
  const hooks = setUp(loaded) as Required<Hooks>;
  const { events } = (await hooks.turn({} as never)) as unknown as { events: AsyncIterable<boolean> };
  const given: boolean[] = [];
  for await (const each of events) given.push(each);
  for (const dialect of hooks.dialects) {
    const { encoder } = "load" in dialect ? await dialect.load() : dialect;
    given.push(encoder({} as never).event({} as never) as never, encoder({} as never).end() as never);
  }
  given.push(hooks.routes[0]?.handle({} as never) as never, hooks.commands[0]?.run([], {} as never) as never);
  expect(given).toEqual([true, true, true, true, true, true, true, true]);
  expect(hooks.upstream({} as never) as unknown).toEqual({ text: "whole" });
  loaded.container.dispose();
});

test.each([
  ["nothing", "undefined", "its setup gave nothing"],
  ["a promise", "Promise.resolve({})", "its setup gave a promise"],
  ["a text", '"hooks"', "its setup gave a string"],
])("a setup that gives %s is refused", async (_what, given, expected) => {
  const made = folder({ "a.ts": `export default { name: "a", apiVersion: 1, setup: () => ${given} };` });
  const { plugin } = await loadPlugin(join(made.path, "a.ts"));
  expect(() => chainOf({ plugin, options: undefined, file: "a.ts" })).toThrow(
    `plugin a: ${expected}; legal are its hooks`,
  );
});

test("its files are known: what a file imports by path, and all of a folder but its packages", () => {
  const made = folder({
    "a.ts":
      'import { b } from "./lib/b.ts"; import x from "./data.json"; import "pkg"; const c = await import("./c"); export * from "../up.ts";',
    "lib/b.ts": 'import "../c.js"; export const b = 1;',
    "c.js": 'require("./lib/b.ts");',
    "data.json": "{}",
    "unseen.ts": "",
    "node_modules/pkg/index.js": "",
    "sub/deep/x.txt": "",
    ".hidden/y.ts": "",
  });
  const inside = (paths: string[]) => paths.map((path) => path.replace(made.path, "$")).toSorted();
  const file = sourcesOf(join(made.path, "a.ts"));
  expect(inside(file.files)).toEqual(
    ["$/a.ts", "$/c.js", "$/data.json", "$/lib/b.ts", join(made.path, "../up.ts")].toSorted(),
  );
  const whole = sourcesOf(made.path);
  expect(inside(whole.files)).toEqual([
    "$/a.ts",
    "$/c.js",
    "$/data.json",
    "$/lib/b.ts",
    "$/sub/deep/x.txt",
    "$/unseen.ts",
  ]);
  expect(inside(whole.folders)).toEqual(["$", "$/lib", "$/sub", "$/sub/deep"]);
});

describe("a plugin that would end or break the server is refused by name:", () => {
  const HEAD = 'export default { name: "p", apiVersion: 1, setup: () =>';

  test("process.exit at its top level", async () => {
    const { path } = folder({ "a.ts": `process.exit(7);\n${PLUGIN}` });
    await expect(loadPlugin(join(path, "a.ts"))).rejects.toThrow(/a\.ts: .*process\.exit was called by a plugin/);
  });

  test("process.exit in a hook", async () => {
    const { path } = folder({ "a.ts": `${HEAD} ({ turn() { process.exit(0); } }) };` });
    const loaded = await loadPlugin(join(path, "a.ts"));
    const hooks = setUp(loaded);
    expect(() => hooks.turn?.({} as never)).toThrow("process.exit was called by a plugin");
    loaded.container.dispose();
  });

  test("a top level that throws nothing with words", async () => {
    const { path } = folder({ "a.ts": "throw null;" });
    await expect(loadPlugin(join(path, "a.ts"))).rejects.toThrow(/a\.ts: threw while it was loaded/);
  });

  test.each<[string, string, RegExp]>([
    ["a setup that throws null", "{ throw null; }", /plugin p: its setup threw null/],
    ["a setup that throws", '{ throw new Error("no table"); }', /plugin p: its setup threw: no table/],
    ["a hook that is no function", "({ turn: 5 })", /plugin p: its turn hook is a number; legal is a function/],
    ["dialects that are no list", "({ dialects: 5 })", /plugin p: its dialects are a number; legal is a list/],
    ["events of another form", "({ events: { types: 5, handle() {} } })", /plugin p: its events hook has another form/],
    ["events that are null", "({ events: null })", /plugin p: its events hook has another form/],
  ])("%s", async (_, setup, message) => {
    const { path } = folder({ "a.ts": `${HEAD} ${setup} };` });
    const loaded = await loadPlugin(join(path, "a.ts"));
    expect(() => setUp(loaded)).toThrow(message);
    loaded.container.dispose();
  });
});
