// The embedded engine: one SQLite file of the data directory, shared by the processes of one machine.

import { Database, type SQLQueryBindings } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import type { Engine, Near, Value } from "./engine.ts";

export interface SqliteEngine extends Engine {
  /** Milliseconds that a write waits for another process. */
  patience(ms: number): void;
}

/** Opens the file, making it when it does not exist. `patience`: milliseconds that a write waits for another process. */
export function openSqlite(path: string, patience: number): SqliteEngine {
  // SQLite would make the file readable for all; its -wal and -shm files take the mode of this one.
  closeSync(openSync(path, "a", 0o600));
  const database = new Database(path, { strict: true });
  try {
    database.run(`pragma busy_timeout = ${patience}`);
    database.run("pragma journal_mode = wal");
    // A commit is in the file when the call returns, so the end of the process loses nothing; the end of the power may lose the last ones.
    database.run("pragma synchronous = normal");
    // What a batch would need to undo one of its statements went to a file otherwise, page by page, while streams waited.
    database.run("pragma temp_store = memory");
  } catch (error) {
    database.close();
    throw error;
  }
  return new Sqlite(database);
}

class Sqlite implements SqliteEngine {
  readonly kind = "sqlite";
  readonly near: Near;
  readonly #database: Database;
  readonly #within: Engine;
  /** The transaction that is open: the one connection would take into it whatever else is asked meanwhile. */
  #open: Promise<unknown> | undefined;

  constructor(database: Database) {
    this.#database = database;
    const all = <Row>(sql: string, values: readonly Value[] = []) =>
      database.query<Row, SQLQueryBindings[]>(sql).all(...(values as SQLQueryBindings[]));
    const run = (sql: string, values: readonly Value[] = []) =>
      database.query(sql).run(...(values as SQLQueryBindings[])).changes;
    const version = database.query<{ data_version: number }, []>("pragma data_version");
    this.near = { all, version: () => version.get()?.data_version ?? -1 };
    this.#within = {
      kind: this.kind,
      near: this.near,
      all: async (sql, values) => all(sql, values),
      run: async (sql, values) => run(sql, values),
      transaction: () => Promise.reject(new Error("a transaction within a transaction")),
      close: () => Promise.reject(new Error("a transaction cannot close its engine")),
    };
  }

  patience(ms: number): void {
    this.#database.run(`pragma busy_timeout = ${ms}`);
  }

  async all<Row>(sql: string, values?: readonly Value[]): Promise<Row[]> {
    while (this.#open) await this.#open;
    return await this.#within.all(sql, values);
  }

  async run(sql: string, values?: readonly Value[]): Promise<number> {
    while (this.#open) await this.#open;
    return await this.#within.run(sql, values);
  }

  async transaction<T>(work: (within: Engine) => Promise<T>, { durable = false } = {}): Promise<T> {
    while (this.#open) await this.#open;
    const done = Promise.withResolvers<void>();
    this.#open = done.promise;
    try {
      if (durable) this.#database.run("pragma synchronous = full");
      // Immediate: what is read within must still be so when it is written.
      this.#database.run("begin immediate");
      return await this.#finish(work);
    } finally {
      if (durable) this.#database.run("pragma synchronous = normal");
      this.#open = undefined;
      done.resolve();
    }
  }

  async #finish<T>(work: (within: Engine) => Promise<T>): Promise<T> {
    try {
      const result = await work(this.#within);
      this.#database.run("commit");
      return result;
    } catch (error) {
      // Some errors, such as a full disk, have rolled it back already.
      if (this.#database.inTransaction) this.#database.run("rollback");
      throw error;
    }
  }

  async close(): Promise<void> {
    while (this.#open) await this.#open;
    this.#database.close();
  }
}
