// Items of answers are found again by their ids: after a restart, from another process, by their licence alone, and sealed on disk where a key is set.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type OpenAI from "openai";
import { create, MODEL, sdk, shared, statusOf } from "./stored.ts";

/** Asks with references in the place of what was answered; as the AI SDK does, without a word about storing. */
const refer = (openai: OpenAI, answer: OpenAI.Responses.Response) =>
  openai.responses.create({
    model: MODEL,
    input: [
      ...answer.output.map(({ id }) => ({ type: "item_reference" as const, id: id as string })),
      { role: "user", content: "RECALL heron" },
    ],
  });

/** What lies in the files of the data directory. */
const onDisk = (data: string) =>
  readdirSync(data)
    .filter((file) => file.startsWith("codexd.db"))
    .map((file) => readFileSync(join(data, file), "latin1"))
    .join("");

test("references are understood in another process and after a restart, though nothing was to be stored", async () => {
  await using it = await shared();
  const [here, there] = [await it.start(), await it.start()];
  const answer = await sdk(here).responses.create({ model: MODEL, input: "REASON so ;; SAY a heron" });
  // The answer does not wait for them to be kept.
  for (let tries = 0; (await statusOf(refer(sdk(there), answer))) !== 200 && tries < 100; tries++) await Bun.sleep(25);
  expect((await refer(sdk(there), answer)).output_text).toBe("recalled: heron");
  const sent = (await it.asked()).at(-1)?.input ?? [];
  expect(sent.slice(0, -1)).toEqual(answer.output as never[]);
  expect(await statusOf(refer(sdk(there, "other"), answer))).toBe(400);
  await here.stop();
  await there.stop();
  expect((await refer(sdk(await it.start()), answer)).output_text).toBe("recalled: heron");
});

test("items of the last answers before a stop are kept too", async () => {
  await using it = await shared();
  const here = await it.start();
  const answer = await sdk(here).responses.create({ model: MODEL, input: "SAY a heron" });
  await here.stop();
  expect((await refer(sdk(await it.start()), answer)).output_text).toBe("recalled: heron");
});

test("a server that keeps nothing remembers no items", async () => {
  await using it = await shared();
  const openai = sdk(await it.start({ store: "off" }));
  const answer = await openai.responses.create({ model: MODEL, input: "SAY a heron" });
  expect(await statusOf(refer(openai, answer))).toBe(400);
});

test("with a key nothing that was said lies in the store as it was said, and only that key opens it", async () => {
  await using it = await shared();
  const secret = { key: "a-key-of-the-operator" };
  const here = await it.start(secret);
  const openai = sdk(here);
  const word = `plover${crypto.randomUUID().slice(0, 8)}`;
  const kept = await create(openai, `SAY ${word}`, { instructions: word, metadata: { word } });
  const conversation = await openai.conversations.create({
    metadata: { word },
    items: [{ role: "user", content: word }],
  });
  const queued = await openai.responses.create({ model: MODEL, input: `SAY ${word} ;; LONG 30`, background: true });
  await Array.fromAsync(await openai.responses.retrieve(queued.id, { stream: true }));
  expect((await openai.responses.retrieve(kept.id)).output_text).toBe(word);
  await here.stop();
  expect(onDisk(it.data)).not.toContain(word);

  const again = sdk(await it.start(secret));
  expect((await again.responses.retrieve(kept.id)).metadata).toEqual({ word });
  expect((await again.conversations.retrieve(conversation.id)).metadata).toEqual({ word });
  for (const other of [await it.start({ key: "another-key-of-theirs" }), await it.start()]) {
    expect(await statusOf(sdk(other).responses.retrieve(kept.id))).toBe(404);
    expect(await statusOf(sdk(other).conversations.retrieve(conversation.id))).toBe(404);
    expect((await create(sdk(other), "SAY hi")).output_text).toBe("hi");
  }
  expect(onDisk(it.data)).not.toContain(word);
});

test("what was kept before there was a key is still read with one", async () => {
  await using it = await shared();
  const kept = await create(sdk(await it.start()), "SAY a heron");
  const later = sdk(await it.start({ key: "a-key-of-the-operator" }));
  expect((await later.responses.retrieve(kept.id)).output_text).toBe("a heron");
});
