// Receipts survive the process, and a store that cannot be written never fails a turn.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { CHILD, child, folder, lines } from "./fixture.ts";
import { receipt } from "./receipt.ts";

test("kill -9 loses no receipt whose write had returned, and the store opens clean", async () => {
  const dataDir = folder();
  const writer = child(dataDir, "write");
  const told: string[] = [];
  for await (const id of lines(writer.stdout)) {
    told.push(id);
    if (told.length === 300) writer.kill("SIGKILL");
  }
  await writer.exited;
  expect(told.length).toBeGreaterThanOrEqual(300);
  const store = openStore(dataDir);
  const kept = new Set(store.receipts.last(1_000_000).map(({ id }) => id));
  expect(told.filter((id) => !kept.has(id))).toEqual([]);
  const file = new Database(store.path);
  expect(file.query("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
  file.close();
  store.receipts.write(receipt());
  expect(store.receipts.last(1_000_000).length).toBe(kept.size + 1);
  store.close();
});

test("a receipt comes back as it was written", () => {
  const store = openStore(folder());
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
  expect(store.receipts.last(2)).toEqual([full, empty]);
  store.close();
});

test("while another process holds the file, receipts wait within a bound, and the loss is counted and told once", () => {
  const told: [string, unknown][] = [];
  const log = {
    info: (message: string, fields?: unknown) => void told.push([message, fields]),
    error: (message: string, fields?: unknown) => void told.push([message, fields]),
  };
  const dataDir = folder();
  const store = openStore(dataDir, { log, patience: 1, queue: 10 });
  const other = new Database(join(dataDir, "codexd.db"));
  other.run("begin exclusive");
  const began = performance.now();
  for (let index = 0; index < 15; index++) store.receipts.write(receipt({ id: `w${index}` }));
  // Only the first write tries and waits; the others must not stall the streams of a server.
  expect(performance.now() - began).toBeLessThan(500);
  expect(store.receipts.state()).toEqual({ queued: 10, lost: 5 });
  expect(told).toEqual([["receipts cannot be written and wait in memory", { reason: "database is locked" }]]);
  other.run("rollback");
  other.close();
  store.close();
  expect(told.slice(1)).toEqual([["receipts are written again", { written: 10, lost: 5 }]]);
  const again = openStore(dataDir);
  expect(again.receipts.last(99).length).toBe(10);
  again.close();
});

test("they are written without anyone asking, once it can be", async () => {
  const again = Promise.withResolvers<void>();
  const dataDir = folder();
  const store = openStore(dataDir, { log: { info: () => again.resolve(), error: () => undefined }, patience: 1 });
  const other = new Database(join(dataDir, "codexd.db"));
  other.run("begin exclusive");
  store.receipts.write(receipt());
  other.run("rollback");
  // The retry timer alone keeps no process alive; a server has its listener for that.
  const alive = setInterval(() => undefined, 1000);
  await again.promise;
  clearInterval(alive);
  expect(store.receipts.state()).toEqual({ queued: 0, lost: 0 });
  expect(store.receipts.last(9).length).toBe(1);
  other.close();
  store.close();
});

test("a full disk costs receipts, not turns", async () => {
  const dataDir = folder();
  openStore(dataDir).close();
  // No file may grow over 400 blocks of 512 or 1024 bytes; the write fails as on a full disk.
  const script = `ulimit -f 400; trap '' XFSZ; exec "$0" "$@"`;
  const full = Bun.spawn(["sh", "-c", script, process.execPath, CHILD, dataDir, "fill", "2000"], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const result = JSON.parse(await new Response(full.stdout).text()) as Record<string, number>;
  expect(await full.exited).toBe(0);
  expect(result).toMatchObject({ told: 1, queued: 50 });
  expect(result.lost).toBeGreaterThan(0);
  const store = openStore(dataDir);
  expect(store.receipts.sum({})[0]?.turns).toBe(2000 - 50 - (result.lost ?? 0));
  store.close();
});

test("a receipt that the schema refuses holds up no other", () => {
  const told: string[] = [];
  const store = openStore(folder(), { log: { info: () => undefined, error: (message) => void told.push(message) } });
  store.receipts.write(receipt({ dialect: null as unknown as string }));
  store.receipts.write(receipt());
  expect(store.receipts.state()).toEqual({ queued: 0, lost: 1 });
  expect(store.receipts.last(9).length).toBe(1);
  expect(told).toEqual(["a receipt is lost: the store refuses it"]);
  store.close();
});

test("nobody else on the machine can read the store", () => {
  const dataDir = folder();
  const before = process.umask(0);
  const store = openStore(dataDir);
  store.receipts.write(receipt());
  process.umask(before);
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  expect(mode(dataDir)).toBe("700");
  for (const end of ["", "-wal", "-shm"]) expect(mode(store.path + end)).toBe("600");
  store.close();
});

test("processes that start at once on an empty directory all get their store", async () => {
  const dataDir = folder();
  const starters = Array.from({ length: 5 }, () => child(dataDir, "open"));
  expect(await Promise.all(starters.map(({ exited }) => exited))).toEqual([0, 0, 0, 0, 0]);
  const store = openStore(dataDir);
  expect(store.licences.list()).toEqual([]);
  store.close();
});

test("a store that a newer codexd has written is refused and left alone", () => {
  const dataDir = folder();
  openStore(dataDir).close();
  const path = join(dataDir, "codexd.db");
  const database = new Database(path);
  database.run("update schema_version set version = 99");
  expect(() => openStore(dataDir)).toThrow(
    `cannot open the store ${path}: ${path} is of schema version 99, written by a newer codexd; this one knows versions up to 4`,
  );
  expect(database.query("select version from schema_version").get()).toEqual({ version: 99 });
  database.close();
});

test("a data directory that cannot be is told in one line", () => {
  const dataDir = folder();
  openStore(dataDir).close();
  const inside = join(dataDir, "codexd.db", "data");
  expect(() => openStore(inside)).toThrow(/^cannot open the store .*codexd\.db: .*$/);
  expect(dirname(inside)).toEndWith("codexd.db");
});
