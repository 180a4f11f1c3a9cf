// What is kept lies by licence, within its time and its room, under its key, and has one owner while it is made; on every engine.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type ConversationRows, openConversations } from "../../src/store/conversations.ts";
import { createEnvelope } from "../../src/store/envelope.ts";
import type { Store } from "../../src/store/index.ts";
import { type ItemRows, openItems } from "../../src/store/kept-items.ts";
import { type NewResponse, openResponses, type ResponseRows } from "../../src/store/responses.ts";
import { openRoom, type Room } from "../../src/store/room.ts";
import { ENGINES, open } from "./engines.ts";

const later = () => Date.now() + 60_000;

describe.each(ENGINES)("on $name", (engine) => {
  let store: Store;
  let envelope = createEnvelope(["a key of the store"]);
  let responses: ResponseRows;
  let conversations: ConversationRows;
  let items: ItemRows;
  let room: Room;

  beforeEach(async () => {
    store = await open(await engine.place());
    envelope = createEnvelope(["a key of the store"]);
    responses = openResponses(store.engine, () => envelope);
    conversations = openConversations(store.engine, () => envelope);
    items = openItems(store.engine, () => envelope);
    room = openRoom(store.engine);
  });
  afterEach(() => store.close());

  const response = (id: string, more: Partial<NewResponse> = {}): NewResponse => ({
    licence: "a",
    id,
    session: "s",
    status: "completed",
    body: `{"id":"${id}","text":"ü\\u0000"}`,
    context: "[]",
    createdAt: Date.now(),
    expiresAt: later(),
    ...more,
  });

  test("a response comes back as it was put, for its licence alone, until it is removed", async () => {
    const bytes = await responses.put(response("resp_1", { context: JSON.stringify(["x".repeat(5000)]) }));
    expect(bytes).toBeLessThan(1000);
    expect(await responses.get("a", "resp_1")).toMatchObject({
      status: "completed",
      session: "s",
      owner: null,
      cancelled: false,
      body: '{"id":"resp_1","text":"ü\\u0000"}',
      context: JSON.stringify(["x".repeat(5000)]),
    });
    expect(await responses.get("b", "resp_1")).toBeUndefined();
    expect(await responses.remove("b", "resp_1")).toBe(false);
    expect(await responses.remove("a", "resp_1")).toBe(true);
    expect(await responses.get("a", "resp_1")).toBeUndefined();
  });

  test("two licences may have the same id", async () => {
    await responses.put(response("resp_1"));
    await responses.put(response("resp_1", { licence: "b", body: '"b"' }));
    expect((await responses.get("b", "resp_1"))?.body).toBe('"b"');
    await responses.remove("b", "resp_1");
    expect(await responses.get("a", "resp_1")).toBeDefined();
  });

  test("while it is made only its owner changes it; the last events and the end come together", async () => {
    await responses.put(response("resp_1", { owner: "one", status: "queued" }));
    const key = { licence: "a", id: "resp_1" };
    const running = { status: "in_progress", body: "{}" };
    expect(await responses.change({ ...key, owner: "two" }, running)).toBeUndefined();
    expect(await responses.change({ ...key, owner: "one" }, running)).toBeGreaterThan(0);
    await responses.append("a", "resp_1", { first: 0, last: 1, lines: "0\n1" });
    const last = { first: 2, last: 2, lines: "2" };
    expect(await responses.change({ ...key, owner: "one" }, { status: "failed", body: "{}", last })).toBeGreaterThan(0);
    expect(await responses.change({ ...key, owner: "one" }, running)).toBeUndefined();
    expect(await responses.get("a", "resp_1")).toMatchObject({ status: "failed", owner: null });
    expect((await responses.events("a", "resp_1", 0)).map(({ lines }) => lines)).toEqual(["0\n1", "2"]);
    expect((await responses.events("a", "resp_1", 1)).map(({ lines }) => lines)).toEqual(["2"]);
    expect(await responses.events("b", "resp_1", -1)).toEqual([]);
    await responses.remove("a", "resp_1");
    expect(await responses.events("a", "resp_1", -1)).toEqual([]);
  });

  test("an owner hears what it is to end, and others see that it lives", async () => {
    await responses.put(response("resp_1", { owner: "one" }));
    await responses.put(response("resp_2", { owner: "two" }));
    const before = Date.now();
    expect(await responses.beat("one")).toEqual([{ licence: "a", id: "resp_1", cancelled: false }]);
    expect(await responses.cancel("a", "resp_1")).toBe(true);
    expect(await responses.cancel("b", "resp_1")).toBe(false);
    expect(await responses.beat("one")).toEqual([{ licence: "a", id: "resp_1", cancelled: true }]);
    expect((await responses.get("a", "resp_1"))?.beatAt).toBeGreaterThanOrEqual(before);
    expect((await responses.running()).map(({ owner }) => owner).sort()).toEqual(["one", "two"]);
  });

  test("a conversation has its items in their order, and ends whole", async () => {
    await conversations.put("a", { id: "conv_1", createdAt: 5, metadata: "{}" }, later());
    const many = Array.from({ length: 250 }, (_, at) => ({ id: `msg_${at}`, body: `${at}` }));
    await conversations.append("a", "conv_1", many, later());
    await conversations.append("a", "conv_1", [{ id: "msg_last", body: "last" }], later());
    expect(await conversations.append("b", "conv_1", [{ id: "msg_x", body: "x" }], later())).toBe(0);
    expect((await conversations.items("a", "conv_1")).map(({ body }) => body)).toEqual([
      ...many.map(({ body }) => body),
      "last",
    ]);
    expect(await conversations.items("b", "conv_1")).toEqual([]);
    expect(await conversations.removeItem("a", "conv_1", "msg_3")).toBe(true);
    expect(await conversations.removeItem("a", "conv_1", "msg_3")).toBe(false);
    await conversations.describe("a", "conv_1", '{"a":1}');
    expect(await conversations.get("a", "conv_1")).toEqual({ id: "conv_1", createdAt: 5, metadata: '{"a":1}' });
    expect(await conversations.remove("a", "conv_1")).toBe(true);
    expect(await conversations.get("a", "conv_1")).toBeUndefined();
    expect(await conversations.items("a", "conv_1")).toEqual([]);
  });

  test("items are found by their licence, however many come at once, the newest of an id", async () => {
    const item = (id: string, body: string, licence = "a") => ({ licence, id, session: null, body });
    const many = Array.from({ length: 250 }, (_, at) => item(`rs_${at}`, `"${at}"`));
    expect(await items.put([...many, item("rs_0", '"again"'), item("rs_0", '"b"', "b")], later())).toBeGreaterThan(0);
    const found = await items.find("a", ["rs_0", "rs_249", "rs_unknown"]);
    expect(Object.fromEntries(found)).toEqual({ rs_0: '"again"', rs_249: '"249"' });
    await items.put([item("rs_0", '"over"')], later());
    expect((await items.find("a", ["rs_0"])).get("rs_0")).toBe('"over"');
  });

  test("what has run out is not there, and its room is taken back; what is being made is not", async () => {
    const past = Date.now() - 1;
    await responses.put(response("resp_old", { expiresAt: past }));
    await responses.put(response("resp_made", { expiresAt: past, owner: "one" }));
    await responses.append("a", "resp_old", { first: 0, last: 0, lines: "0" });
    await responses.put(response("resp_new"));
    await conversations.put("a", { id: "conv_1", createdAt: 0, metadata: "{}" }, past);
    await items.put([{ licence: "a", id: "rs_1", session: null, body: "{}" }], past);
    expect(await responses.get("a", "resp_old")).toBeUndefined();
    expect(await conversations.get("a", "conv_1")).toBeUndefined();
    expect(await items.find("a", ["rs_1"])).toEqual(new Map());
    expect(await responses.get("a", "resp_made")).toBeDefined();
    expect(await room.expire()).toBe(3);
    expect(await room.expire()).toBe(0);
    expect(await responses.events("a", "resp_old", -1)).toEqual([]);
    expect(await responses.get("a", "resp_new")).toBeDefined();
  });

  test("without room the oldest of all kinds goes, never the newest, never what is being made", async () => {
    const noise = () => `"${Buffer.from(crypto.getRandomValues(new Uint8Array(3000))).toString("base64")}"`;
    await responses.put(response("resp_made", { owner: "one", body: noise() }));
    await responses.put(response("resp_0", { body: noise() }));
    await items.put([{ licence: "a", id: "rs_0", session: null, body: noise() }], later());
    await conversations.put("a", { id: "conv_0", createdAt: 0, metadata: noise() }, later());
    for (let at = 1; at < 6; at++) await responses.put(response(`resp_${at}`, { body: noise() }));
    await items.put([{ licence: "a", id: "rs_1", session: null, body: noise() }], later());
    await conversations.put("a", { id: "conv_1", createdAt: 0, metadata: noise() }, later());
    const used = await room.used();
    expect(used).toBeGreaterThan(20_000);
    await room.trim(used);
    expect(await responses.get("a", "resp_0")).toBeDefined();
    const here = async () => {
      const ids = ["resp_made", "resp_0", "resp_1", "resp_2", "resp_3", "resp_4", "resp_5"];
      const rows = await Promise.all(ids.map((id) => responses.get("a", id)));
      return rows.flatMap((row) => (row ? [row.id] : []));
    };
    await room.trim(used * 0.45);
    expect(await room.used()).toBeLessThanOrEqual(used * 0.45);
    expect(await here()).toEqual(["resp_made", "resp_4", "resp_5"]);
    expect((await items.find("a", ["rs_0", "rs_1"])).size).toBe(1);
    expect(await conversations.get("a", "conv_0")).toBeUndefined();
    await room.trim(10);
    expect(await here()).toEqual(["resp_made", "resp_5"]);
    expect((await items.find("a", ["rs_1"])).size).toBe(1);
    expect(await conversations.get("a", "conv_1")).toBeDefined();
  });

  test("another key opens nothing, and a row that was moved is not opened either", async () => {
    envelope = createEnvelope(["the first key of all"]);
    await responses.put(response("resp_1"));
    await responses.put(response("resp_2", { body: '"two"' }));
    envelope = createEnvelope(["the second key of all"]);
    expect(await responses.get("a", "resp_1")).toBeUndefined();
    envelope = createEnvelope(["a key of the store"]);
    expect(await responses.get("a", "resp_1")).toBeUndefined();
    envelope = createEnvelope(["the first key of all"]);
    expect(await responses.get("a", "resp_2")).toMatchObject({ body: '"two"' });
    await store.engine.run("delete from kept_responses where id = 'resp_2'");
    await store.engine.run("update kept_responses set id = 'resp_2' where id = 'resp_1'");
    expect(await responses.get("a", "resp_2")).toBeUndefined();
  });
});
