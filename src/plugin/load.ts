// Loads a plugin from a file or folder: finds its module, runs it in a container of its own, and says in one line what is wrong with it.

import { relative } from "node:path";
import type { Plugin } from "../core/hooks.ts";
import { Container } from "./container.ts";
import { enclose } from "./enclose.ts";
import { entryOf } from "./entry.ts";
import { type OptionFault, optionFaults } from "./option-faults.ts";

/** A plugin that came from a file, as the chain may use it. */
export interface FilePlugin {
  plugin: Plugin<never>;
  /** The path as configured, made absolute. */
  path: string;
  /** The module behind it. */
  file: string;
  container: Container;
  /** What its own schema finds wrong with options. */
  faults(options: unknown): OptionFault[];
}

/** Milliseconds that the module's top level may take. */
const LONGEST_LOAD = 10_000;

/** A fresh load, whatever was loaded before. Throws an `Error` of one line. */
export async function loadPlugin(path: string): Promise<FilePlugin> {
  const file = entryOf(path);
  const container = new Container();
  try {
    const plugin = judged(pluginIn(await importIn(container, file)));
    return {
      plugin: enclose(plugin, container),
      path,
      file,
      container,
      faults: (options) => optionFaults(plugin, options),
    };
  } catch (error) {
    container.dispose();
    throw new Error(wordsOf(error, file));
  }
}

async function importIn(container: Container, file: string): Promise<Record<string, unknown>> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Refused(`its top level was not done after ${LONGEST_LOAD / 1000} s`));
  const timer = setTimeout(late, LONGEST_LOAD);
  try {
    return await Promise.race([container.import(file), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is wrong with a module that ran: told as it is, without where it was thrown. */
class Refused extends Error {}

const LEGAL =
  "legal is a plugin made with definePlugin({ name, apiVersion: 1, setup }), as the default or the only such export";

/** The default export when it is a plugin, else the only export that is one. */
function pluginIn(exports: Record<string, unknown>): Plugin<never> {
  if (isPlugin(exports.default)) return exports.default;
  const found = new Map(Object.entries(exports).filter(([, value]) => isPlugin(value)));
  const different = new Set(found.values());
  if (different.size === 1) return [...different][0] as Plugin<never>;
  if (different.size > 1) throw new Refused(`exports the plugins ${[...found.keys()].join(" and ")}; ${LEGAL}`);
  const names = Object.keys(exports);
  if (names.length === 0) throw new Refused(`exports nothing; ${LEGAL}`);
  if (exports.default === undefined)
    throw new Refused(`exports ${names.join(", ")}, none of which is a plugin; ${LEGAL}`);
  throw new Refused(`its default export ${lackOf(exports.default)}; ${LEGAL}`);
}

function isPlugin(value: unknown): value is Plugin<never> {
  const { name, setup } = (value ?? {}) as Partial<Plugin<never>>;
  return typeof value === "object" && typeof name === "string" && typeof setup === "function";
}

function lackOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return `is ${value === null ? "null" : `a ${typeof value}`}`;
  const { name, setup } = value as Partial<Plugin<never>>;
  const wrong = [typeof name !== "string" && "no name", typeof setup !== "function" && "no setup function"];
  return `has ${wrong.filter(Boolean).join(" and ")}`;
}

/** What each property of a plugin must be; `undefined` is legal for all but the first two. */
const PROPERTIES: readonly [key: keyof Plugin, legal: string, isLegal: (value: unknown) => boolean][] = [
  ["name", "lower-case letters, digits and -, a letter first", (value) => /^[a-z][a-z0-9-]*$/.test(value as string)],
  ["apiVersion", "1, the only one that this codexd knows", (value) => value === 1],
  ["options", "a TypeBox schema", (value) => typeof value === "object" && value !== null],
  ["before", "a list of plugins' names", areNames],
  ["after", "a list of plugins' names", areNames],
  ["onError", '"fail" or "skip"', (value) => value === "fail" || value === "skip"],
  ["timeout", "milliseconds, 1 or more", (value) => Number.isFinite(value) && (value as number) >= 1],
  ["worker", "true or false", (value) => typeof value === "boolean"],
];

function areNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** The plugin with the properties that we know. */
function judged(plugin: Plugin<never>): Plugin<never> {
  const known: Record<string, unknown> = {};
  for (const [key, legal, isLegal] of PROPERTIES) {
    const value = plugin[key];
    if (value === undefined && key !== "apiVersion") continue;
    if (!isLegal(value)) throw new Refused(`${key} is ${JSON.stringify(value) ?? typeof value}; legal is ${legal}`);
    known[key] = value;
  }
  return { ...known, setup: (host: never, options: never) => plugin.setup(host, options) } as unknown as Plugin<never>;
}

interface Position {
  file?: string;
  line?: number;
  column?: number;
}

/** One line: where, and what. */
function wordsOf(error: unknown, file: string): string {
  if (error instanceof Refused) return `${file}: ${error.message}`;
  // Bun gives a group when a file has several faults: the first one is where to begin.
  const first = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
  const { name, message, position } = (first ?? {}) as { name?: string; message?: string; position?: Position | null };
  const text = oneLine(message ?? String(first));
  if (position?.line) return `${position.file ?? file}:${position.line}:${position.column ?? 1}: syntax error: ${text}`;
  if (name === "ResolveMessage") return `${file}: ${missing(text, file)}`;
  if (first instanceof SyntaxError) return `${file}: ${text.replace(/\.$/, "")}`;
  return `${file}: threw while it was loaded: ${name ?? "Error"}: ${text}${placeOf(first)}`;
}

function missing(text: string, file: string): string {
  const [, kind, what = "", from = file] =
    /^Cannot find (package|module) '([^']*)'(?: imported from (.*))?$/.exec(text) ?? [];
  if (!kind) return text;
  const by = from === file ? "" : ` (imported by ${from})`;
  if (kind === "module") return `cannot find ${what}${by}`;
  return `cannot find the package ${what}${by}; install it in the plugin's folder: npm install ${what}`;
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, " ");

/** Where in the plugin's own files it was thrown. */
function placeOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const [, file, line, column] =
    /\(?((?:\/|[A-Za-z]:\\)[^\n():]+):(\d+):(\d+)\)?/.exec(stack.slice(stack.indexOf("\n"))) ?? [];
  if (!file || file.includes("$bunfs")) return "";
  const short = relative(process.cwd(), file);
  return ` (${short.startsWith("..") ? file : short}:${line}:${column})`;
}
