// A price that does not add up, or one that is claimed before anybody can know it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CLIENTS, responses } from "../../recordings/dialects.ts";
import { startExample, type Trial } from "./kit.ts";

let trial: Trial;
beforeAll(async () => {
  trial = await startExample("cost-headers.ts", {
    prices: { "gpt-5.5*": { input: 2, cached: 0.5, output: 10 }, "gpt-5.1-*": { input: 1, output: 1 } },
  });
});
afterAll(() => trial?.[Symbol.asyncDispose]());

// 300 fresh at 2, 700 cached at 0.5, 50 out at 10, for a million each.
const PROMPT = "USAGE 1000 700 50 20 ;; SAY hi";
const COST = 0.00145;

describe.each(CLIENTS.map((client) => [client.name, client] as const))("%s:", (_name, client) => {
  test("a whole answer has its cost", async () => {
    const answer = await trial.ask(client, PROMPT);
    await answer.text();
    expect(answer.headers.get("x-cost-usd")).toBe("0.001450");
    expect(answer.headers.get("x-cost-rates")).toBe("input=2; cached=0.5; output=10");
  });

  test("a stream has the prices only", async () => {
    const answer = await trial.ask(client, PROMPT, { stream: true });
    expect(answer.headers.get("x-cost-usd")).toBeNull();
    expect(answer.headers.get("x-cost-rates")).toBe("input=2; cached=0.5; output=10");
    expect(client.read(await answer.text()).said.usage).toMatchObject({ input: 1000, output: 50 });
  });

  test("a model without a price has neither", async () => {
    const answer = await trial.ask(client, PROMPT, { model: "gpt-5.2" });
    await answer.text();
    expect([answer.status, answer.headers.get("x-cost-usd"), answer.headers.get("x-cost-rates")]).toEqual([
      200,
      null,
      null,
    ]);
  });
});

test("the last event of a stream has the sum", async () => {
  const text = await (await trial.ask(responses, PROMPT, { stream: true })).text();
  const last = JSON.parse(/^data: (.*"type":"response.completed".*)$/m.exec(text)?.[1] ?? "{}");
  expect(last.response.usage).toMatchObject({ input_tokens: 1000, cost_usd: COST });
});

test("what is cached costs as much as the rest where no other price is named", async () => {
  const answer = await trial.ask(responses, PROMPT, { model: "gpt-5.1-codex" });
  await answer.text();
  expect(answer.headers.get("x-cost-usd")).toBe("0.001050");
});

test("a failure costs nothing", async () => {
  const answer = await trial.ask(responses, "FAIL invalid_prompt");
  expect([answer.status, answer.headers.has("x-cost-usd")]).toEqual([400, false]);
});
