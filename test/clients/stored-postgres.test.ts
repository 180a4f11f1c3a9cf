// Several instances on one Postgres keep together: what one makes the others fetch, follow, go on from and cancel, and bury when it dies.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { hasPostgres, type Postgres, startPostgres } from "../postgres.ts";
import { create, ended, MODEL, sdk, shared, statusOf } from "./stored.ts";

describe.skipIf(!hasPostgres)("on one Postgres", () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());

  test("chains, polls, follows and items go from one instance to the other", async () => {
    await using it = await shared("chatgpt", postgres.url);
    const [here, there] = [sdk(await it.start()), sdk(await it.start())];
    const first = await create(here, "REMEMBER the word is heron");
    const next = await create(there, "RECALL heron", { previous_response_id: first.id });
    expect(next.output_text).toBe("recalled: heron");
    const stream = await here.responses.create({
      model: MODEL,
      input: "SLOW 10 ;; LONG 60",
      background: true,
      stream: true,
    });
    let id = "";
    const numbers: number[] = [];
    for await (const event of stream) {
      numbers.push(event.sequence_number);
      if (event.type === "response.created") id = event.response.id;
      if (numbers.length === 8) break;
    }
    const rest = await there.responses.retrieve(id, { stream: true, starting_after: numbers.at(-1) as number });
    for await (const event of rest) numbers.push(event.sequence_number);
    expect(numbers).toEqual(numbers.map((_, at) => at));
    expect((await ended(there, id)).status).toBe("completed");
    const reference = { type: "item_reference", id: first.output[0]?.id } as OpenAI.Responses.ResponseInputItem;
    const refer = () =>
      there.responses.create({ model: MODEL, input: [reference, { role: "user", content: "SAY hi" }] });
    for (let tries = 0; (await statusOf(refer())) !== 200 && tries < 40; tries++) await Bun.sleep(50);
    expect((await refer()).output_text).toBe("hi");
    expect(await statusOf(here.responses.delete(first.id))).toBe(200);
    expect(await statusOf(there.responses.retrieve(first.id))).toBe(404);
  });

  test("reasoning that one instance has just remembered goes up from the other at once, in every step", async () => {
    await using it = await shared("chatgpt", postgres.url);
    const instances = [sdk(await it.start()), sdk(await it.start())] as const;
    const steps = Array.from({ length: 8 }, (_, at) => `REASON ${at} ;; CALL look {"at":${at}}`);
    const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [
      { role: "user", content: [...steps, "SAY done"].join(" ;; THEN ") },
    ];
    for (let turn = 0; turn <= steps.length; turn++) {
      const openai = instances[turn % 2] as OpenAI;
      const { choices } = await openai.chat.completions.create({ model: MODEL, messages });
      const [
        {
          message: { content, tool_calls = [] },
        },
      ] = choices as [OpenAI.Chat.ChatCompletion.Choice];
      expect([content, tool_calls.length]).toEqual(turn < steps.length ? [null, 1] : ["done", 0]);
      messages.push({ role: "assistant", content, tool_calls });
      for (const { id } of tool_calls) messages.push({ role: "tool", tool_call_id: id, content: "seen" });
    }
    const thoughts = (await it.asked()).map(({ input }) => input.filter(({ type }) => type === "reasoning").length);
    expect(thoughts).toEqual(Array.from({ length: steps.length + 1 }, (_, at) => at));
  });

  test("one instance ends what another makes, and tells of what a dead one left", async () => {
    await using it = await shared("chatgpt", postgres.url);
    const mortal = await it.start();
    const [here, there] = [sdk(mortal), sdk(await it.start())];
    const long = () => here.responses.create({ model: MODEL, input: "SLOW 20 ;; LONG 3000", background: true });
    const queued = await long();
    await it.open(1);
    const began = performance.now();
    expect((await there.responses.cancel(queued.id)).status).toBe("cancelled");
    expect(performance.now() - began).toBeLessThan(1500);
    await it.open(0);
    const left = await long();
    await it.open(1);
    await mortal.kill9();
    const failed = await ended(there, left.id);
    expect(failed.status).toBe("failed");
    expect(failed.error?.message).toContain("restarted");
  });
});
