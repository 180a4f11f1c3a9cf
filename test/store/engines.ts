// The databases that the tests of the store run on: SQLite, a Postgres inside this process, and a real one where there is one.
import { randomBytes } from "node:crypto";
import { SQL } from "bun";
import { openStore, type Store, type StoreOptions } from "../../src/store/index.ts";
import { folder } from "./fixture.ts";

/** One store of its own. */
export interface Place {
  data: string;
  /** As the configuration's `store`. */
  store: string;
}

export interface TestEngine {
  name: string;
  /** May be used by several processes at once. */
  isShared: boolean;
  place(): Promise<Place>;
}

/** A real server, whose user may make databases. */
const REAL = process.env.CODEXD_TEST_POSTGRES;

export const ENGINES: readonly TestEngine[] = [
  { name: "SQLite", isShared: true, place: async () => ({ data: folder(), store: "sqlite" }) },
  { name: "PGlite", isShared: false, place: async () => ({ data: folder(), store: await embedded() }) },
  ...(REAL
    ? [{ name: "Postgres", isShared: true, place: async () => ({ data: folder(), store: await made(REAL) }) }]
    : []),
];

export const open = (place: Place, options: StoreOptions = {}): Promise<Store> =>
  openStore(place.data, { store: place.store, ...options });

const kept = globalThis as { codexdPglite?: Promise<{ url: string; clear(): Promise<void> }> };

/** Starts once for all files of a run, since that takes seconds; each store begins with an empty one. */
async function embedded(): Promise<string> {
  kept.codexdPglite ??= start();
  const { url, clear } = await kept.codexdPglite;
  await clear();
  return url;
}

async function start(): Promise<{ url: string; clear(): Promise<void> }> {
  const [{ PGlite }, { PGLiteSocketServer }] = await Promise.all([
    import("@electric-sql/pglite"),
    import("@electric-sql/pglite-socket"),
  ]);
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, port: 0, host: "127.0.0.1", maxConnections: 10 });
  await server.start();
  const [, port] = server.getServerConn().split(":");
  return {
    // All its connections are one session: they cannot each prepare statements, and a pool would mix them up.
    url: `postgres://postgres@127.0.0.1:${port}/postgres?pool=1&prepare=false`,
    clear: async () => void (await db.exec("drop schema public cascade; create schema public")),
  };
}

/** A database of its own, gone with the server it is on. */
async function made(server: string): Promise<string> {
  const sql = new SQL(server, { max: 1 });
  const name = `codexd_${randomBytes(6).toString("hex")}`;
  await sql.unsafe(`create database ${name}`);
  await sql.close();
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
