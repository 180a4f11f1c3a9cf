// Makes what a plugin's folder gets of codexd: the types of the door, and the modules that its tests run on.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { dependencies, version } from "../../package.json";

const ROOT = resolve(import.meta.dir, "../..");

/** Files by their path: types under `types/`, code under `run/`. */
export type Pack = Readonly<Record<string, string>>;

export async function makePack(): Promise<Pack> {
  const [types, run] = await Promise.all([makeTypes(), makeRun()]);
  return { ...types, ...run };
}

const ENTRIES = { plugin: "plugin/index", "plugin/test": "kit/door" } as const;

/** The declarations that the two doors reach, with imports as Node wants them, as a package. */
export async function makeTypes(): Promise<Pack> {
  const scratch = mkdtempSync(join(tmpdir(), "codexd-types-"));
  try {
    await declare(scratch);
    const files = new Set<string>();
    for (const entry of Object.values(ENTRIES)) reach(`${entry}.d.ts`, scratch, files);
    const texts = [...files]
      .sort()
      .map((path) => [`types/${path}`, withExtensions(readFileSync(join(scratch, path), "utf8"))]);
    return { ...Object.fromEntries(texts), "types/package.json": `${JSON.stringify(manifest(), null, 2)}\n` };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function manifest() {
  const places = Object.entries(ENTRIES).map(([door, entry]) => [`./${door}`, { types: `./${entry}.d.ts` }]);
  return {
    name: "codexd",
    version,
    description: "The types of codexd's plugins. The code behind them is in the server.",
    license: "Apache-2.0",
    type: "module",
    exports: Object.fromEntries(places),
    dependencies: { "@sinclair/typebox": dependencies["@sinclair/typebox"] },
  };
}

async function declare(folder: string): Promise<void> {
  const options = {
    ...{ rootDir: "src", outDir: folder, declaration: "true", emitDeclarationOnly: "true", strict: "true" },
    ...{ module: "preserve", moduleResolution: "bundler", target: "esnext", skipLibCheck: "true", types: "bun-types" },
    ...{ allowImportingTsExtensions: "true", exactOptionalPropertyTypes: "true", resolveJsonModule: "true" },
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const sources = Object.values(ENTRIES).map((path) => join("src", `${path}.ts`));
  const child = Bun.spawn([process.execPath, tsc, "--ignoreConfig", ...flags, ...sources], {
    cwd: ROOT,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, out, err] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (code !== 0) throw new Error(`the types of codexd/plugin cannot be made:\n${out}${err}`);
}

const SPECIFIER = /((?:from|import\()\s*")(\.[^"]+)\.ts"/g;

/** A declaration file, and what it needs. */
function reach(path: string, folder: string, found: Set<string>): void {
  if (found.has(path)) return;
  found.add(path);
  for (const [, , specifier = ""] of readFileSync(join(folder, path), "utf8").matchAll(SPECIFIER))
    reach(`${join(dirname(path), specifier)}.d.ts`, folder, found);
}

const withExtensions = (text: string): string => text.replace(SPECIFIER, '$1$2.js"');

/** What a test runner loads first: it brings the modules that the server gives a plugin, and `codexd/plugin/test`. */
async function makeRun(): Promise<Pack> {
  const { outputs } = await Bun.build({
    entrypoints: [join(ROOT, "src", "kit", "preload.ts")],
    target: "bun",
    format: "esm",
    splitting: true,
    minify: { whitespace: true, syntax: true, identifiers: false },
    define: { BUILD_COMMIT: JSON.stringify("") },
    // The page of the API is for people; no test opens it.
    plugins: [{ name: "no-page", setup: (build) => void build.onLoad({ filter: /swagger-ui-dist/ }, () => NOTHING) }],
  });
  const code = outputs.filter(({ kind }) => kind === "entry-point" || kind === "chunk");
  return Object.fromEntries(
    await Promise.all(code.map(async (part) => [`run/${part.path.replace(/^\.\//, "")}`, await part.text()])),
  );
}

const NOTHING = { contents: "export default '';", loader: "js" } as const;
