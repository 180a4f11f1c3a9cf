// Finds the file that a configured path means: a module itself, or the one that a folder names.

import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, join, resolve, sep } from "node:path";

const EXTENSIONS = [".ts", ".js", ".mjs", ".cjs"];
const LEGAL = ".ts, .js, .mjs or .cjs";
/** What a package's `exports` may be asked for here, best first. */
const CONDITIONS = ["bun", "import", "node", "default", "require", "module"];

/** The module's file. Throws an `Error` that says where, and what is there instead. */
export function entryOf(configured: string): string {
  const path = resolve(configured);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new Error(`${path}: there is no such file or folder`);
  if (!found.isDirectory()) return withExtension(path);
  return withExtension(namedBy(path) ?? indexOf(path));
}

function withExtension(file: string): string {
  if (EXTENSIONS.includes(extname(file))) return file;
  throw new Error(`${file} is no module; legal is a file that ends in ${LEGAL}, or a folder with one`);
}

function indexOf(folder: string): string {
  const file = EXTENSIONS.map((extension) => join(folder, `index${extension}`)).find((each) => existsSync(each));
  if (file) return file;
  throw new Error(
    `${folder}: the folder has neither a package.json with exports, module or main, nor an index file that ends in ${LEGAL}`,
  );
}

/** What the folder's package.json says; undefined when it says nothing of it. */
function namedBy(folder: string): string | undefined {
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest)) return undefined;
  const told = readManifest(manifest);
  const [key, target] = [
    ["exports", mainOf(told.exports)],
    ["module", told.module],
    ["main", told.main],
  ].find(([, value]) => value !== undefined) ?? ["", undefined];
  if (target === undefined) return undefined;
  const file = typeof target === "string" ? resolve(folder, target) : "";
  if (!file.startsWith(folder + sep))
    throw new Error(`${manifest}: ${key} is ${JSON.stringify(target)}; legal is a path inside the folder`);
  if (!existsSync(file)) throw new Error(`${manifest}: ${key} is ${target}, and there is no such file`);
  return file;
}

function readManifest(path: string): Record<string, unknown> {
  try {
    const manifest: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof manifest === "object" && manifest !== null) return manifest as Record<string, unknown>;
  } catch {
    // Told below, as what is no mapping is.
  }
  throw new Error(`${path} is not valid JSON`);
}

/** The entry of `exports`: a path, or the first that fits of several conditions. */
function mainOf(exports: unknown): unknown {
  if (typeof exports !== "object" || exports === null) return exports ?? undefined;
  if (Array.isArray(exports)) return exports.map(mainOf).find((each) => each !== undefined);
  const table = exports as Record<string, unknown>;
  if (Object.keys(table).some((key) => key.startsWith("."))) return mainOf(table["."]);
  const fitting = Object.keys(table).filter((key) => CONDITIONS.includes(key));
  return fitting.map((key) => mainOf(table[key])).find((each) => each !== undefined);
}
