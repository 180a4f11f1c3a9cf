// Writes what a plugin's folder has of codexd: a whole new one, or only the types and the modules that its tests run on.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pack } from "./packed.ts";
import { sample } from "./sample.ts";

/** In a plugin's folder, and never in its repository. */
const OWN = ".codexd";
const MARK = "made";

/** A folder that is there already is refused. */
export async function scaffold(folder: string, name: string): Promise<void> {
  if (existsSync(folder)) throw new Error(`${folder}: there is something already; legal is a name that is not taken`);
  write(folder, sample(name));
  await renew(folder);
}

/** Brings the codexd part of a folder that has one up to this codexd; also after a clone, which comes without. */
export async function renewTypes(folder: string): Promise<void> {
  const project = join(folder, "tsconfig.json");
  const wants = existsSync(join(folder, OWN)) || (existsSync(project) && readFileSync(project, "utf8").includes(OWN));
  if (wants) await renew(folder);
}

async function renew(folder: string): Promise<void> {
  const files = await pack();
  const own = join(folder, OWN);
  const mark = Bun.hash(JSON.stringify(files)).toString(36);
  const at = join(own, MARK);
  if (existsSync(at) && readFileSync(at, "utf8") === mark) return;
  rmSync(own, { recursive: true, force: true });
  write(own, { ...files, ".gitignore": "*\n" });
  writeFileSync(at, mark);
}

export interface Runner extends AsyncDisposable {
  /** What the test runner has to load first. */
  preload: string;
}

/** The folder's own modules for its tests, or some for the time of one run. */
export async function runnerIn(folder: string): Promise<Runner> {
  await renewTypes(folder);
  const own = join(folder, OWN, "run", "preload.js");
  if (existsSync(own)) return { preload: own, [Symbol.asyncDispose]: async () => undefined };
  const scratch = mkdtempSync(join(tmpdir(), "codexd-run-"));
  write(scratch, await pack());
  return {
    preload: join(scratch, "run", "preload.js"),
    [Symbol.asyncDispose]: async () => rmSync(scratch, { recursive: true, force: true }),
  };
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
