// Opens the store: licences, receipts and accounts in one SQLite file of the data directory.

import { Database } from "bun:sqlite";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { AccountStore } from "../core/account.ts";
import type { Log } from "../core/hooks.ts";
import { openAccounts } from "./accounts.ts";
import type { Engine } from "./engine.ts";
import { type Licences, openLicences } from "./licences.ts";
import { migrate } from "./migrations.ts";
import { openReceipts, type Receipts } from "./receipts.ts";
import { openSqlite } from "./sqlite.ts";
import { openValues, type PluginValues } from "./values.ts";

export interface Store {
  readonly path: string;
  readonly licences: Licences;
  readonly receipts: Receipts;
  readonly accounts: AccountStore;
  /** What plugins keep. */
  readonly values: PluginValues;
  /** The database itself, for what else is kept in it. */
  readonly engine: Engine;
  /** Writes what is still queued, and closes the file. */
  close(): void;
}

export interface StoreOptions {
  /** Told once when receipts cannot be written, and once when they can again. */
  log?: Pick<Log, "info" | "error">;
  /** Milliseconds that a write waits for another process. A server waits little: its one thread carries every stream. */
  patience?: number;
  /** Most receipts that wait in memory while they cannot be written. */
  queue?: number;
}

/** Opens the store of a data directory, making both when they do not exist. Throws one clear line when it cannot. */
export function openStore(dataDir: string, options: StoreOptions = {}): Store {
  const path = join(dataDir, "codexd.db");
  const { log, patience = 100, queue = 10_000 } = options;
  let database: Database | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    // SQLite would make the file readable for all; its -wal and -shm files take the mode of this one.
    closeSync(openSync(path, "a", 0o600));
    database = new Database(path, { strict: true });
    // Opening may meet another process that makes the same file.
    database.run("pragma busy_timeout = 5000");
    database.run("pragma journal_mode = wal");
    // A commit is in the file when the call returns, so the end of the process loses nothing; the end of the power may lose the last ones.
    database.run("pragma synchronous = normal");
    migrate(database, path);
    database.run(`pragma busy_timeout = ${patience}`);
  } catch (error) {
    database?.close();
    throw new Error(`cannot open the store ${path}: ${(error as Error).message}`, { cause: error });
  }
  const opened = database;
  const engine = openSqlite(path, patience);
  const receipts = openReceipts(opened, { log, queue });
  return {
    path,
    licences: openLicences(opened),
    receipts,
    accounts: openAccounts(opened),
    values: openValues(engine),
    engine,
    close() {
      receipts.stop();
      void engine.close();
      opened.close();
    },
  };
}
