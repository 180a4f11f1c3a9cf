// The rules of the house as a function of one file: who may import whom, who may fetch, store or look at the clock.
import { dirname, join } from "node:path/posix";
import { parseSync } from "oxc-parser";

export interface Violation {
  where: string;
  what: string;
}

/** A syntax node as oxc gives it; only what the walk needs. */
interface Node {
  type: string;
  start: number;
  [key: string]: unknown;
}

/** Which areas an area may import, besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  plugin: ["core"],
  config: ["core"],
  sandbox: ["core"], // so that it cannot share a mistake with the gateway
  upstream: ["core"],
  account: ["core"],
  store: ["core"],
  server: ["core", "plugin", "config", "sandbox", "upstream", "account", "store"],
  kit: ["core", "plugin", "config", "server", "store", "builtins", "package.json"],
  cli: [
    ...["core", "plugin", "config", "sandbox", "upstream", "account", "store", "server", "kit", "builtins"],
    "package.json",
  ],
  main: [
    "core",
    "plugin",
    "config",
    "sandbox",
    "upstream",
    "account",
    "store",
    "server",
    "builtins",
    "package.json",
    "cli",
  ],
  build: ["kit", "package.json"],
  launch: [],
};

const DOOR = "codexd/plugin";

/** Packages that belong to one area, by name or by the prefix before a slash. */
const OWNED_PACKAGES: [name: string, areas: readonly string[]][] = [
  ["elysia", ["server"]],
  ["@elysiajs", ["server"]],
  ["bun:sqlite", ["store"]],
  ["node:sqlite", ["store"]],
  ["node:http", ["upstream", "account"]],
  ["node:https", ["upstream", "account"]],
  ["node:http2", ["upstream", "account"]],
  ["undici", ["upstream", "account"]],
];

/** Node's modules that neither read nor write anything outside the process. */
const PURE_MODULES = ["node:assert", "node:buffer", "node:crypto", "node:path", "node:string_decoder", "node:util"];

const CLOCK_AND_CHANCE = [
  "Date.now",
  "performance.now",
  "Bun.nanoseconds",
  "Bun.sleep",
  "Math.random",
  "crypto.randomUUID",
  "crypto.getRandomValues",
  "randomUUID",
  "randomUUIDv7",
  "Bun.randomUUIDv7",
  "randomBytes",
  "randomInt",
  "getRandomValues",
  "setTimeout",
  "setInterval",
];
const FETCHING = ["fetch", "globalThis.fetch", "Bun.fetch", "Bun.FetchSession", "FetchSession", "XMLHttpRequest"];
const DATABASE = ["Bun.SQL", "Bun.sql", "SQL", "Bun.RedisClient", "Bun.redis", "RedisClient"];
const OUTSIDE = [
  "process",
  "Bun.file",
  "Bun.write",
  "Bun.serve",
  "Bun.spawn",
  "Bun.spawnSync",
  "Bun.env",
  "Bun.connect",
];

const VAGUE_NAMES = /^(utils?|helpers?|common|managers?|services?|misc|shared)$/;

/** Checks one file of `src`, `plugins` or `test`; `path` is relative to the root, with `/`. */
export function check(path: string, source: string): Violation[] {
  const found: Violation[] = [];
  const report = (at: number, what: string) => {
    const line = source.slice(0, at).split("\n").length;
    found.push({ where: `${path}:${line}`, what });
  };
  checkName(path, (what) => report(0, what));
  checkOpening(source, (what) => report(0, what));
  if (path.startsWith("test/")) return found;

  const { program, errors } = parseSync(path, source);
  for (const error of errors) report(0, `does not parse: ${error.message}`);
  const area = areaOf(path);
  walk(program as unknown as Node, (node) => {
    const specifier = importedBy(node);
    if (specifier !== undefined) checkImport(path, area, specifier, (what) => report(node.start, what));
  });
  walkValues(program as unknown as Node, (node) => {
    const name = nameOf(node);
    if (name !== undefined) checkUse(path, area, name, (what) => report(node.start, what));
    if (readsClock(node) && isPure(path, area)) report(node.start, "takes the time from `Date`: take it from the mint");
  });
  return found;
}

/** `core`, `sandbox`, `main`, `plugin:auth`, `builtins`, … or the file itself when it is none of ours. */
function areaOf(path: string): string {
  const [top, second = "", third] = path.split("/");
  if (path === "plugins/index.ts") return "builtins";
  // An example is a file, or a folder that others know nothing of.
  if (top === "plugins") return `plugin:${second === "examples" ? `examples/${third?.replace(/\.\w+$/, "")}` : second}`;
  if (top !== "src") return path;
  if (third === undefined) return second.replace(/\.\w+$/, "");
  return path.startsWith("src/upstream/sandbox/") ? "sandbox" : second;
}

function checkImport(path: string, area: string, specifier: string, report: (what: string) => void): void {
  if (specifier.startsWith(".") || specifier.startsWith("/")) {
    const target = join(dirname(path), specifier);
    const problem = reach(path, area, target);
    if (problem) report(`imports ${target}: ${problem}`);
    return;
  }
  if (specifier === DOOR) {
    if (!area.startsWith("plugin:") && area !== "builtins") report(`imports ${DOOR}: that door is for plugins`);
    return;
  }
  if (/^codexd(\/|$)/.test(specifier)) report(`imports ${specifier}: the only door is ${DOOR}`);
  for (const [name, areas] of OWNED_PACKAGES) {
    const owned = specifier === name || specifier.startsWith(`${name}/`);
    if (owned && !areas.includes(area)) report(`imports ${specifier}: only ${areas.join(" and ")} may`);
  }
  const builtin = /^(bun|node)(:|$)/.test(specifier);
  if (area === "core" && builtin && !PURE_MODULES.includes(specifier)) {
    report(`imports ${specifier}: core is pure, it may use ${PURE_MODULES.join(", ")}`);
  }
}

/** Why `path` may not import `target`; undefined when it may. */
function reach(path: string, area: string, target: string): string | undefined {
  const other = areaOf(target);
  if (area.startsWith("plugin:")) {
    if (other !== area) return `a plugin imports nothing of ours but ${DOOR}`;
    const [from, to] = [path, target].map((file) => /^plugins\/translate\/([^/]+)\//.exec(file)?.[1]);
    return from && to && from !== to ? "a dialect imports no other dialect" : undefined;
  }
  if (other === area) return undefined;
  if (area === "builtins") return other.startsWith("plugin:") ? undefined : "the list of plugins imports only plugins";
  if (other.startsWith("plugin:")) return "only plugins/index.ts imports the built-in plugins";
  const allowed = MAY_IMPORT[area];
  if (!allowed) return `${area} has no place in the architecture`;
  if (allowed.includes(other)) return undefined;
  return `${area} may import ${allowed.length > 0 ? allowed.join(", ") : "nothing of ours"}`;
}

function checkUse(path: string, area: string, name: string, report: (what: string) => void): void {
  if (FETCHING.includes(name) && area !== "upstream" && area !== "account") {
    report(`uses ${name}: only upstream and account ask the network`);
  }
  if (DATABASE.includes(name) && area !== "store") report(`uses ${name}: only store opens a database`);
  if (CLOCK_AND_CHANCE.includes(name) && isPure(path, area)) {
    report(`uses ${name}: ids and time come from the mint`);
  }
  if (OUTSIDE.includes(name) && isPure(path, area)) report(`uses ${name}: this part does no input or output`);
}

/** The core and the translators: what comes out depends on what goes in, and on nothing else. */
const isPure = (path: string, area: string) => area === "core" || path.startsWith("plugins/translate/");

function checkName(path: string, report: (what: string) => void): void {
  for (const part of path.replace(/(\.test)?\.\w+$/, "").split("/")) {
    if (VAGUE_NAMES.test(part)) report(`is called "${part}": name it after what it holds`);
    if (!/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(part)) report(`is called "${part}": file names are kebab-case`);
  }
}

/** The first comment is a sentence: several words and a full stop, not a directive for some tool. */
function checkOpening(file: string, report: (what: string) => void): void {
  const source = file.replace(/^#!.*\n/, "");
  const lines = source.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  const text = source.startsWith("/*")
    ? source.slice(2, source.indexOf("*/")).replace(/^\s*\*+ ?/gm, "")
    : lines.slice(0, end === -1 ? undefined : end).map((line) => line.slice(2));
  const sentence = (typeof text === "string" ? text : text.join("\n")).trim();
  if (!/^[\p{L}\d`<(][^\n]*(\n[^\n]+)*?[.:!?]/u.test(sentence) || sentence.split(/\s+/).length < 4) {
    report("does not open with a comment of one sentence that says what the file is for");
  }
}

function importedBy(node: Node): string | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return literal(node.source ?? node.argument);
    case "TSExternalModuleReference":
      return literal(node.expression);
    case "CallExpression": {
      const callee = nameOf(node.callee as Node);
      const resolves = callee === "require" || callee === "require.resolve" || callee === "import.meta.resolve";
      return resolves ? literal((node.arguments as Node[])[0]) : undefined;
    }
    default:
      return undefined;
  }
}

function literal(node: unknown): string | undefined {
  const it = node as Node | null | undefined;
  if (it?.type === "TSLiteralType") return literal(it.literal);
  if (it?.type === "TemplateLiteral") return (it.quasis as { value: { cooked: string } }[])[0]?.value.cooked;
  return typeof it?.value === "string" ? it.value : undefined;
}

/** `fetch`, `Date.now`, `import.meta.resolve`; undefined for what has no such name. */
function nameOf(node: Node): string | undefined {
  if (node.type === "Identifier") return node.name as string;
  if (node.type === "MetaProperty") return "import.meta";
  if (node.type !== "MemberExpression") return undefined;
  const object = nameOf(node.object as Node);
  const property = node.property as Node;
  const name = node.computed ? literal(property) : (property.name as string);
  return object && name ? `${object}.${name}` : undefined;
}

function readsClock(node: Node): boolean {
  const made = node.type === "NewExpression" || node.type === "CallExpression";
  if (!made || nameOf(node.callee as Node) !== "Date") return false;
  return node.type === "CallExpression" || (node.arguments as Node[]).length === 0;
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const child of children(node)) walk(child, visit);
}

const EXPRESSIONS_OF_TYPESCRIPT = [
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSEnumDeclaration",
];

/** Visits what runs: no types, and no names that are only keys. */
function walkValues(node: Node, visit: (node: Node) => void): void {
  if (node.type.startsWith("TS") && !EXPRESSIONS_OF_TYPESCRIPT.includes(node.type)) return;
  visit(node);
  for (const [key, value] of Object.entries(node)) {
    if ((key === "property" || key === "key") && !node.computed) continue;
    if (node.type === "ImportSpecifier" && key === "local") continue;
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walkValues(child, visit);
  }
}

function* children(node: Node): Generator<Node> {
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield child;
  }
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";
