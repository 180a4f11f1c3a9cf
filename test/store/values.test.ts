// What plugins keep stays theirs, is gone when its time is over, and no sign in a key has a meaning.
import { describe, expect, test } from "bun:test";
import { ENGINES, open, type TestEngine } from "./engines.ts";

describe.each(ENGINES)("$name", (engine: TestEngine) => {
  test("values come back as they were set, each plugin's own, until they are deleted", async () => {
    await using store = await open(await engine.place());
    const { values } = store;
    const value = { text: "ü\u0000", list: [1, 2.5, null, true], deep: { a: {} } };
    await values.set("one", "k", value);
    await values.set("two", "k", 2);
    expect(await values.get<typeof value>("one", "k")).toEqual(value);
    expect(await values.get<number>("two", "k")).toBe(2);
    await values.set("one", "k", null);
    expect(await values.get<null>("one", "k")).toBeNull();
    expect(await values.delete("one", "k")).toBe(true);
    expect(await values.delete("one", "k")).toBe(false);
    expect(await values.get<null>("one", "k")).toBeUndefined();
    expect(await values.get<number>("two", "k")).toBe(2);
    expect(values.set("one", "k", undefined)).rejects.toThrow("the value of k has no form in JSON");
  });

  test("a value with a time to live is gone after it, in lists too", async () => {
    await using store = await open(await engine.place());
    const { values } = store;
    await values.set("one", "short", 1, { ttl: 700 });
    await values.set("one", "long", 1, { ttl: 60_000 });
    expect(await values.list("one")).toEqual(["long", "short"]);
    while ((await values.get("one", "short")) !== undefined) await Bun.sleep(5);
    expect(await values.list("one")).toEqual(["long"]);
    expect(await values.delete("one", "short")).toBe(false);
    await values.set("one", "long", 2);
    expect(await values.get<number>("one", "long")).toBe(2);
  });

  test("a list has the keys that begin so, whatever signs are in them", async () => {
    await using store = await open(await engine.place());
    const { values } = store;
    for (const key of ["a%b", "a_b", "aXb", "A", "b'", "äö", "ä"]) await values.set("one", key, 1);
    expect(await values.list("one", "a")).toEqual(["a%b", "aXb", "a_b"]);
    expect(await values.list("one", "a_")).toEqual(["a_b"]);
    expect(await values.list("one", "b'")).toEqual(["b'"]);
    expect(await values.list("one", "ä")).toEqual(["ä", "äö"]);
    expect(await values.list("one", "zzz")).toEqual([]);
    expect(await values.list("two")).toEqual([]);
  });

  test("what a plugin remembers of a conversation does not lie open in the database, and what lay open before is still read", async () => {
    await using store = await open(await engine.place());
    const { values, engine: database } = store;
    await values.set("one", "k", { summary: "the launch code is swordfish" });
    const [row] = await database.all<{ value: string }>("select value from plugin_values");
    expect(row?.value).not.toContain("swordfish");
    expect(Buffer.from(row?.value.replace(/^sealed:/, "") ?? "", "base64").includes("swordfish")).toBe(false);
    expect(await values.get("one", "k")).toEqual({ summary: "the launch code is swordfish" });
    // Moved to another key it opens for nobody.
    await database.run("update plugin_values set key = 'other'");
    expect(await values.get("one", "other")).toBeUndefined();
    await database.run("update plugin_values set value = '[1]'");
    expect(await values.get<number[]>("one", "other")).toEqual([1]);
  });

  test("nothing gets between the statements of a transaction, and one that fails leaves nothing", async () => {
    await using store = await open(await engine.place());
    const { engine: database } = store;
    const insert = (within: typeof database, key: string) =>
      within.run("insert into plugin_values (plugin, key, value) values (?, ?, ?)", ["t", key, "1"]);
    const failing = database.transaction(async (within) => {
      await insert(within, "lost");
      await Bun.sleep(20);
      throw new Error("no");
    });
    const meanwhile = insert(database, "kept");
    expect(failing).rejects.toThrow("no");
    await meanwhile;
    await Promise.all(
      Array.from({ length: 5 }, (_, at) =>
        database.transaction(async (within) => {
          const [{ n = 0 } = {}] = await within.all<{ n: number }>("select count(*) as n from plugin_values");
          await Bun.sleep(1);
          await insert(within, `${at}-${n}`);
        }),
      ),
    );
    const keys = await store.values.list("t");
    // A server has several connections, and so several transactions at once.
    if (engine.name === "Postgres") expect(keys.map((key) => key[0])).toEqual(["0", "1", "2", "3", "4", "k"]);
    else expect(keys).toEqual(["0-1", "1-2", "2-3", "3-4", "4-5", "kept"]);
  });
});
