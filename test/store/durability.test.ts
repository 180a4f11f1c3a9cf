// Receipts survive the process, and a store that cannot be written never fails a turn.
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Store } from "../../src/store/index.ts";
import { openStore } from "../../src/store/index.ts";
import { ENGINES, open, type TestEngine } from "./engines.ts";
import { CHILD, child, folder, lines } from "./fixture.ts";
import { receipt } from "./receipt.ts";

/** As the first versions made it, whatever the steps in the source are now. */
const VERSION_1 = [
  "create table schema_version (version integer not null)",
  "insert into schema_version values (3)",
  `create table licences (id text primary key, digest text not null unique, dialects text, models text, effort text,
     strict integer, reasoning text, admin integer not null, created_at bigint not null, revoked_at bigint)`,
  `create table receipts (id text not null, at bigint not null, licence text, session text, dialect text not null,
     operation text not null, stream integer not null, asked_model text, model text, effort text, upstream text, account text,
     outcome text not null, status integer not null, code text, input_tokens bigint not null, cached_tokens bigint not null,
     output_tokens bigint not null, reasoning_tokens bigint not null, first_ms double precision, total_ms double precision not null,
     tries integer not null)`,
  "create index receipts_at on receipts (at)",
  "create index licences_revoked_at on licences (revoked_at)",
];
const VERSION_3 = [
  `create table accounts (name text primary key, kind text not null, issuer text not null, email text, plan text, account_id text,
     fedramp integer not null, access_token text not null, refresh_token text, id_token text, created_at bigint not null,
     refreshed_at bigint)`,
  `create table account_states (name text primary key, paused integer not null default 0, cooldown_until bigint,
     cooldown_reason text, last_error text, last_error_at bigint, primary_used double precision, primary_minutes bigint,
     primary_resets_at bigint, secondary_used double precision, secondary_minutes bigint, secondary_resets_at bigint,
     limits_at bigint, routing_origin text, routing_override text, routing_at bigint, dead text, dead_reason text, credits text)`,
  "create table leases (name text primary key, owner text not null, until bigint not null)",
];

const ids = async (store: Store) => (await store.receipts.last(1_000_000)).map(({ id }) => id);
const journals = (dataDir: string) =>
  existsSync(join(dataDir, "journal")) ? readdirSync(join(dataDir, "journal")) : [];

/** Reads this many ids that a child says it has written, and kills it in the middle of its work. */
async function killedAfter(count: number, writer: ReturnType<typeof child>): Promise<string[]> {
  const told: string[] = [];
  for await (const id of lines(writer.stdout)) {
    told.push(id);
    if (told.length === count) writer.kill("SIGKILL");
  }
  await writer.exited;
  expect(told.length).toBeGreaterThanOrEqual(count);
  return told;
}

describe.each(ENGINES)("$name", (engine: TestEngine) => {
  test("a receipt comes back as it was written", async () => {
    await using store = await open(await engine.place());
    const full = receipt({ session: "s-1", code: "x", firstMs: 1.25 });
    const empty = receipt({
      licence: null,
      session: null,
      askedModel: null,
      model: null,
      effort: null,
      upstream: null,
      account: null,
      firstMs: null,
      stream: false,
      at: full.at - 1,
    });
    store.receipts.write(full);
    store.receipts.write(empty);
    expect(await store.receipts.last(2)).toEqual([full, empty]);
  });

  test("kill -9 loses no receipt whose write had returned, and none is there twice", async () => {
    const place = await engine.place();
    if (engine.isShared) await (await open(place)).close();
    // Where the store is not for several processes, the child cannot reach it at all, and all is in its journal.
    const told = await killedAfter(300, child(place, "write", "r"));
    await using store = await open(place);
    const kept = await ids(store);
    expect(told.filter((id) => !kept.includes(id))).toEqual([]);
    expect(new Set(kept).size).toBe(kept.length);
    expect((await store.receipts.sum({}))[0]?.turns).toBe(kept.length);
    expect(journals(place.data)).toEqual([]);
    store.receipts.write(receipt());
    expect(await ids(store)).toHaveLength(kept.length + 1);
  });

  test("what a living process has not written yet is seen by others, and later is there once", async () => {
    const place = await engine.place();
    const one = await open(place);
    await using other = await open(place);
    for (let index = 0; index < 700; index++) one.receipts.write(receipt({ id: `w${index}` }));
    expect(await ids(other)).toHaveLength(700);
    expect((await other.receipts.sum({}))[0]?.turns).toBe(700);
    for (let index = 700; index < 720; index++) one.receipts.write(receipt({ id: `w${index}` }));
    await Promise.all([other.receipts.sum({}), one.close()]);
    expect(new Set(await ids(other)).size).toBe(720);
    expect((await other.receipts.sum({}))[0]?.turns).toBe(720);
    expect((await other.receipts.sum({ by: "model" }))[0]?.turns).toBe(720);
  });

  test("a receipt that the schema refuses holds up no other", async () => {
    const told: string[] = [];
    const log = { info: () => undefined, error: (message: string) => void told.push(message) };
    await using store = await open(await engine.place(), { log });
    store.receipts.write(receipt({ dialect: null as unknown as string }));
    store.receipts.write(receipt());
    expect(await ids(store)).toHaveLength(1);
    expect(store.receipts.state()).toEqual({ queued: 0, lost: 1 });
    expect(told).toEqual(["a receipt is lost: the store refuses it"]);
  });

  test("signs that a database has no place for cost no receipt", async () => {
    await using store = await open(await engine.place());
    store.receipts.write(receipt({ session: "a\u0000b\ud800c", model: "'; drop table receipts; --" }));
    const [kept] = await store.receipts.last(1);
    expect(kept?.session).toMatch(/^a.b.*c$/s);
    expect(kept?.model).toBe("'; drop table receipts; --");
  });
});

test("while the file cannot be written, receipts wait in the journal, and are written without anyone asking", async () => {
  const told: [string, unknown][] = [];
  const again = Promise.withResolvers<void>();
  const log = {
    info: (message: string, fields?: unknown) => {
      told.push([message, fields]);
      again.resolve();
    },
    error: (message: string, fields?: unknown) => void told.push([message, fields]),
  };
  const dataDir = folder();
  await using store = await openStore(dataDir, { log, patience: 1, queue: 10 });
  const other = new Database(join(dataDir, "codexd.db"));
  other.run("begin exclusive");
  for (let index = 0; index < 15; index++) store.receipts.write(receipt({ id: `w${index}` }));
  // Nobody has met the file that is held yet, so nobody waited for it.
  expect(told).toEqual([]);
  while (told.length === 0) await Bun.sleep(5);
  expect(store.receipts.state()).toEqual({ queued: 15, lost: 0 });
  other.run("rollback");
  other.close();
  // The retry timer alone keeps no process alive; a server has its listener for that.
  const alive = setInterval(() => undefined, 1000);
  await again.promise;
  clearInterval(alive);
  expect(told).toEqual([
    ["receipts cannot be written and wait", { reason: "database is locked" }],
    ["receipts are written again", { lost: 0 }],
  ]);
  expect(store.receipts.state()).toEqual({ queued: 0, lost: 0 });
  expect(await ids(store)).toHaveLength(15);
});

test("where there can be no journal either, receipts wait in memory within a bound, and the loss is counted and told once", async () => {
  const told: [string, unknown][] = [];
  const note = (message: string, fields?: unknown) => void told.push([message, fields]);
  const dataDir = folder();
  const store = await openStore(dataDir, { log: { info: note, error: note }, patience: 1, queue: 10 });
  writeFileSync(join(dataDir, "journal"), "no folder");
  const other = new Database(join(dataDir, "codexd.db"));
  other.run("begin exclusive");
  for (let index = 0; index < 15; index++) store.receipts.write(receipt({ id: `w${index}` }));
  while (told.length === 0) await Bun.sleep(5);
  expect(store.receipts.state()).toEqual({ queued: 10, lost: 5 });
  other.run("rollback");
  other.close();
  await store.close();
  expect(told.map(([message]) => message)).toEqual([
    "receipts cannot be written and wait",
    "receipts are written again",
  ]);
  await using again = await openStore(dataDir);
  expect(await ids(again)).toHaveLength(10);
});

test("a process that is killed while its store is away leaves its receipts to the next one", async () => {
  const place = { data: folder(), store: "sqlite" };
  await (await open(place)).close();
  const writer = child(place, "write", "r");
  const holder = new Database(join(place.data, "codexd.db"));
  holder.run("pragma busy_timeout = 5000");
  await Bun.sleep(100);
  holder.run("begin exclusive");
  const told = await killedAfter(500, writer);
  holder.run("rollback");
  holder.close();
  await using store = await open(place);
  const kept = new Set(await ids(store));
  expect(told.filter((id) => !kept.has(id))).toEqual([]);
});

test("a journal ends where its process was cut off, and a folder of old ones is no obstacle", async () => {
  const dataDir = folder();
  const first = await openStore(dataDir);
  first.receipts.write(receipt({ id: "whole" }));
  await first.close();
  const path = join(dataDir, "journal", "999999999-dead.0.jsonl");
  const line = JSON.stringify(["00000000-dead", receipt({ id: "dead" })]);
  writeFileSync(path, `${line}\n\n{"half\n["x"]\n${line.slice(0, 40)}`);
  writeFileSync(join(dataDir, "journal", "999999999-empty.0.jsonl"), "");
  await using store = await openStore(dataDir);
  expect((await ids(store)).sort()).toEqual(["dead", "whole"]);
  expect(journals(dataDir)).toEqual([]);
});

test("a full disk costs receipts, not turns", async () => {
  const dataDir = folder();
  await (await openStore(dataDir)).close();
  // No file may grow over 100 blocks of 512 or 1024 bytes; the write fails as on a full disk.
  const script = `ulimit -f 100; trap '' XFSZ; exec "$0" "$@"`;
  const full = Bun.spawn(["sh", "-c", script, process.execPath, CHILD, dataDir, "sqlite", "fill", "2000"], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const result = JSON.parse(await new Response(full.stdout).text()) as Record<string, number>;
  const { told = 0, queued = 0, lost = 0, written = 0 } = result;
  expect(await full.exited).toBe(0);
  expect(told).toBe(1);
  expect(lost).toBeGreaterThan(0);
  expect(written + queued + lost).toBe(2000);
  // What was only in memory went with the process; what the journal took did not.
  await using store = await openStore(dataDir);
  const turns = (await store.receipts.sum({}))[0]?.turns ?? 0;
  expect(turns).toBeLessThanOrEqual(2000 - lost);
  expect(turns).toBeGreaterThanOrEqual(2000 - lost - 50);
});

test("nobody else on the machine can read the store or its journal", async () => {
  const dataDir = folder();
  const before = process.umask(0);
  await using store = await openStore(dataDir);
  store.receipts.write(receipt());
  process.umask(before);
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  expect(mode(dataDir)).toBe("700");
  for (const end of ["", "-wal", "-shm"]) expect(mode(store.place + end)).toBe("600");
  expect(mode(join(dataDir, "journal"))).toBe("700");
  for (const name of journals(dataDir)) expect(mode(join(dataDir, "journal", name))).toBe("600");
  expect(journals(dataDir)).toHaveLength(1);
});

describe.each(ENGINES.filter(({ isShared }) => isShared))("$name", (engine: TestEngine) => {
  test("processes that start at once on an empty store all get it", async () => {
    const place = await engine.place();
    const starters = Array.from({ length: 5 }, () => child(place, "open"));
    expect(await Promise.all(starters.map(({ exited }) => exited))).toEqual([0, 0, 0, 0, 0]);
    await using store = await open(place);
    expect(await store.licences.list()).toEqual([]);
  });
});

describe.each(ENGINES)("$name", (engine: TestEngine) => {
  test("a store that a newer codexd has written is refused and left alone", async () => {
    const place = await engine.place();
    const store = await open(place);
    const known = store.schema.to;
    await store.engine.run("update schema_version set version = 99");
    await expect(open(place)).rejects.toThrow(
      `${store.place} is of schema version 99, written by a newer codexd; this one knows versions up to ${known}`,
    );
    expect(await store.engine.all<{ version: number }>("select version from schema_version")).toEqual([
      { version: 99 },
    ]);
    await store.close();
  });
});

test("a store from before receipts had ids and sums has both for its old ones", async () => {
  const dataDir = folder();
  const path = join(dataDir, "codexd.db");
  mkdirSync(dataDir);
  const old = new Database(path);
  for (const statement of VERSION_1.concat(VERSION_3)) old.run(statement);
  for (const id of ["twice", "twice", "once"])
    old.run(
      `insert into receipts (id, at, dialect, operation, stream, outcome, status, input_tokens, cached_tokens, output_tokens, reasoning_tokens, first_ms, total_ms, tries)
       values (?, 1000, 'chat', 'turn', 1, 'ok', 200, 5, 0, 0, 0, 2, 3, 1)`,
      [id],
    );
  old.close();
  await using store = await openStore(dataDir);
  expect(store.schema.from).toBe(3);
  expect((await ids(store)).sort()).toEqual(["once", "twice", "twice"]);
  expect((await store.receipts.sum({ by: "dialect" }))[0]).toMatchObject({ key: "chat", turns: 3, inputTokens: 15 });
});

test("a data directory that cannot be is told in one line", async () => {
  const dataDir = folder();
  await (await openStore(dataDir)).close();
  const inside = join(dataDir, "codexd.db", "data");
  await expect(openStore(inside)).rejects.toThrow(/^cannot open the store .*codexd\.db: .*$/);
  expect(dirname(inside)).toEndWith("codexd.db");
});

test("a server that cannot be reached is told in one line, without its password", async () => {
  const away = openStore(folder(), { store: "postgres://me:leaked@127.0.0.1:1/x", patience: 50 });
  const error = (await away.catch((thrown: Error) => thrown)) as Error;
  expect(error.message).toBe("cannot open the store postgres://me:********@127.0.0.1:1/x: Failed to connect");
});
