// `codexd plugins check`: syntax, load, options, hooks, and types where a TypeScript is at hand; everything that is wrong, one line each.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { entryOf } from "../../plugin/entry.ts";
import { loadPlugin } from "../../plugin/load.ts";
import { sourcesOf } from "../../plugin/sources.ts";
import { printJson } from "../table.ts";

interface CheckFlags {
  options?: unknown;
  json?: boolean;
}

/** True when nothing is wrong. */
export async function checkPlugin(path: string, { options, json }: CheckFlags): Promise<boolean> {
  const place = resolve(path);
  const file = entryOf(place);
  const folder = folderOf(place, file);
  const { renewTypes } = await import("../../kit/scaffold.ts");
  await renewTypes(folder);
  const syntax = syntaxFaults(sourcesOf(place).files);
  const loaded = syntax.length > 0 ? { problems: syntax } : await loadFaults(place, options);
  const typed = syntax.length > 0 ? { problems: [] } : await typeFaults(folder, file);
  const problems = [...loaded.problems, ...typed.problems];
  const types = "skipped" in typed ? typed.skipped : "checked";
  const told = "plugin" in loaded ? loaded.plugin : undefined;
  if (json) printJson({ file, ok: problems.length === 0, problems, types, plugin: told ?? null });
  else {
    for (const problem of problems) process.stderr.write(`codexd: ${problem}\n`);
    if (types !== "checked") process.stderr.write(`codexd: types were not checked: ${types}\n`);
    if (told && problems.length === 0) process.stdout.write(`${file}: ok: ${told.name} (${told.brings.join(", ")})\n`);
  }
  return problems.length === 0;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
const folderOf = (place: string, file: string): string => (isFolder(place) ? place : dirname(file));

/** Every file that does not parse; a load would name the first only. */
function syntaxFaults(files: readonly string[]): string[] {
  const code = files.filter(
    (file) => /\.([cm]?[jt]s|[jt]sx)$/.test(file) && !file.endsWith(".d.ts") && existsSync(file),
  );
  return code.flatMap(parseFaults);
}

function parseFaults(file: string): string[] {
  const loader = /\.[cm]?ts$/.test(file) ? "ts" : file.endsWith(".tsx") ? "tsx" : "jsx";
  try {
    new Bun.Transpiler({ loader }).transformSync(readFileSync(file, "utf8"));
    return [];
  } catch (error) {
    const all = error instanceof AggregateError ? error.errors : [error];
    return all.map((each: { message?: string; position?: { line?: number; column?: number } | null }) => {
      const { line, column = 1 } = each.position ?? {};
      return `${file}${line ? `:${line}:${column}` : ""}: syntax error: ${String(each.message).replace(/\s*\n\s*/g, " ")}`;
    });
  }
}

interface Told {
  name: string;
  brings: string[];
}

/** What the server would say at its start. */
async function loadFaults(place: string, options: unknown): Promise<{ problems: string[]; plugin?: Told }> {
  const { registerHostModules } = await import("../../server/host-modules.ts");
  await registerHostModules();
  try {
    const loaded = await loadPlugin(place);
    const { startTrial } = await import("../../kit/trial.ts");
    await using trial = await startTrial(loaded, options === undefined ? {} : { options });
    const link = trial.gateway.chain.links.find(({ entry }) => entry.file !== undefined);
    const hooks = Object.entries(link?.hooks ?? {}).filter(([, value]) => value !== undefined);
    const strange = hooks.map(([name]) => name).filter((name) => !HOOKS.includes(name));
    return {
      problems: strange.map(
        (name) => `${loaded.file}: its hook ${name} is none that is ever called; legal: ${HOOKS.join(", ")}`,
      ),
      plugin: { name: loaded.plugin.name, brings: hooks.map(([name]) => name) },
    };
  } catch (error) {
    return { problems: (error as Error).message.split("\n") };
  }
}

/** Every hook that there is. */
const HOOKS: readonly string[] = [
  ...(["start", "authenticate", "turn", "upstream", "answer", "events", "recover", "failure", "settled"] as const),
  ...(["dialects", "operations", "routes", "commands", "dispose"] as const),
];

type Typed = { problems: string[] } | { problems: []; skipped: string };

/** The nearest TypeScript, run over the folder's own project, or over the module alone with strict settings. */
async function typeFaults(folder: string, file: string): Promise<Typed> {
  if (!/\.[cm]?tsx?$/.test(file)) return { problems: [], skipped: "it is not written in TypeScript" };
  const tsc = nearest(folder, join("node_modules", "typescript", "bin", "tsc"));
  if (tsc === undefined)
    return {
      problems: [],
      skipped: `no TypeScript is installed beside it; npm install --save-dev typescript in ${folder} brings one`,
    };
  const project = nearest(folder, "tsconfig.json");
  const args = project
    ? ["--noEmit", "-p", project]
    : [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--target",
        "esnext",
        "--module",
        "preserve",
        "--moduleResolution",
        "bundler",
        file,
      ];
  const child = Bun.spawn([process.execPath, tsc, ...args, "--pretty", "false"], {
    cwd: folder,
    env: { ...process.env, BUN_BE_BUN: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, out, err] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const problems = out
    .split("\n")
    .filter((line) => /error TS\d+/.test(line))
    .map((line) =>
      line.replace(
        /^([^(\s][^(]*)\((\d+),(\d+)\): error (TS\d+): /,
        (_, at, row, column, what) => `${resolve(folder, at)}:${row}:${column}: ${what}: `,
      ),
    );
  if (code !== 0 && problems.length === 0)
    return { problems: [], skipped: `its TypeScript does not run: ${(err || out).trim().split("\n")[0]}` };
  return { problems };
}

/** The file of this name in the folder, or in the nearest one above. */
function nearest(folder: string, name: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, name))) return join(at, name);
    if (at === dirname(at)) return undefined;
  }
}
