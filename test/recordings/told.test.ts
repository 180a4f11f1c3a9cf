// What had no effect is told in the client's own words, or refused where it asked for strictness.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CLIENTS, type Client, messages, type Name, responses } from "./dialects.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { type Scripted, startScripted } from "./scripted.ts";

const MODEL = "gpt-5.5";

let upstream: Scripted;
let gateway: Gateway;
let strict: Gateway;

beforeAll(async () => {
  upstream = startScripted([{ slug: MODEL, visibility: "list" }]);
  const accounts = [{ accessToken: "token-of-the-account", accountId: "acc" }];
  const upstreams = { up: { kind: "chatgpt", baseUrl: upstream.url, accounts } };
  const keys = [
    { id: "easy", key: "easy-key-0000" },
    { id: "strict", key: "strict-key-0000", strict: true },
  ];
  const plugins = [{ auth: { keys } }, "model-effort", "translate", "usage-log"];
  [gateway, strict] = await Promise.all([
    startFromSource({ upstreams, plugins }),
    startFromSource({ upstreams, plugins, strict: true }),
  ]);
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await strict?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

interface Question {
  /** Fields of the body. */
  fields: Json;
  /** How the client is told of those that had no effect. */
  dropped: string[];
}

const sampling = { temperature: 1, top_p: 1 };
const QUESTIONS: Record<Name, Question> = {
  chat: {
    fields: {
      ...sampling,
      ...{ max_tokens: 9, max_completion_tokens: 9, stop: ["x"], seed: 1, logit_bias: { "1": 1 } },
      ...{
        logprobs: true,
        top_logprobs: 1,
        presence_penalty: 1,
        frequency_penalty: 1,
        user: "u",
        safety_identifier: "s",
      },
      ...{ metadata: { a: "b" }, store: true, service_tier: "scale", prediction: { type: "content", content: "x" } },
      ...{ audio: { voice: "alloy", format: "mp3" }, prompt_cache_retention: "24h", someday: 1 },
    },
    dropped: [
      ...["temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "logit_bias", "logprobs"],
      ...["top_logprobs", "presence_penalty", "frequency_penalty", "user", "safety_identifier", "metadata", "store"],
      ...["service_tier", "prediction", "audio", "prompt_cache_retention", "someday"],
    ],
  },
  responses: {
    fields: {
      ...sampling,
      ...{ max_output_tokens: 9, metadata: { a: "b" }, user: "u", truncation: "auto", safety_identifier: "s" },
      ...{ top_logprobs: 1, max_tool_calls: 2, service_tier: "scale", prompt_cache_retention: "24h", someday: 1 },
      ...{
        stream_options: { include_obfuscation: false },
        reasoning: { generate_summary: "auto" },
        text: { someday: 1 },
      },
    },
    dropped: [
      ...["temperature", "top_p", "max_output_tokens", "metadata", "user", "truncation", "safety_identifier"],
      ...["top_logprobs", "max_tool_calls", "service_tier", "prompt_cache_retention", "someday"],
      ...["stream_options.include_obfuscation", "reasoning.generate_summary", "text.someday"],
    ],
  },
  messages: {
    fields: {
      ...sampling,
      top_k: 3,
      metadata: { user_id: "somebody" },
      container: "c",
      inference_geo: "us",
      someday: 1,
    },
    dropped: [
      "max_tokens",
      "temperature",
      "top_p",
      "top_k",
      "metadata.user_id",
      "container",
      "inference_geo",
      "someday",
    ],
  },
  gemini: {
    fields: {
      generationConfig: {
        ...{ temperature: 1, topP: 1, topK: 3, maxOutputTokens: 9, seed: 1, presencePenalty: 1, frequencyPenalty: 1 },
        ...{ responseLogprobs: true, speechConfig: {}, someday: 1 },
      },
      ...{ safetySettings: [{ category: "HARM", threshold: "OFF" }], labels: { a: "b" }, store: true, someday: 1 },
    },
    dropped: [
      ...["temperature", "topP", "topK", "maxOutputTokens", "seed", "presencePenalty", "frequencyPenalty"].map(config),
      ...["responseLogprobs", "speechConfig", "someday"].map(config),
      ...["safetySettings", "labels", "store", "someday"],
    ],
  },
};

function config(field: string): string {
  return `generationConfig.${field}`;
}

async function ask(client: Client, to: Gateway, more: Json, headers: Record<string, string> = {}): Promise<Response> {
  const { thinking: _, generationConfig: __, ...body } = client.body(MODEL, "hello", false);
  return await to.post(
    client.path(MODEL, false),
    { ...body, ...more },
    { authorization: "Bearer easy-key-0000", ...headers },
  );
}

const listed = (answer: Response) => answer.headers.get("x-codexd-dropped")?.split(", ").sort();

describe("fields without effect", () => {
  for (const client of CLIENTS) {
    const { fields, dropped } = QUESTIONS[client.name];

    test(`are told by their own names (${client.name})`, async () => {
      const answer = await ask(client, gateway, fields);
      expect([answer.status, listed(answer)]).toEqual([200, dropped.toSorted()]);
      const sent = Object.keys(upstream.last().body);
      for (const field of dropped) if (field !== "store" && field !== "service_tier") expect(sent).not.toContain(field);
    });

    test(`are refused by their own names where strictness is asked for (${client.name})`, async () => {
      const before = upstream.asked.length;
      for (const refused of [
        await ask(client, gateway, fields, { "x-codexd-strict": "1" }),
        await ask(client, gateway, fields, { authorization: "Bearer strict-key-0000" }),
        await ask(client, strict, fields),
      ]) {
        const body = (await refused.json()) as { error: { message: string } };
        expect([refused.status, client.codeOf(body)]).toEqual([400, "unsupported_parameter"]);
        for (const field of dropped) expect(body.error.message).toContain(field);
      }
      expect(upstream.asked.length).toBe(before);
    });

    test(`that the dialect demands do not make strict refuse every request (${client.name})`, async () => {
      expect((await ask(client, strict, {})).status).toBe(200);
    });

    if (client === responses)
      test("are not those of an answer that is kept here, which has them", async () => {
        const kept = { store: true, metadata: { a: "b" } };
        const answer = await ask(client, strict, kept);
        expect([answer.status, listed(answer)]).toEqual([200, undefined]);
        expect(await answer.json()).toMatchObject(kept);
        for (const field of Object.keys(kept)) expect(upstream.last().body[field] ?? false).toBe(false);
      });

    test(`that are not there are not told (${client.name})`, async () => {
      const answer = await ask(client, gateway, {}, { "x-codexd-strict": "0" });
      expect(listed(answer)).toEqual(client === messages ? ["max_tokens"] : undefined);
    });
  }
});
