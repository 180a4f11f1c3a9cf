// A document that says what the server does not do breaks every generated client: turns in four dialects, held to it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { KEYS, Witness } from "./openapi-ask.ts";
import { faultOf, type Operation, operationAt } from "./openapi-kit.ts";

let witness: Witness;

beforeAll(async () => {
  witness = await Witness.start();
});

afterAll(async () => {
  await witness[Symbol.asyncDispose]();
});

const TOOL = { type: "object", properties: { path: { type: "string" } }, required: ["path"] };

/** The same wish in each dialect: its path, its body, whether it streams. */
const DIALECTS: Record<string, (wish: string, stream: boolean) => { path: string; body: Record<string, unknown> }> = {
  responses: (wish, stream) => ({
    path: "/v1/responses",
    body: {
      model: "gpt-5.5",
      input: wish,
      stream,
      reasoning: { effort: "low", summary: "auto" },
      include: ["reasoning.encrypted_content"],
      tools: [
        { type: "function", name: "read", parameters: TOOL },
        { type: "custom", name: "note" },
        { type: "web_search" },
        { type: "image_generation" },
      ],
    },
  }),
  chat: (wish, stream) => ({
    path: "/v1/chat/completions",
    body: {
      model: "gpt-5.5",
      messages: [{ role: "user", content: wish }],
      stream,
      ...(stream && { stream_options: { include_usage: true } }),
      reasoning_effort: "low",
      tools: [
        { type: "function", function: { name: "read", parameters: TOOL } },
        { type: "custom", custom: { name: "note" } },
      ],
    },
  }),
  messages: (wish, stream) => ({
    path: "/v1/messages",
    body: {
      model: "gpt-5.5",
      max_tokens: 1000,
      messages: [{ role: "user", content: wish }],
      stream,
      thinking: { type: "enabled", budget_tokens: 2048 },
      tools: [
        { name: "read", input_schema: TOOL },
        { type: "web_search_20250305", name: "web_search" },
      ],
    },
  }),
  gemini: (wish, stream) => ({
    path: `/v1beta/models/gpt-5.5:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: {
      contents: [{ role: "user", parts: [{ text: wish }] }],
      generationConfig: { thinkingConfig: { includeThoughts: true, thinkingLevel: "LOW" } },
      tools: [{ functionDeclarations: [{ name: "read", parameters: TOOL }] }, { googleSearch: {} }],
    },
  }),
};

const WISHES = [
  "Hello there",
  "REASON One thought | another thought ;; SAY Done",
  'CALL read {"path":"a.txt"}\nCALL read {"path":"b.txt"}\nINTERLEAVE',
  "CITE https://example.com/ Example",
  "SEARCH the weather ;; SAY Sunny",
  "REFUSE I would rather not",
  "INCOMPLETE max_output_tokens ;; SAY Half",
  "USAGE 1000 800 50 20 ;; SAY Counted",
];

/** Custom tools and images belong to OpenAI's own dialects. */
const OPENAI_WISHES = ["CUSTOM note something to keep", "IMAGE"];

const FAILURES = [
  "FAIL context_length_exceeded",
  "FAIL rate_limit_exceeded before 2",
  "FAIL usage_limit_reached before 60",
  "FAIL insufficient_quota",
  "FAIL server_error",
  "FAIL server_is_overloaded",
  "FAIL token_expired",
  "FAIL challenge",
  "FAIL forbidden",
  "FAIL deactivated_workspace",
  "FAIL invalid_prompt",
];

describe.each(Object.keys(DIALECTS))("%s: real answers are what the document says", (name) => {
  const of = DIALECTS[name] as (typeof DIALECTS)[string];
  const wishes = name === "responses" || name === "chat" ? [...WISHES, ...OPENAI_WISHES] : WISHES;

  test.each(wishes)("whole: %j", async (wish) => {
    expect((await witness.ask(of(wish, false))).status).toBe(200);
  });

  test.each(wishes)("as a stream: %j", async (wish) => {
    const { status, type } = await witness.ask(of(wish, true));
    expect({ status, type }).toEqual({ status: 200, type: "text/event-stream" });
  });

  test.each(FAILURES)("a failure before the first byte: %j", async (wish) => {
    for (const stream of [false, true]) {
      expect((await witness.ask(of(wish, stream))).status).toBeGreaterThanOrEqual(400);
    }
  });

  test.each(["FAIL server_error during 2", "CUT 2 ;; SAY a few words that break off"])(
    "a failure in the stream: %j",
    async (wish) => {
      expect((await witness.ask(of(wish, true))).status).toBe(200);
    },
  );

  test("what is wrong with the request itself", async () => {
    const { path, body } = of("hello", false);
    const unknown = path.includes("gpt-5.5")
      ? witness.ask({ path: path.replace("gpt-5.5", "no-such-model"), body })
      : witness.ask({ path, body: { ...body, model: "no-such-model" } });
    expect((await unknown).status).toBe(name === "responses" ? 400 : 404);
    expect((await witness.ask({ path, body: [] })).status).toBe(400);
    expect((await witness.ask({ path, body, headers: { "x-codexd-strict": "perhaps" } })).status).toBe(400);
    expect((await witness.ask({ path, body, headers: { "content-encoding": "compress" } })).status).toBe(415);
  });

  test("who may not ask", async () => {
    const asked = { ...of("hello", false), licensed: true };
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
    expect((await witness.ask({ ...asked, headers: bearer("sk-wrong") })).status).toBe(401);
    expect((await witness.ask({ ...asked, headers: bearer(KEYS.open) })).status).toBe(200);
    const narrow = await witness.ask({ ...asked, headers: bearer(KEYS.narrow) });
    expect(narrow.status).toBe(name === "chat" ? 200 : 403);
  });

  test("the requests of these tests are such as the document describes", () => {
    for (const stream of [false, true]) {
      const { path, body } = of("hello", stream);
      const [, operation] = operationAt(witness.document, "POST", `/codex${path.split("?")[0]}`) as [string, Operation];
      const schema = operation.requestBody?.content["application/json"]?.schema;
      expect(faultOf(witness.validatorOf(schema), body)).toBeUndefined();
    }
  });
});
