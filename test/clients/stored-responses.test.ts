// What is kept can be fetched again, gone on from and followed: after a cut, after a restart, from another process, by its licence alone.
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type OpenAI from "openai";
import { codexd } from "../binary.ts";
import { fault } from "../recordings/schemas.ts";
import { complete, create, ended, MODEL, sdk, shared, statusOf } from "./stored.ts";

type Event = OpenAI.Responses.ResponseStreamEvent;

const background = (openai: OpenAI, input: string) =>
  openai.responses.create({ model: MODEL, input, background: true, stream: true });

/** The events up to a number of them; leaving then, as a client whose connection breaks. */
async function some(stream: AsyncIterable<Event>, count = Number.POSITIVE_INFINITY): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

const textOf = (events: readonly Event[]) =>
  events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");

describe.each(["chatgpt", "openai", "chat"] as const)("before an upstream of kind %s", (kind) => {
  test("a chain remembers, is fetched as it was given, and has the whole conversation as its input", async () => {
    await using it = await shared(kind);
    const openai = sdk(await it.start());
    const first = await create(openai, "REMEMBER the word is heron", { instructions: "Be brief." });
    const second = await create(openai, "SAY noted", { previous_response_id: first.id });
    const third = await create(openai, "RECALL heron", { previous_response_id: second.id });
    expect(third.output_text).toBe("recalled: heron");
    expect(third.previous_response_id).toBe(second.id);
    expect(third.instructions).not.toBe("Be brief.");
    expect((await create(openai, "RECALL heron")).output_text).toBe("not recalled: heron");
    for (const given of [first, second, third]) {
      expect(given).toMatchObject({ store: true, background: false, status: "completed" });
      complete(given);
      const { _request_id: _, output_text: __, ...fetched } = await openai.responses.retrieve(given.id);
      expect({ ...given, ...fetched }).toEqual(given);
      complete(fetched);
    }
    const items = [];
    for await (const item of openai.responses.inputItems.list(third.id, { order: "asc", limit: 2 })) items.push(item);
    expect(items.map((item) => (item.type === "message" ? item.role : item.type))).toEqual([
      ...["user", "assistant", "user", "assistant", "user"],
    ] as never[]);
    expect(new Set(items.map(({ id }) => id)).size).toBe(5);
    const newest = await openai.responses.inputItems.list(third.id, { limit: 1 });
    expect(newest.data[0]?.id).toBe(items.at(-1)?.id as string);
    expect(newest.has_more).toBe(true);
  });

  test("a stream that is kept carries the id that can be fetched, as soon as its end is seen", async () => {
    await using it = await shared(kind);
    const [here, there] = [await it.start(), await it.start()];
    const openai = sdk(here);
    const stream = openai.responses.stream({ model: MODEL, input: "REASON so ;; SAY Good morning.", store: true });
    for await (const event of stream) {
      if (event.type !== "response.completed") continue;
      const { id } = event.response;
      expect((await sdk(there).responses.retrieve(id)).output_text).toBe("Good morning.");
    }
    const final = await stream.finalResponse();
    expect(final).toMatchObject({ store: true, output_text: "Good morning." });
    complete(final as object);
    const replayed = await some(await openai.responses.retrieve(final.id, { stream: true }));
    expect(textOf(replayed)).toBe("Good morning.");
    for (const event of replayed) expect(fault("openai.ResponseStreamEvent", event)).toBeUndefined();
  });

  test("an answer in the background is polled to its end, and its conversation goes on", async () => {
    await using it = await shared(kind);
    const gateway = await it.start();
    const openai = sdk(gateway);
    const queued = await openai.responses.create({ model: MODEL, input: "SLOW 5 ;; LONG 40", background: true });
    expect(queued).toMatchObject({ status: "queued", background: true, store: true, output: [] });
    complete(queued);
    const done = await ended(openai, queued.id);
    expect(done).toMatchObject({ id: queued.id, status: "completed", background: true });
    expect(done.output_text.split(" ").length).toBeGreaterThanOrEqual(40);
    complete(done);
    expect((await create(openai, "SAY next", { previous_response_id: done.id })).output_text).toBe("next");
    const receipts = await it.receipts(gateway, 2);
    expect(receipts.map(({ outcome, output_tokens }) => [outcome, output_tokens > 0])).toEqual([
      ["ok", true],
      ["ok", true],
    ]);
    expect(receipts[0]?.output_tokens).toBe(done.usage?.output_tokens as number);
  });

  test("a failure in the background is a response that failed, with a receipt that says why", async () => {
    await using it = await shared(kind);
    const gateway = await it.start();
    const openai = sdk(gateway);
    const queued = await openai.responses.create({
      model: MODEL,
      input: "FAIL server_is_overloaded before",
      background: true,
    });
    const failed = await ended(openai, queued.id);
    expect(failed.status).toBe("failed");
    expect(failed.error?.message).toContain("server_is_overloaded");
    complete(failed);
    const [receipt, ...more] = await it.receipts(gateway, 1);
    expect(receipt).toMatchObject({ outcome: "failed", code: "server_is_overloaded" });
    expect(more).toEqual([]);
    expect(await statusOf(create(openai, "x", { previous_response_id: queued.id }))).toBe(400);
  });
});

test("a cut stream is resumed where it was cut, here and in another process, and nothing is missing or told twice", async () => {
  await using it = await shared();
  const [here, there] = [await it.start(), await it.start()];
  const stream = await background(sdk(here), "SLOW 10 ;; LONG 120");
  const before = await some(stream, 12);
  const last = before.at(-1)?.sequence_number as number;
  const id = (before[0] as OpenAI.Responses.ResponseCreatedEvent).response.id;
  const parameters = { stream: true, starting_after: last } as const;
  const [same, foreign] = await Promise.all([
    some(await sdk(here).responses.retrieve(id, parameters)),
    some(await sdk(there).responses.retrieve(id, parameters)),
  ]);
  const whole = await sdk(there).responses.retrieve(id);
  for (const rest of [same, foreign]) {
    const numbers = [...before, ...rest].map((event) => event.sequence_number);
    expect(numbers).toEqual(numbers.map((_, at) => at));
    expect(textOf([...before, ...rest])).toBe(whole.output_text);
    expect(rest.at(-1)?.type).toBe("response.completed");
  }
  expect(whole.status).toBe("completed");
  const again = await some(await sdk(there).responses.retrieve(id, { stream: true }));
  expect(again.length).toBe(before.length + same.length);
  for (const event of again) expect(fault("openai.ResponseStreamEvent", event)).toBeUndefined();
  expect(await it.receipts(here, 1)).toHaveLength(1);
});

test("counting and compacting take what is kept before the input", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  const kept = await create(openai, "REMEMBER the word is heron");
  const ask = { model: MODEL, input: "SAY hi", previous_response_id: kept.id };
  const alone = await openai.responses.inputTokens.count({ model: MODEL, input: "SAY hi" });
  expect((await openai.responses.inputTokens.count(ask)).input_tokens).toBeGreaterThan(alone.input_tokens + 5);
  const compacted = await openai.responses.compact(ask);
  const input = [...compacted.output, { role: "user", content: "RECALL heron" }] as OpenAI.Responses.ResponseInput;
  expect((await openai.responses.create({ model: MODEL, input })).output_text).toBe("recalled: heron");
});

test("a stream that goes on from a kept answer need not be kept itself", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  const kept = await create(openai, "REMEMBER the word is heron");
  const stream = openai.responses.stream({ model: MODEL, input: "RECALL heron", previous_response_id: kept.id });
  const final = await stream.finalResponse();
  expect(final).toMatchObject({ output_text: "recalled: heron", previous_response_id: kept.id });
  expect(await statusOf(openai.responses.retrieve(final.id))).toBe(404);
});

test("a kept stream whose client leaves is cancelled, and told as that", async () => {
  await using it = await shared();
  const gateway = await it.start();
  const openai = sdk(gateway);
  const stream = await openai.responses.create({
    model: MODEL,
    input: "SAY begun ;; SLOW 20 ;; LONG 3000",
    store: true,
    stream: true,
  });
  const [created] = await some(stream, 12);
  const { id } = (created as OpenAI.Responses.ResponseCreatedEvent).response;
  await it.open(0);
  for (let tries = 0; (await statusOf(openai.responses.retrieve(id))) !== 200 && tries < 100; tries++)
    await Bun.sleep(25);
  expect((await openai.responses.retrieve(id)).status).toBe("cancelled");
  expect((await it.receipts(gateway, 1)).map(({ outcome }) => outcome)).toEqual(["aborted"]);
});

test("the SDK's own stream of a response follows it to its end", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  const [created] = await some(await background(openai, "SLOW 10 ;; LONG 30"), 1);
  const id = (created as OpenAI.Responses.ResponseCreatedEvent).response.id;
  const final = await openai.responses.stream({ response_id: id }).finalResponse();
  expect(final.status).toBe("completed");
  expect(final.output_text.split(" ").length).toBeGreaterThanOrEqual(30);
});

test("who cancels in another process ends the upstream's work, and there is one receipt", async () => {
  await using it = await shared();
  const [here, there] = [await it.start(), await it.start()];
  const queued = await sdk(here).responses.create({ model: MODEL, input: "SLOW 20 ;; LONG 3000", background: true });
  await it.open(1);
  const began = performance.now();
  const cancelled = await sdk(there).responses.cancel(queued.id);
  expect(performance.now() - began).toBeLessThan(1500);
  expect(cancelled.status).toBe("cancelled");
  complete(cancelled);
  await it.open(0);
  expect((await it.receipts(here, 1)).map(({ outcome }) => outcome)).toEqual(["aborted"]);
  expect((await sdk(here).responses.cancel(queued.id)).status).toBe("cancelled");
  const finished = await create(sdk(here), "SAY hi");
  expect(await statusOf(sdk(here).responses.cancel(finished.id))).toBe(400);
});

test("a response that is deleted while it is made ends, and stays deleted", async () => {
  await using it = await shared();
  const [here, there] = [await it.start(), await it.start()];
  for (const by of [here, there]) {
    const { id } = await sdk(here).responses.create({ model: MODEL, input: "SLOW 20 ;; LONG 3000", background: true });
    await it.open(1);
    await sdk(by).responses.delete(id);
    await it.open(0);
    expect(await statusOf(sdk(here).responses.retrieve(id))).toBe(404);
    expect(await statusOf(sdk(there).responses.retrieve(id))).toBe(404);
  }
  await here.stop();
  const { code, stdout } = await codexd(["store", "check"], { data: it.data });
  expect([code, stdout]).toEqual([0, expect.stringMatching(/events without their response +yes +none/)]);
});

test("after a restart what was finished is there, and what its process left unfinished has failed", async () => {
  await using it = await shared();
  const here = await it.start();
  const kept = await create(sdk(here), "REMEMBER the word is heron");
  const streamed = await some(await background(sdk(here), "SAY Good morning."));
  const lost = await sdk(here).responses.create({ model: MODEL, input: "SLOW 20 ;; LONG 3000", background: true });
  await it.open(1);
  const there = await it.start();
  const following = some(await sdk(there).responses.retrieve(lost.id, { stream: true }));
  await here.kill9();
  expect((await following).at(-1)?.type).toBe("response.failed");
  const again = await it.start();
  const failed = await sdk(again).responses.retrieve(lost.id);
  expect(failed.status).toBe("failed");
  expect(failed.error?.message).toContain("restarted");
  complete(failed);
  expect((await sdk(again).responses.retrieve(kept.id)).output_text).toBe(kept.output_text);
  const { id } = (streamed[0] as OpenAI.Responses.ResponseCreatedEvent).response;
  const rest = await some(await sdk(again).responses.retrieve(id, { stream: true, starting_after: 4 }));
  expect(rest).toEqual(streamed.slice(5));
  const next = await create(sdk(again), "RECALL heron", { previous_response_id: kept.id });
  expect(next.output_text).toBe("recalled: heron");
});

test("a server that has to end tells of what it was making that it failed", async () => {
  await using it = await shared();
  const here = await it.start({}, { drain: "200ms" });
  const { id } = await sdk(here).responses.create({ model: MODEL, input: "SLOW 20 ;; LONG 3000", background: true });
  await it.open(1);
  expect(await here.stop()).toBe(0);
  const again = await it.start();
  const failed = await sdk(again).responses.retrieve(id);
  expect(failed).toMatchObject({ status: "failed" });
  expect(failed.error?.message).toContain("server_shutting_down");
  expect((await it.receipts(again, 1)).map(({ outcome, code }) => [outcome, code])).toEqual([
    ["failed", "server_shutting_down"],
  ]);
});

test("a drain waits for what is made in the background", async () => {
  await using it = await shared();
  const here = await it.start();
  const { id } = await sdk(here).responses.create({ model: MODEL, input: "SLOW 10 ;; LONG 100", background: true });
  await it.open(1);
  expect(await here.stop()).toBe(0);
  expect((await sdk(await it.start()).responses.retrieve(id)).status).toBe("completed");
});

test("for another licence there is nothing here", async () => {
  await using it = await shared();
  const gateway = await it.start();
  const [mine, other] = [sdk(gateway), sdk(gateway, "other")];
  const { id } = await create(mine, "SAY hi");
  const conversation = await mine.conversations.create({ items: [{ role: "user", content: "hi" }] });
  const asked: (() => Promise<unknown>)[] = [
    () => other.responses.retrieve(id),
    () => other.responses.retrieve(id, { stream: true }),
    () => other.responses.inputItems.list(id),
    () => other.responses.cancel(id),
    () => other.responses.delete(id),
    () => create(other, "x", { previous_response_id: id }),
    () => create(other, "x", { conversation: conversation.id }),
    () => other.conversations.retrieve(conversation.id),
    () => other.conversations.items.list(conversation.id),
    () => other.conversations.delete(conversation.id),
  ];
  for (const refused of asked) expect(await statusOf(refused())).toBe(404);
  expect((await mine.responses.retrieve(id)).id).toBe(id);
  expect((await mine.conversations.retrieve(conversation.id)).id).toBe(conversation.id);
});

test("a conversation has what was put into it and what was answered, and ends when it is deleted", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  const conversation = await openai.conversations.create({ metadata: { topic: "birds" } });
  await openai.conversations.items.create(conversation.id, {
    items: [{ type: "message", role: "user", content: "REMEMBER the word is heron" }],
  });
  const answer = await create(openai, "RECALL heron", { conversation: { id: conversation.id }, store: false });
  expect(answer.output_text).toBe("recalled: heron");
  expect(answer.conversation).toEqual({ id: conversation.id });
  await create(openai, "SAY more", { conversation: conversation.id, store: false });
  const items = [];
  for await (const item of openai.conversations.items.list(conversation.id, { order: "asc", limit: 2 }))
    items.push(item);
  expect(items.map((item) => (item as { role?: string }).role ?? "")).toEqual([
    ...["user", "user", "assistant", "user", "assistant"],
  ]);
  const [first] = items as { id: string }[];
  expect(await openai.conversations.items.retrieve(first?.id as string, { conversation_id: conversation.id })).toEqual(
    first as never,
  );
  await openai.conversations.items.delete(first?.id as string, { conversation_id: conversation.id });
  expect((await openai.conversations.items.list(conversation.id)).data).toHaveLength(4);
  const updated = await openai.conversations.update(conversation.id, { metadata: { topic: "herons" } });
  expect(updated.metadata).toEqual({ topic: "herons" });
  expect(await openai.conversations.delete(conversation.id)).toMatchObject({ deleted: true });
  expect(await statusOf(create(openai, "x", { conversation: conversation.id }))).toBe(404);
});

test("a chain and a conversation only ever add to what went upstream, under one cache key", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  let previous: string | undefined;
  for (let turn = 0; turn < 4; turn++)
    previous = (await create(openai, `REASON hm ;; SAY ${turn}`, { previous_response_id: previous })).id;
  const conversation = await openai.conversations.create();
  for (let turn = 0; turn < 4; turn++) await create(openai, `SAY ${turn}`, { conversation: conversation.id });
  const asked = await it.asked();
  for (const run of [asked.slice(0, 4), asked.slice(4)]) {
    expect(new Set(run.map((body) => body.prompt_cache_key)).size).toBe(1);
    for (const [at, body] of run.entries()) {
      expect(body.store).toBe(false);
      const before = run[at - 1]?.input ?? [];
      expect(body.input.slice(0, before.length)).toEqual(before);
    }
  }
});

test("what a chain or a conversation has already is not said twice, though the client sends or names it again", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  const conversation = await openai.conversations.create({ items: [{ role: "user", content: "SAY begun" }] });
  const first = await create(openai, "REASON hm ;; SAY noted", { reasoning: { summary: "auto" } });
  await create(openai, "REASON hm ;; SAY noted", { conversation: conversation.id });
  const held = await openai.conversations.items.list(conversation.id, { order: "asc" });
  const again = { role: "user", content: "SAY more" };
  const known = [...first.output, { type: "item_reference", id: first.output.at(-1)?.id }, { id: first.output[0]?.id }];
  await create(openai, "", { previous_response_id: first.id, input: [...known, again] });
  const named = held.data.map(({ id }) => ({ type: "item_reference", id }));
  await create(openai, "", { conversation: conversation.id, input: [...named, again] });
  const [, , chain, talk] = (await it.asked()).map(({ input }) => input);
  expect(chain?.map(({ type, role }) => role ?? type)).toEqual(["user", "reasoning", "assistant", "user"]);
  expect(talk?.map(({ type, role }) => role ?? type)).toEqual(["user", "user", "reasoning", "assistant", "user"]);
  expect((await openai.conversations.items.list(conversation.id)).data).toHaveLength(6);
});

test("a conversation takes nothing that would fail each of its turns", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  const { id } = await openai.conversations.create();
  const known = (await create(openai, "SAY the heron")).output[0] as { id: string };
  const add = (item: object) => openai.conversations.items.create(id, { items: [item as never] });
  for (const item of [
    {},
    { type: 5 },
    { type: "item_reference", id: "msg_nowhere" },
    { id: "msg_nowhere", role: null },
  ])
    expect(await statusOf(add(item))).toBe(400);
  for (const metadata of [{ a: 1 }, { a: {} }, ["a"]])
    expect(await statusOf(openai.conversations.create({ metadata: metadata as never }))).toBe(400);
  await add({ type: "item_reference", id: known.id });
  expect((await create(openai, "RECALL heron", { conversation: id })).output_text).toBe("recalled: heron");
});

test("what an answer would say again is refused when it is of no legal type", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  const wrong = [{ metadata: { a: 1 } }, { tool_choice: 5 }, { tool_choice: [] }, { text: { format: "json" } }];
  for (const more of wrong) expect(await statusOf(create(openai, "SAY hi", more))).toBe(400);
  const legal = { metadata: { a: "1" }, tool_choice: null, text: { format: null } };
  complete(await create(openai, "SAY hi", legal));
});

test("who has all events of a finished response is told at once that there are no more", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  const all = await some(await background(openai, "SAY hi"));
  const { id } = (all[0] as OpenAI.Responses.ResponseCreatedEvent).response;
  const began = performance.now();
  for (let more = 0; more < 8; more++)
    expect(
      await some(await openai.responses.retrieve(id, { stream: true, starting_after: all.length - 1 + more })),
    ).toEqual([]);
  expect(performance.now() - began).toBeLessThan(1500);
});

test("when there is no more room the oldest goes and the newest stays, whichever process writes", async () => {
  await using it = await shared();
  const room = { maxBytes: "64KiB" };
  const gateways = [await it.start(room), await it.start(room)];
  const ids: string[] = [];
  const noise = () => Buffer.from(crypto.getRandomValues(new Uint8Array(6000))).toString("base64");
  for (let turn = 0; turn < 24; turn++) {
    const openai = sdk(gateways[turn % 2] as (typeof gateways)[0]);
    ids.push((await create(openai, `SAY ok\n${noise()}`)).id);
    expect((await openai.responses.retrieve(ids.at(-1) as string)).status).toBe("completed");
  }
  const there = await Promise.all(ids.map((id) => statusOf(sdk(gateways[0] as never).responses.retrieve(id))));
  const first = there.indexOf(200);
  expect(first).toBeGreaterThan(8);
  expect(there.slice(0, first).every((status) => status === 404)).toBe(true);
  expect(there.slice(first).every((status) => status === 200)).toBe(true);
  const huge = await create(sdk(gateways[1] as never), `SAY ok\n${Array.from({ length: 20 }, noise).join("")}`);
  const next = await create(sdk(gateways[1] as never), "SAY on", { previous_response_id: huge.id });
  expect((await sdk(gateways[0] as never).responses.retrieve(next.id)).status).toBe("completed");
});

test("when its time is over it is gone, and its room is taken back", async () => {
  await using it = await shared();
  const openai = sdk(await it.start({ ttl: "1s" }));
  const { id } = await create(openai, "SAY hi");
  expect(await statusOf(openai.responses.retrieve(id))).toBe(200);
  const deadline = Date.now() + 10_000;
  while ((await statusOf(openai.responses.retrieve(id))) === 200 && Date.now() < deadline) await Bun.sleep(50);
  expect(await statusOf(openai.responses.retrieve(id))).toBe(404);
  expect(await statusOf(create(openai, "x", { previous_response_id: id }))).toBe(404);
});

describe("what the configuration says is kept", () => {
  test("explicit: only what asks for it", async () => {
    await using it = await shared();
    const openai = sdk(await it.start());
    for (const store of [undefined, false]) {
      const answer = await create(openai, "SAY hi", { store });
      expect(answer).not.toMatchObject({ store: true });
      expect(await statusOf(openai.responses.retrieve(answer.id))).toBe(404);
    }
    expect(await statusOf(create(openai, "x", { store: false, background: true }))).toBe(400);
  });

  test("all: what does not say otherwise", async () => {
    await using it = await shared();
    const openai = sdk(await it.start({ store: "all" }));
    const kept = await create(openai, "SAY hi", { store: undefined });
    expect(kept).toMatchObject({ store: true });
    expect((await openai.responses.retrieve(kept.id)).output_text).toBe("hi");
    const not = await create(openai, "SAY hi", { store: false });
    expect(await statusOf(openai.responses.retrieve(not.id))).toBe(404);
  });

  test("a reload counts for what comes after it, also for an answer that is being made", async () => {
    await using it = await shared();
    const gateway = await it.start();
    const openai = sdk(gateway);
    const made = await openai.responses.create({ model: MODEL, input: "SLOW 10 ;; LONG 60", background: true });
    const file = gateway.configFile as string;
    const config = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...config, responses: { store: "all", key: "a-key-of-the-operator" } }));
    gateway.signal("SIGHUP");
    await gateway.printed(/configuration reloaded/);
    expect((await ended(openai, made.id)).status).toBe("completed");
    const kept = await create(openai, "SAY hi", { store: undefined });
    expect((await openai.responses.retrieve(kept.id)).output_text).toBe("hi");
  });

  test("off: nothing, and whatever needs it is a 400 that says so", async () => {
    await using it = await shared();
    const openai = sdk(await it.start({ store: "off" }));
    expect((await create(openai, "SAY hi", { store: undefined })).output_text).toBe("hi");
    expect((await create(openai, "SAY hi", { store: false })).output_text).toBe("hi");
    const refused: (() => Promise<unknown>)[] = [
      () => create(openai, "x"),
      () => create(openai, "x", { store: undefined, background: true }),
      () => create(openai, "x", { store: false, previous_response_id: "resp_1" }),
      () => create(openai, "x", { store: false, conversation: "conv_1" }),
      () => openai.responses.retrieve("resp_1"),
      () => openai.conversations.create(),
    ];
    for (const asked of refused) {
      const error = await asked().catch((thrown: { status: number; message: string }) => thrown);
      expect(error).toMatchObject({ status: 400 });
      expect((error as Error).message).toContain("responses.store is off");
    }
  });
});
