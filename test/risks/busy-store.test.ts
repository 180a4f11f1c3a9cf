// A store that is busy for a while loses nothing of an answer that is made in the background, and stops no other turn.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import type OpenAI from "openai";
import { create, ended, MODEL, sdk, shared } from "../clients/stored.ts";

test("events and end of a background answer outlast a store that takes no writes", async () => {
  await using it = await shared();
  const gateway = await it.start();
  const openai = sdk(gateway);
  const stream = await openai.responses.create({
    model: MODEL,
    input: "SLOW 10 ;; LONG 150",
    background: true,
    stream: true,
  });
  const events: OpenAI.Responses.ResponseStreamEvent[] = [];
  let lock: Database | undefined;
  const locked = async () => {
    lock = new Database(join(it.data, "codexd.db"));
    lock.run("begin immediate");
    const turn = await create(openai, "SAY meanwhile", { store: false });
    expect(turn.output_text).toBe("meanwhile");
    await Bun.sleep(2500);
    lock.run("commit");
    lock.close();
  };
  let unlocked: Promise<void> | undefined;
  for await (const event of stream) {
    events.push(event);
    if (events.length === 5) unlocked = locked();
  }
  await unlocked;
  const numbers = events.map((event) => event.sequence_number);
  expect(numbers).toEqual(numbers.map((_, at) => at));
  const { id } = (events.at(-1) as OpenAI.Responses.ResponseCompletedEvent).response;
  const done = await ended(openai, id);
  expect(done.status).toBe("completed");
  const text = events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");
  expect(text).toBe(done.output_text);
});

test("an answer that is to be kept waits for a store that is busy for a moment", async () => {
  await using it = await shared();
  const openai = sdk(await it.start());
  await create(openai, "SAY hi");
  using lock = new Database(join(it.data, "codexd.db"));
  lock.run("begin immediate");
  const asked = create(openai, "SAY kept");
  await Bun.sleep(600);
  lock.run("commit");
  const kept = await asked;
  expect((await openai.responses.retrieve(kept.id)).output_text).toBe("kept");
});

test("many at once, cancelled, deleted and left, end with one receipt each", async () => {
  await using it = await shared();
  const gateways = [await it.start(), await it.start()];
  const clients = gateways.map((gateway) => sdk(gateway));
  const at = (index: number) => clients[index % 2] as OpenAI;
  const ids = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const input = index % 4 === 0 ? "SAY done" : "SLOW 10 ;; LONG 60";
      return (await at(index).responses.create({ model: MODEL, input, background: true })).id;
    }),
  );
  await Promise.all(
    ids.map(async (id, index) => {
      if (index % 4 === 1) await at(index + 1).responses.cancel(id);
      if (index % 4 === 2) await at(index + 1).responses.delete(id);
      if (index % 4 === 3) for await (const _ of await at(index + 1).responses.retrieve(id, { stream: true }));
    }),
  );
  for (const [index, id] of ids.entries()) {
    if (index % 4 === 2) continue;
    const response = await ended(at(index), id);
    expect(response.status).toBe(index % 4 === 1 ? response.status : "completed");
  }
  const receipts = await it.receipts(gateways[0] as never, 40);
  expect(receipts.length).toBe(40);
  expect(new Set(receipts.map(({ id }) => id)).size).toBe(40);
});
