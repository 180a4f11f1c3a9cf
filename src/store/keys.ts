// The keys that a store makes for itself: what is kept of conversations is never written as it is, with or without a key of the operator.

import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./engine.ts";

/**
 * Of a file in the data directory beside the one of SQLite, or of the Postgres itself, where whoever reads the database reads them too:
 * that protects pages, dumps of single tables and backups that leave them out, and no more. The first one seals, all of them open.
 */
export async function openKeys(engine: Engine, dataDir: string | undefined): Promise<readonly string[]> {
  const there = await readKeys(engine, dataDir);
  if (there.length > 0) return there;
  await addKeys(engine, dataDir, [randomBytes(32).toString("base64url")]);
  return await readKeys(engine, dataDir);
}

/** Takes over the keys of another store, with what was sealed under them. */
export async function addKeys(engine: Engine, dataDir: string | undefined, keys: readonly string[]): Promise<void> {
  if (isOfFile(engine, dataDir)) return addToFile(fileOf(dataDir), keys);
  for (const [at, key] of keys.entries())
    await engine.run("insert into kept_keys (key, made_at) values (?, ?) on conflict (key) do nothing", [
      key,
      Date.now() * 1000 + at,
    ]);
}

async function readKeys(engine: Engine, dataDir: string | undefined): Promise<string[]> {
  if (isOfFile(engine, dataDir)) return keysIn(fileOf(dataDir));
  return (await engine.all<{ key: string }>("select key from kept_keys order by made_at, key")).map(({ key }) => key);
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

/** Whole or not at all, and never in the place of one that another process made in the same moment. */
function addToFile(path: string, keys: readonly string[]): void {
  const before = keysIn(path);
  const more = keys.filter((key) => !before.includes(key));
  if (more.length === 0) return;
  if (before.length > 0) return writeFileSync(path, `${more.join("\n")}\n`, { flag: "a" });
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, `${more.join("\n")}\n`, { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // Of two new ones that came first is as good; ones that something is sealed under are all needed.
    if (keys.length > 1) writeFileSync(path, `${more.join("\n")}\n`, { flag: "a" });
  } finally {
    unlinkSync(draft);
  }
}
