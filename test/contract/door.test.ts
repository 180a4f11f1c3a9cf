// The door is what it says: every public name is explained, every example of it compiles, and the types stand alone as a package.

import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseSync } from "oxc-parser";
import { version } from "../../package.json";
import { makeTypes } from "../../src/kit/make-pack.ts";
import { temporary } from "../binary.ts";

const root = resolve(import.meta.dir, "../..");
const DOORS = ["src/plugin/index.ts", "src/kit/door.ts"];
const GUIDES = ["plugins/README.md", "plugins/rules/README.md", "plugins/examples/README.md"];

interface Node {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

/** What a module exports, and the file that each name is declared in. */
function exportsOf(path: string): { name: string; file: string }[] {
  const { program } = parseSync(path, readFileSync(join(root, path), "utf8"));
  return (program.body as unknown as Node[]).flatMap((node) => {
    if (node.type !== "ExportNamedDeclaration") return [];
    const source = (node.source as { value: string } | null)?.value;
    const own = declared(node.declaration as Node | null);
    const named = (node.specifiers as { local: { name: string } }[]).map(({ local }) => local.name);
    return [...own, ...named].map((name) => ({ name, file: source ? join(dirname(path), source) : path }));
  });
}

function declared(node: Node | null): string[] {
  if (!node) return [];
  if (node.type === "VariableDeclaration")
    return (node.declarations as { id: { name: string } }[]).map(({ id }) => id.name);
  return [(node.id as { name: string }).name];
}

/** The doc block right before a place; a directive for the linter may stand between. */
function before(at: number, source: string, comments: readonly { type: string; value: string; end: number }[]) {
  const block = comments.findLast(({ type, end }) => end <= at && type === "Block");
  if (!block?.value.startsWith("*")) return undefined;
  return source
    .slice(block.end, at)
    .replace(/\/\/ biome-ignore .*/, "")
    .trim() === ""
    ? block.value
    : undefined;
}

/** The doc block of a declaration, however it is exported. */
function docOf(name: string, file: string): string | undefined {
  const source = readFileSync(join(root, file), "utf8");
  const { program, comments } = parseSync(file, source);
  for (const node of program.body as unknown as Node[]) {
    const inner = node.type.startsWith("Export") ? (node.declaration as Node | null) : node;
    if (!inner || !/Declar/.test(inner.type) || inner.type === "ImportDeclaration") continue;
    if (!declared(inner).includes(name)) continue;
    return before(node.start, source, comments);
  }
  const elsewhere = exportsOf(file).find((one) => one.name === name && one.file !== file);
  return elsewhere && docOf(name, elsewhere.file);
}

const names = DOORS.flatMap((door) => exportsOf(door).map((one) => ({ ...one, door })));

test("every public name has a doc block", () => {
  expect(names.length).toBeGreaterThan(60);
  const bare = names.filter(({ name, file }) => (docOf(name, file) ?? "").replace(/[*\s]/g, "").length < 20);
  expect(bare.map(({ name, file }) => `${file}: ${name}`)).toEqual([]);
});

/** Every hook, and every member of what a plugin is handed, is explained too. */
test.each(["Hooks", "Plugin", "Exchange", "Host", "Dialect", "PluginRoute", "PluginCommand", "Receipt", "Principal"])(
  "every member of %s has a doc block",
  (name) => {
    const file = names.find((one) => one.name === name)?.file as string;
    const source = readFileSync(join(root, file), "utf8");
    const { program, comments } = parseSync(file, source);
    const node = (program.body as unknown as Node[])
      .map((each) => each.declaration as Node | null | undefined)
      .find((each) => each?.type === "TSInterfaceDeclaration" && declared(each).includes(name));
    const members = (node?.body as { body: (Node & { key: { name: string } })[] } | undefined)?.body ?? [];
    const bare = members.filter(({ start }) => before(start, source, comments) === undefined);
    expect(bare.map(({ key }) => `${name}.${key.name}`)).toEqual([]);
  },
);

interface Example {
  from: string;
  code: string;
}

function fencesIn(path: string, text: string): Example[] {
  return [...text.matchAll(/^([ \t*]*)```ts\n([\s\S]*?)^\1```/gm)].map(({ index, 1: margin = "", 2: code = "" }) => ({
    from: `${path}:${text.slice(0, index).split("\n").length}`,
    code: code
      .split("\n")
      .map((line) => (line.startsWith(margin) ? line.slice(margin.length) : line.slice(margin.trimEnd().length)))
      .join("\n"),
  }));
}

const examples = [...new Set([...names.map(({ file }) => file), ...DOORS, ...GUIDES])].flatMap((path) =>
  fencesIn(path, readFileSync(join(root, path), "utf8")),
);

/** A project with the types as a package, and nothing of codexd but them. */
async function projectWith(files: Record<string, string>): Promise<string> {
  const folder = temporary();
  const modules = join(folder, "node_modules");
  for (const [path, text] of Object.entries(await makeTypes())) {
    const place = join(modules, path.replace(/^types/, "codexd"));
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
  }
  for (const name of ["@sinclair", "bun-types", "@types", "undici-types"])
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  return folder;
}

async function typeErrors(folder: string, resolution: "bundler" | "nodenext"): Promise<string[]> {
  const compilerOptions = {
    target: "esnext",
    lib: ["esnext", "dom", "dom.iterable"],
    module: resolution === "bundler" ? "preserve" : "nodenext",
    moduleResolution: resolution,
    strict: true,
    noEmit: true,
    types: ["bun-types"],
    // Ours are checked as code is; those of others are theirs.
    skipLibCheck: resolution === "bundler",
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "examples", private: true, type: "module" }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const child = Bun.spawn([process.execPath, tsc, "-p", folder, "--pretty", "false"], { stdout: "pipe" });
  const output = await new Response(child.stdout).text();
  await child.exited;
  return output.split("\n").filter((line) => line.includes("error TS") && !/node_modules\/(?!codexd)/.test(line));
}

test("every example of the door and of the guides compiles against the types package", async () => {
  expect(examples.length).toBeGreaterThan(15);
  const files = Object.fromEntries(examples.map(({ code }, index) => [`example-${index}.ts`, code]));
  const folder = await projectWith(files);
  const errors = await typeErrors(folder, "bundler");
  const named = errors.map((error) => error.replace(/^.*example-(\d+)\.ts/, (_, index) => `${examples[index]?.from} `));
  expect(named).toEqual([]);
}, 60_000);

test("the types package is whole: every import in it is in it, as Node resolves, and an error is seen through it", async () => {
  const folder = await projectWith({
    "good.ts":
      'import { definePlugin } from "codexd/plugin";\nimport { pluginServer } from "codexd/plugin/test";\nexport const all = [definePlugin, pluginServer];\n',
    "bad.ts":
      'import { definePlugin } from "codexd/plugin";\nexport default definePlugin({ name: 5, apiVersion: 1, setup: () => ({}) });\n',
  });
  const errors = await typeErrors(folder, "nodenext");
  expect(errors.map((error) => error.replace(/^.*?(\w+\.ts)/, "$1"))).toEqual([
    expect.stringMatching(/^bad\.ts\(2,\d+\): error TS2322/),
  ]);
  expect((await makeTypes())["types/package.json"]).toContain(`"version": "${version}"`);
}, 60_000);
