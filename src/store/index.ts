// Opens the store: licences, receipts, accounts and what else is kept, in a SQLite file of the data directory or in Postgres.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { AccountStore, Pins } from "../core/account.ts";
import type { Log } from "../core/hooks.ts";
import { openAccounts } from "./accounts.ts";
import type { Engine } from "./engine.ts";
import { createEnvelope, type Envelope } from "./envelope.ts";
import { openKeys } from "./keys.ts";
import { type Licences, openLicences } from "./licences.ts";
import { migrate } from "./migrations.ts";
import { openReceipts, type Receipts } from "./receipts.ts";
import { openSessions } from "./sessions.ts";
import { Snapshots } from "./snapshot.ts";
import { openValues, type PluginValues } from "./values.ts";

export interface Store {
  /** Where it is, as a person may see it. */
  readonly place: string;
  /** Version of the schema, before it was opened and now. */
  readonly schema: { from: number; to: number };
  readonly licences: Licences;
  readonly receipts: Receipts;
  readonly accounts: AccountStore;
  /** Which session stays with which account. */
  readonly pins: Pins;
  /** What plugins keep. */
  readonly values: PluginValues;
  /** Secrets of its own, the one to seal with first. */
  readonly keys: readonly string[];
  /** The database itself, for what else is kept in it. */
  readonly engine: Engine;
  /** Writes what is still queued, and lets go of the database. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StoreOptions {
  /** `sqlite`, the file of the data directory, or the address of a Postgres. */
  store?: string | undefined;
  /** Told once when receipts cannot be written, and once when they can again. */
  log?: Pick<Log, "info" | "error">;
  /** Milliseconds that a statement waits for another process or for a server that is away. */
  patience?: number | undefined;
  /** Most receipts that wait in memory while they cannot be written. */
  queue?: number;
}

/** A write to a file holds up every stream of this thread while it waits; one to another machine holds up only who asked. */
const PATIENCE = { sqlite: 100, postgres: 5000 };
/** Opening may meet another process that makes the same file. */
const OPENING = 5000;

const SQLITE = "sqlite";

/** The file of a data directory. */
const sqlitePath = (dataDir: string): string => join(dataDir, "codexd.db");

/** Opens the store, making what does not exist. Rejects with one clear line when it cannot. */
export async function openStore(dataDir: string, options: StoreOptions = {}): Promise<Store> {
  const { store, log, patience, queue = 10_000 } = options;
  const { engine, place, schema } = await openEngine(dataDir, { store, patience });
  // Whoever opens it puts it into service: what copies brought is its own from now on.
  if ((await engine.all("select 1 from copied limit 1")).length > 0) await engine.run("delete from copied");
  const snapshots = new Snapshots(engine);
  const receipts = await openReceipts(engine, { journal: join(dataDir, "journal"), log, queue });
  const [licences, accounts, pins, keys] = await Promise.all([
    openLicences(engine, snapshots),
    openAccounts(engine, snapshots),
    openSessions(engine, snapshots),
    openKeys(engine, dataDir),
  ]);
  async function close(): Promise<void> {
    await receipts.stop();
    snapshots.stop();
    await engine.close();
  }
  return {
    place,
    schema,
    licences,
    receipts,
    accounts,
    pins,
    values: openValues(engine, sealing(keys)),
    keys,
    engine,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Made when something is to be sealed: a start has no time for it. */
function sealing(keys: readonly string[]): () => Envelope {
  let envelope: Envelope | undefined;
  return () => {
    envelope ??= createEnvelope(keys);
    return envelope;
  };
}

interface Opened {
  engine: Engine;
  place: string;
  schema: Store["schema"];
}

/** A database with this version's schema; `dataDir` may be left out for one that has no files here. */
export async function openEngine(
  dataDir: string | undefined,
  { store = SQLITE, patience }: Pick<StoreOptions, "store" | "patience">,
): Promise<Opened> {
  let place = dataDir === undefined ? "" : sqlitePath(dataDir);
  let engine: Engine | undefined;
  try {
    // Journals are there whichever database it is.
    if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    if (store === SQLITE) {
      const { openSqlite } = await import("./sqlite.ts");
      const file = openSqlite(place, OPENING);
      engine = file;
      const schema = await migrate(engine, place);
      file.patience(patience ?? PATIENCE.sqlite);
      return { engine, place, schema };
    }
    // Loaded only where it is used: most installations have no Postgres.
    const { maskPostgres, openPostgres } = await import("./postgres.ts");
    place = maskPostgres(store);
    engine = await openPostgres(store, patience ?? PATIENCE.postgres);
    return { engine, place, schema: await migrate(engine, place) };
  } catch (error) {
    await engine?.close();
    throw new Error(`cannot open the store ${place}: ${(error as Error).message}`, { cause: error });
  }
}
