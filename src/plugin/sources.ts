// Finds what a plugin is made of on disk, so that a change of any part of it can be seen.

import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";

export interface Sources {
  /** Modules and other files; some need not exist yet. */
  files: string[];
  /** Folders in which such files come and go. */
  folders: string[];
}

const LOADERS: Readonly<Record<string, "ts" | "tsx" | "js" | "jsx">> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
};

/** A folder is all that is in it but its packages; a file is itself and what it imports by path, at any depth. */
export function sourcesOf(path: string): Sources {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const found = isFolder ? inFolder(path) : { files: importedFrom(path), folders: [] };
  const besides = found.files.flatMap((file) => [dirname(file), dirname(target(file))]);
  return { files: found.files, folders: [...new Set([...found.folders, ...besides])] };
}

/** Where a link leads: what changes there changes the file. */
function target(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

function inFolder(folder: string): Sources {
  const found: Sources = { files: [], folders: [folder] };
  for (const entry of entriesIn(folder)) {
    if (entry.name === "node_modules" || entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) {
      found.files.push(path);
      continue;
    }
    const inner = inFolder(path);
    found.files.push(...inner.files);
    found.folders.push(...inner.folders);
  }
  return found;
}

function entriesIn(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function importedFrom(entry: string): string[] {
  const files = new Set<string>([entry]);
  // The set grows while it is walked.
  for (const file of files)
    for (const specifier of pathsImportedBy(file)) for (const one of meant(specifier, file)) files.add(one);
  return [...files];
}

/** Specifiers that are paths; none of a file that is gone or does not parse. */
function pathsImportedBy(file: string): string[] {
  const loader = LOADERS[extname(file)];
  if (!loader) return [];
  try {
    const imports = new Bun.Transpiler({ loader }).scanImports(readFileSync(file, "utf8"));
    return imports.map(({ path }) => path).filter((path) => /^(\.{0,2}\/|\.{1,2}$)/.test(path));
  } catch {
    return [];
  }
}

/** The file that is imported, or those that would be if they were there. */
function meant(specifier: string, from: string): string[] {
  try {
    const file = Bun.resolveSync(specifier, dirname(from));
    return file.includes("/node_modules/") ? [] : [file];
  } catch {
    const path = resolve(dirname(from), specifier);
    return extname(path) ? [path] : Object.keys(LOADERS).map((extension) => path + extension);
  }
}
