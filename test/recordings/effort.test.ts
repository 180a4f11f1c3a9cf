// However a client says how hard to think, it becomes an effort that the model has, and the client is told which.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Client, chat, gemini, messages } from "./dialects.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { type Scripted, startScripted } from "./scripted.ts";

const MODEL = "gpt-5.5";
const EFFORTS = ["minimal", "low", "medium", "high", "xhigh", "max"];

let upstream: Scripted;
let gateway: Gateway;

beforeAll(async () => {
  const levels = EFFORTS.map((effort) => ({ effort }));
  // Only this one says its efforts itself: those of the others are in the built-in table.
  upstream = startScripted([
    { slug: MODEL, visibility: "list", default_reasoning_level: "medium", supported_reasoning_levels: levels },
  ]);
  const accounts = [{ accessToken: "token-of-the-account", accountId: "acc" }];
  gateway = await startFromSource({ upstreams: { up: { kind: "chatgpt", baseUrl: upstream.url, accounts } } });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

async function ask(client: Client, more: Json, model = MODEL): Promise<Response> {
  const { thinking: _, generationConfig: __, ...body } = client.body(model, "hello", false);
  return await gateway.post(client.path(model, false), { ...body, ...more });
}

interface Wish {
  fields: Json;
  effort: string;
  /** Where the model lacks it. */
  model?: string;
}

const budget = (budget_tokens: number): Json => ({ thinking: { type: "enabled", budget_tokens } });
const effort = (value: string): Json => ({ output_config: { effort: value } });
const thinking = (thinkingConfig: Json): Json => ({ generationConfig: { thinkingConfig } });
const last = (value: string): Json => ({
  messages: [{ role: "user", content: "hello", output_config: { effort: value } }],
});

const WISHES: [Client, Record<string, Wish>][] = [
  [
    messages,
    {
      "a budget of 512": { fields: budget(512), effort: "minimal" },
      "a budget of 1024": { fields: budget(1024), effort: "low" },
      "a budget of 8192": { fields: budget(8192), effort: "medium" },
      "a budget of 24576": { fields: budget(24_576), effort: "high" },
      "a budget above": { fields: budget(24_577), effort: "xhigh" },
      "adaptive thinking": { fields: { thinking: { type: "adaptive" } }, effort: "medium" },
      "an effort": { fields: effort("max"), effort: "max" },
      "an effort beside a budget": { fields: { ...budget(512), ...effort("high") }, effort: "high" },
      "an effort beside adaptive thinking": {
        fields: { thinking: { type: "adaptive" }, ...effort("low") },
        effort: "low",
      },
      "an effort of the last message": { fields: { ...last("xhigh"), ...effort("low") }, effort: "xhigh" },
      "no thinking": { fields: { thinking: { type: "disabled" } }, effort: "minimal" },
      "a budget that the model does not reach": { fields: budget(99_999), effort: "high", model: "gpt-5.1" },
      "a budget below the model's least": { fields: budget(100), effort: "medium", model: "gpt-5.1-codex-mini" },
      "an effort that the model lacks": { fields: effort("max"), effort: "xhigh", model: "gpt-5.1-codex-max" },
    },
  ],
  [
    gemini,
    {
      "no budget": { fields: thinking({ thinkingBudget: 0 }), effort: "minimal" },
      "a budget of 1024": { fields: thinking({ thinkingBudget: 1024 }), effort: "low" },
      "a budget of 8192": { fields: thinking({ thinkingBudget: 8192 }), effort: "medium" },
      "a budget of 24576": { fields: thinking({ thinkingBudget: 24_576 }), effort: "high" },
      "a budget above": { fields: thinking({ thinkingBudget: 24_577 }), effort: "xhigh" },
      "a dynamic budget": { fields: thinking({ thinkingBudget: -1 }), effort: "medium" },
      "a level": { fields: thinking({ thinkingLevel: "HIGH" }), effort: "high" },
      "a level beside a budget": { fields: thinking({ thinkingLevel: "low", thinkingBudget: 99_999 }), effort: "low" },
      "no level in particular": { fields: thinking({ thinkingLevel: "THINKING_LEVEL_UNSPECIFIED" }), effort: "medium" },
      "in snake case": {
        fields: { generation_config: { thinking_config: { thinking_level: "MINIMAL" } } },
        effort: "minimal",
      },
      "a level that the model lacks": {
        fields: thinking({ thinkingLevel: "MINIMAL" }),
        effort: "low",
        model: "gpt-5.2",
      },
    },
  ],
  [
    chat,
    {
      "an effort": { fields: { reasoning_effort: "high" }, effort: "high" },
      "none, sent blindly": { fields: { reasoning_effort: "none" }, effort: "low", model: "gpt-5.1" },
      nothing: { fields: {}, effort: "medium" },
    },
  ],
];

describe("the effort", () => {
  for (const [client, wishes] of WISHES) {
    for (const [name, { fields, effort: settled, model }] of Object.entries(wishes)) {
      test(`of ${client.name}: ${name} is ${settled}${model === undefined ? "" : ` on ${model}`}`, async () => {
        const answer = await ask(client, fields, model);
        expect([answer.status, answer.headers.get("x-codexd-effort")]).toEqual([200, settled]);
        const sent = (upstream.last().body.reasoning as Json | undefined)?.effort;
        // The model's own default need not be named to it.
        expect(sent ?? "medium").toBe(settled);
      });
    }
  }

  test("that nobody knows is refused by its name", async () => {
    for (const [client, fields, named] of [
      [messages, effort("enormous"), "output_config.effort"],
      [gemini, thinking({ thinkingLevel: "enormous" }), "thinkingLevel"],
      [chat, { reasoning_effort: "enormous" }, "reasoning_effort"],
    ] as const) {
      const answer = await ask(client, fields);
      expect([client.name, answer.status, await answer.text()]).toEqual([
        client.name,
        400,
        expect.stringContaining(named),
      ]);
    }
  });
});
