// A store moves to another database while others write to it: all of it, once, however often it is done.
import { describe, expect, test } from "bun:test";
import { copyStore } from "../../src/store/copy.ts";
import type { Engine } from "../../src/store/engine.ts";
import type { Store } from "../../src/store/index.ts";
import { inspectStore } from "../../src/store/inspect.ts";
import { OWN, TABLES } from "../../src/store/tables.ts";
import { ENGINES, open } from "./engines.ts";
import { child, lines } from "./fixture.ts";
import { receipt } from "./receipt.ts";

const [sqlite] = ENGINES;
if (!sqlite) throw new Error("there is always SQLite");
const WAYS = ENGINES.flatMap((engine) => [
  { name: `SQLite to ${engine.name}`, from: sqlite, to: engine },
  ...(engine === sqlite ? [] : [{ name: `${engine.name} to SQLite`, from: engine, to: sqlite }]),
]);

const HOUR = 3_600_000;

/** Something in every table that a server writes. */
async function furnish(store: Store): Promise<void> {
  const { secret: _secret, licence } = await store.licences.create({ id: "ci", models: ["gpt-5*"], strict: true });
  await store.licences.create({ id: "old" });
  await store.licences.revoke("old");
  const account = { email: null, plan: "plus", accountId: "acc", fedramp: false, refreshedAt: 5, createdAt: 1 };
  await store.accounts.put({ name: "w", kind: "chatgpt", issuer: "https://i", tokens: { access: "a" }, ...account });
  await store.accounts.change("w", { cooldownUntil: 12, cooldownReason: "usage_limit_reached" });
  await store.values.set("plugin", "key", { deep: [1] });
  const { engine } = store;
  const bytes = new Uint8Array([0, 1, 255]);
  const put = (sql: string, values: (string | number | Uint8Array)[]) => engine.run(sql, values);
  await put("insert into prompts (licence, id, at, written_at, body) values (?, 'req', 1, ?, ?)", [
    ...[licence.id, Date.now() * 1000, bytes],
  ]);
  await put("insert into counters (name, count, until) values (?, ?, ?)", ["c", 1, 2]);
  await put("insert into sessions (upstream, session, account, moved, written_at) values ('up', 's', 'w', 1, ?)", [
    Date.now() * 1000,
  ]);
  await put(
    `insert into kept_responses (licence, id, status, created_at, written_at, expires_at, bytes, cancelled, body, context)
     values (?, ?, 'completed', 1, ?, 3, 4, 0, ?, ?)`,
    [licence.id, "resp_1", Date.now() * 1000, bytes, bytes],
  );
  await put("insert into kept_events (licence, response, first_number, last_number, body) values (?, ?, 0, 4, ?)", [
    licence.id,
    "resp_1",
    bytes,
  ]);
  await put(
    "insert into conversations (licence, id, created_at, written_at, expires_at, bytes, body) values (?, 'conv', 1, 2, 3, 4, ?)",
    [licence.id, bytes],
  );
  await put("insert into conversation_items (licence, conversation, place, id, body) values (?, 'conv', 1, 'i', ?)", [
    licence.id,
    bytes,
  ]);
  await put("insert into kept_items (licence, id, written_at, expires_at, bytes, body) values (?, 'it', 1, 2, 3, ?)", [
    licence.id,
    bytes,
  ]);
}

async function tablesOf(engine: Engine): Promise<string[]> {
  const sql =
    engine.kind === "sqlite"
      ? "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
      : "select tablename as name from pg_tables where schemaname = current_schema()";
  return (await engine.all<{ name: string }>(sql)).map(({ name }) => name).sort();
}

async function content(engine: Engine): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {};
  for (const { name, key } of TABLES) {
    const rows = await engine.all<Record<string, unknown>>(`select * from ${name} order by ${key.join(", ")}`);
    all[name] = rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([k, v]) => [k, v instanceof Uint8Array ? [...v] : v])),
    );
  }
  return all;
}

describe.each(WAYS)("$name", (way: (typeof WAYS)[number]) => {
  test("everything is there, once, with the same sums, and once more changes nothing", async () => {
    await using from = await open(await way.from.place());
    await using to = await open(await way.to.place());
    await furnish(from);
    for (let index = 0; index < 300; index++)
      from.receipts.write(receipt({ at: 1_700_000_000_000 + index * 300_000, session: `s${index % 7}` }));
    expect((await from.receipts.sum({}))[0]?.turns).toBe(300);
    const copied = await copyStore(from.engine, to.engine);
    for (const { table, from: here, to: there, written } of copied) {
      expect({ table, there }).toEqual({ table, there: here });
      expect({ table, some: here > 0 }).toEqual({ table, some: true });
      if (table === "receipts") expect(written).toBe(300);
    }
    expect(await content(to.engine)).toEqual(await content(from.engine));
    for (const by of ["model", "day", "session"] as const)
      expect(await to.receipts.sum({ by })).toEqual(await from.receipts.sum({ by }));
    const again = await copyStore(from.engine, to.engine);
    expect(again.find(({ table }) => table === "receipts")).toMatchObject({ from: 300, to: 300, written: 0 });
    expect((await inspectStore(to.engine)).filter(({ ok }) => !ok)).toEqual([]);
  });

  test("what is removed while it is copied is not there, and what is younger there stays", async () => {
    await using from = await open(await way.from.place());
    await using to = await open(await way.to.place());
    await furnish(from);
    let passes = 0;
    const onPass = async () => {
      if (passes++ === 0) await from.accounts.remove("w");
    };
    await copyStore(from.engine, to.engine, { onPass });
    expect((await content(to.engine)).accounts).toEqual([]);
    const account = { email: null, plan: null, accountId: null, fedramp: false, createdAt: 1, issuer: "https://i" };
    const login = { name: "w", kind: "chatgpt", ...account } as const;
    await from.accounts.put({ ...login, tokens: { access: "spent" }, refreshedAt: 1000 });
    await to.accounts.put({ ...login, tokens: { access: "fresh" }, refreshedAt: 2000 });
    await to.licences.revoke("ci");
    await copyStore(from.engine, to.engine);
    expect(await to.engine.all<{ access_token: string }>("select access_token from accounts")).toEqual([
      { access_token: "fresh" },
    ]);
    expect((await to.licences.get("ci"))?.revokedAt).toBeNumber();
  });

  test("what is removed between two copies does not come back with the new store, and what was written there stays", async () => {
    await using from = await open(await way.from.place());
    await using to = await open(await way.to.place());
    await furnish(from);
    await copyStore(from.engine, to.engine);
    await from.accounts.remove("w");
    await from.engine.run("delete from kept_responses");
    await from.engine.run("delete from kept_events");
    await to.values.set("plugin", "own", 1);
    const copied = await copyStore(from.engine, to.engine);
    for (const name of ["accounts", "account_states", "kept_responses", "kept_events"])
      expect((await content(to.engine))[name], name).toEqual([]);
    expect(copied.find(({ table }) => table === "accounts")).toMatchObject({ from: 0, to: 0 });
    expect(await to.values.list("plugin")).toEqual(["key", "own"]);
  });

  test("what others have in use is left as it is, and the operator told", async () => {
    await using from = await open(await way.from.place());
    await using to = await open(await way.to.place());
    await furnish(from);
    await to.licences.create({ id: "ci", requestsPerMinute: 3 });
    const before = await content(to.engine);
    await expect(copyStore(from.engine, to.engine)).rejects.toThrow(/licences that are not here: ci; nothing was/);
    expect(await content(to.engine)).toEqual(before);
  });

  test("sums of hours whose receipts are no longer kept come along", async () => {
    await using from = await open(await way.from.place());
    await using to = await open(await way.to.place());
    for (let hour = 0; hour < 3; hour++) from.receipts.write(receipt({ at: 1_700_000_000_000 + hour * HOUR }));
    await from.receipts.sum({});
    await from.engine.run("delete from receipts where at < ?", [1_700_000_000_000 + HOUR]);
    await copyStore(from.engine, to.engine);
    expect((await to.receipts.sum({}))[0]?.turns).toBe(3);
    expect((await to.receipts.last(9)).length).toBe(2);
  });
});

describe.each(WAYS.filter(({ from }) => from.isShared))("$name", (way: (typeof WAYS)[number]) => {
  test("under load the counts are equal, and nothing is written twice", async () => {
    const place = await way.from.place();
    const [from, to] = [await open(place, { patience: 5000 }), await open(await way.to.place())];
    const writers = ["a", "b"].map((name) => child(place, "write", name));
    const reading = writers.map(async ({ stdout }) => {
      let count = 0;
      for await (const _line of lines(stdout)) count++;
      return count;
    });
    while (((await from.receipts.sum({}))[0]?.turns ?? 0) < 1000) await Bun.sleep(100);
    const [copied] = await copyStore(from.engine, to.engine);
    expect(copied?.to).toBe(copied?.from as number);
    expect(copied?.written).toBe(copied?.to as number);
    for (const writer of writers) writer.kill("SIGKILL");
    const told = (await Promise.all(reading)).reduce((sum, count) => sum + count, 0);
    // What the killed ones had not written yet is in their journals.
    const turns = (await from.receipts.sum({}))[0]?.turns ?? 0;
    expect(turns).toBeGreaterThanOrEqual(told);
    const [rest] = await copyStore(from.engine, to.engine);
    expect(rest).toMatchObject({ from: turns, to: turns });
    expect(new Set((await to.receipts.last(1e6)).map(({ id }) => id)).size).toBe(turns);
    expect((await to.receipts.sum({}))[0]?.turns).toBe(turns);
    console.log(`${way.name}: ${copied?.to} copied under load, ${turns} in the end`);
    await Promise.all([from.close(), to.close()]);
  }, 60_000);
});

test("a table that a step adds is copied, or known to belong to one database alone", async () => {
  if (!sqlite) return;
  await using store = await open(await sqlite.place());
  const known = [...TABLES.map(({ name }) => name), ...OWN, "receipts", "usage_hours"].sort();
  expect(await tablesOf(store.engine)).toEqual(known);
});

test("what does not belong to anything is found, and sums that say less than the receipts", async () => {
  if (!sqlite) return;
  await using store = await open(await sqlite.place());
  await furnish(store);
  store.receipts.write(receipt());
  await store.receipts.sum({});
  expect((await inspectStore(store.engine)).filter(({ ok }) => !ok)).toEqual([]);
  await store.engine.run("delete from kept_responses");
  await store.engine.run("delete from usage_hours");
  expect((await inspectStore(store.engine)).filter(({ ok }) => !ok)).toEqual([
    { check: "events without their response", ok: false, found: "1" },
    { check: "sums of receipts", ok: false, found: "too small in 2026-01-31T12h" },
  ]);
});
