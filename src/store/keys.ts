// The keys that a store makes for itself: what is kept of conversations is never written as it is, with or without a key of the operator.

import { randomBytes } from "node:crypto";
import { appendFileSync, linkSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./engine.ts";

/**
 * Of a file in the data directory beside the one of SQLite, or of the Postgres itself, where whoever reads the database reads them too:
 * that protects pages, dumps of single tables and backups that leave them out, and no more. The first one seals, all of them open.
 */
export async function openKeys(engine: Engine, dataDir: string | undefined): Promise<readonly string[]> {
  const there = await readKeys(engine, dataDir);
  if (there.length > 0) return there;
  if (isOfFile(engine, dataDir)) addToFile(fileOf(dataDir), [drawn()]);
  else
    await engine.transaction(async (within) => {
      // Of instances that start together one draws, the others wait here and find it.
      if (within.kind === "postgres") await within.run("lock table kept_keys in share row exclusive mode");
      if ((await rowsOf(within)).length === 0) await insert(within, [drawn()]);
    });
  return await readKeys(engine, dataDir);
}

/** Takes over the keys of another store, for what was sealed under them. */
export async function addKeys(engine: Engine, dataDir: string | undefined, keys: readonly string[]): Promise<void> {
  if (isOfFile(engine, dataDir)) addToFile(fileOf(dataDir), keys);
  else await insert(engine, keys);
}

const drawn = (): string => randomBytes(32).toString("base64url");

async function readKeys(engine: Engine, dataDir: string | undefined): Promise<string[]> {
  return isOfFile(engine, dataDir) ? keysIn(fileOf(dataDir)) : await rowsOf(engine);
}

async function rowsOf(engine: Engine): Promise<string[]> {
  return (await engine.all<{ key: string }>("select key from kept_keys order by made_at, key")).map(({ key }) => key);
}

async function insert(engine: Engine, keys: readonly string[]): Promise<void> {
  for (const [at, key] of keys.entries())
    await engine.run("insert into kept_keys (key, made_at) values (?, ?) on conflict (key) do nothing", [
      key,
      Date.now() * 1000 + at,
    ]);
}

const isOfFile = ({ kind }: Engine, dataDir: string | undefined): dataDir is string =>
  kind === "sqlite" && dataDir !== undefined;

const fileOf = (dataDir: string): string => join(dataDir, "kept.keys");

function keysIn(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** A new file comes whole and never in the place of another; one key too many, of two processes that began it together, does no harm. */
function addToFile(path: string, keys: readonly string[]): void {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, `${keys.join("\n")}\n`, { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const before = keysIn(path);
    const more = keys.filter((key) => !before.includes(key));
    if (more.length > 0) appendFileSync(path, `${more.join("\n")}\n`);
  } finally {
    unlinkSync(draft);
  }
}
