// A document that says what the server does not do breaks every generated client: real answers are checked against it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Server, startGateway } from "../binary.ts";
import { dataPresent, dataText, recordings } from "../data.ts";
import {
  type Document,
  faultOf,
  type Media,
  type Operation,
  operationAt,
  operationsOf,
  validatorsOf,
} from "./openapi-kit.ts";

let gateway: Server;
let licensed: Server;
let document: Document;
let validatorOf: ReturnType<typeof validatorsOf>;

const KEYS = { open: "sk-everything", narrow: "sk-chat-only" };

beforeAll(async () => {
  const auth = {
    keys: [
      { id: "open", key: KEYS.open },
      { id: "narrow", key: KEYS.narrow, dialects: ["chat"], models: ["gpt-5.5"] },
    ],
  };
  [gateway, licensed] = await Promise.all([
    startGateway({ config: { limits: { retries: 0 } }, sandbox: true }), // nothing here waits for a second try
    startGateway({
      config: { plugins: [{ auth }, "model-effort", "translate", "usage-log", "compact"] },
      sandbox: true,
    }),
  ]);
  document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Document;
  validatorOf = validatorsOf(document);
});

afterAll(async () => {
  await Promise.all([gateway.stop(), licensed.stop()]);
});

interface Asked {
  method?: "GET" | "POST" | "DELETE";
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  on?: () => Server;
}

/** Headers that the server itself sets for clients to read. */
const OURS = /^(x-request-id|x-codexd-.*|retry-after|x-should-retry|etag)$/;

/** Asks for real and holds status, headers and body to what the document says of them. */
async function ask({ method, path, body, headers = {}, on = () => gateway }: Asked) {
  const verb = method ?? (body === undefined ? "GET" : "POST");
  const url = new URL(`${on().base}${path}`);
  const answer = await fetch(url, {
    method: verb,
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const found = operationAt(document, verb, url.pathname);
  if (!found) throw new Error(`the document knows nothing of ${verb} ${url.pathname}`);
  const [at, operation] = found;
  const where = `${verb} ${at} → ${answer.status} ${text.slice(0, 300)}`;
  const told = operation.responses[answer.status] ?? operation.responses[`${String(answer.status).charAt(0)}XX`];
  expect(told, where).toBeDefined();
  for (const name of answer.headers.keys()) {
    if (OURS.test(name)) expect(Object.keys(told?.headers ?? {}), where).toContain(name);
  }
  if (told?.headers?.["x-request-id"]) expect(answer.headers.get("x-request-id"), where).toMatch(/\S/);
  const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
  if (told?.content === undefined) expect(text, where).toBe("");
  else hold(text, type, told.content, where);
  return { status: answer.status, headers: answer.headers, type, text, operation };
}

function hold(text: string, type: string, content: Record<string, Media>, where: string): void {
  const media = content[type];
  expect(media, `${where} has content type ${type}`).toBeDefined();
  const validate = validatorOf(media?.schema);
  const values =
    type === "text/event-stream" ? framesOf(text) : [type === "application/json" ? JSON.parse(text) : text];
  expect(values.length, where).toBeGreaterThan(0);
  for (const value of values) expect(faultOf(validate, value), where).toBeUndefined();
}

/** The data of every frame but the closing `[DONE]`, which is no JSON. */
function framesOf(text: string): unknown[] {
  const lines = text.split("\n").filter((line) => line.startsWith("data:"));
  return lines
    .map((line) => line.slice(5).trim())
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data));
}

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
    expect((await ask(of(wish, false))).status).toBe(200);
  });

  test.each(wishes)("as a stream: %j", async (wish) => {
    const { status, type } = await ask(of(wish, true));
    expect({ status, type }).toEqual({ status: 200, type: "text/event-stream" });
  });

  test.each(FAILURES)("a failure before the first byte: %j", async (wish) => {
    for (const stream of [false, true]) {
      expect((await ask(of(wish, stream))).status).toBeGreaterThanOrEqual(400);
    }
  });

  test.each(["FAIL server_error during 2", "CUT 2 ;; SAY a few words that break off"])(
    "a failure in the stream: %j",
    async (wish) => {
      expect((await ask(of(wish, true))).status).toBe(200);
    },
  );

  test("what is wrong with the request itself", async () => {
    const { path, body } = of("hello", false);
    const unknown = path.includes("gpt-5.5")
      ? ask({ path: path.replace("gpt-5.5", "no-such-model"), body })
      : ask({ path, body: { ...body, model: "no-such-model" } });
    expect((await unknown).status).toBe(name === "responses" ? 400 : 404);
    expect((await ask({ path, body: [] })).status).toBe(400);
    expect((await ask({ path, body, headers: { "x-codexd-strict": "perhaps" } })).status).toBe(400);
    expect((await ask({ path, body, headers: { "content-encoding": "compress" } })).status).toBe(415);
  });

  test("who may not ask", async () => {
    const asked = { ...of("hello", false), on: () => licensed };
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
    expect((await ask({ ...asked, headers: bearer("sk-wrong") })).status).toBe(401);
    expect((await ask({ ...asked, headers: bearer(KEYS.open) })).status).toBe(200);
    const narrow = await ask({ ...asked, headers: bearer(KEYS.narrow) });
    expect(narrow.status).toBe(name === "chat" ? 200 : 403);
  });

  test("the requests of these tests are such as the document describes", () => {
    for (const stream of [false, true]) {
      const { path, body } = of("hello", stream);
      const [, operation] = operationAt(document, "POST", `/codex${path.split("?")[0]}`) as [string, Operation];
      const schema = operation.requestBody?.content["application/json"]?.schema;
      expect(faultOf(validatorOf(schema), body)).toBeUndefined();
    }
  });
});

describe("the other operations answer as the document says", () => {
  test("the Codex CLI's own paths", async () => {
    const { body } = (DIALECTS.responses as (typeof DIALECTS)[string])("hello", true);
    expect((await ask({ path: "/responses", body, headers: { originator: "codex_exec" } })).status).toBe(200);
    const chat = (DIALECTS.chat as (typeof DIALECTS)[string])("hello", false);
    expect((await ask({ path: "/chat/completions", body: chat.body })).status).toBe(200);
  });

  test("compaction", async () => {
    const body = { model: "gpt-5.5", input: [{ type: "message", role: "user", content: "Remember the word teapot" }] };
    for (const path of ["/v1/responses/compact", "/responses/compact"])
      expect((await ask({ path, body })).status).toBe(200);
    expect((await ask({ path: "/responses/compact", body: { ...body, stream: true } })).status).toBe(400);
  });

  test("counting tokens", async () => {
    const messages = [{ role: "user", content: "How long is this?" }];
    expect((await ask({ path: "/v1/messages/count_tokens", body: { model: "gpt-5.5", messages } })).status).toBe(200);
    const contents = [{ role: "user", parts: [{ text: "How long is this?" }] }];
    for (const version of ["v1", "v1beta"]) {
      expect((await ask({ path: `/${version}/models/gpt-5.5:countTokens`, body: { contents } })).status).toBe(200);
    }
  });

  test("Gemini's stream as one JSON array", async () => {
    const { body } = (DIALECTS.gemini as (typeof DIALECTS)[string])("hello", true);
    for (const path of ["/v1/models/gpt-5.5:streamGenerateContent", "/v1beta/models/gpt-5.5:streamGenerateContent"]) {
      const { status, type, text } = await ask({ path, body });
      expect({ status, type, array: Array.isArray(JSON.parse(text)) }).toEqual({
        status: 200,
        type: "application/json",
        array: true,
      });
    }
  });

  const forms: [string, string, Record<string, string>][] = [
    ["OpenAI's", "", {}],
    ["Codex's", "?client_version=0.169.0", {}],
    ["Anthropic's", "", { "anthropic-version": "2023-06-01" }],
    ["Google's", "", { "x-goog-api-client": "genai-js/1" }],
  ];

  test.each(forms)("the list of models in %s form, and nothing when it is known", async (_form, query, headers) => {
    // Below /v1beta the document describes Google's form alone.
    const paths = ["/v1/models", "/models", ...(query === "" ? ["/v1beta/models"] : [])];
    for (const path of paths) {
      const first = await ask({ path: path + query, headers });
      expect(first.status).toBe(200);
      const tag = first.headers.get("etag") ?? "";
      expect(tag).not.toBe("");
      expect((await ask({ path: path + query, headers: { ...headers, "if-none-match": tag } })).status).toBe(304);
    }
  });

  test.each(forms.filter(([, query]) => query === ""))(
    "one model in %s form, known and not",
    async (_form, _query, headers) => {
      for (const path of ["/v1/models", "/v1beta/models"]) {
        expect((await ask({ path: `${path}/gpt-5.5`, headers })).status).toBe(200);
        expect((await ask({ path: `${path}/no-such-model`, headers })).status).toBe(404);
      }
    },
  );

  test("a page of models that makes no sense, and a list without a licence", async () => {
    expect((await ask({ path: "/v1/models?limit=none", headers: { "anthropic-version": "2023-06-01" } })).status).toBe(
      400,
    );
    expect((await ask({ path: "/v1beta/models?pageSize=none" })).status).toBe(400);
    expect((await ask({ path: "/v1/models", on: () => licensed })).status).toBe(401);
    expect(
      (await ask({ path: "/v1beta/models", on: () => licensed, headers: { "x-api-key": KEYS.narrow } })).status,
    ).toBe(403);
  });

  test("what is passed to the backend, and what nobody built", async () => {
    for (const { method, path, operation } of operationsOf(document)) {
      if (operation.tags[0] !== "Not built" && operation.tags[0] !== "Codex") continue;
      const below = path.slice("/codex".length).replace(/\{[^}]+\}/g, "some");
      const { status } = await ask({
        method: method as "GET",
        path: below,
        ...(method === "POST" && { body: { prompt: "a teapot" } }),
      });
      if (operation.tags[0] === "Not built") expect(status, path).toBe(501);
      else expect([200, 501], path).toContain(status);
    }
  });

  test("the root's own pages", async () => {
    const base = new URL(gateway.url);
    for (const { path, operation } of operationsOf(document)) {
      if (operation.tags[0] !== "Server") continue;
      const answer = await fetch(new URL(path, base));
      const told = operation.responses[answer.status];
      expect(told, path).toBeDefined();
      const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
      const text = await answer.text();
      if (told?.content) hold(text, type, told.content, path);
      else expect(text, path).toBe("");
    }
  });

  test("every operation is answered by somebody: no path of the document is unknown to the server", async () => {
    for (const { method, path, operation } of operationsOf(document)) {
      const url = new URL(path.replace(/\{[^}]+\}/g, "some"), gateway.url);
      const answer = await fetch(url, { method, ...(method === "POST" && { body: "{}" }) });
      const text = await answer.text();
      expect(text, operation.operationId).not.toContain("there is nothing at");
      expect(answer.status, operation.operationId).not.toBe(405);
    }
  });

  test("a wrong method and an unknown path are told in the envelope of the path's dialect", async () => {
    const cases: [string, Record<string, string>, string][] = [
      ["/v1/responses", {}, "ErrorResponse"],
      ["/v1/chat/completions", {}, "ErrorResponse"],
      ["/v1/messages", { "anthropic-version": "2023-06-01" }, "MessagesErrorResponse"],
      ["/v1beta/models", {}, "GeminiErrorResponse"],
    ];
    for (const [path, headers, envelope] of cases) {
      const validate = validatorOf({ $ref: `#/components/schemas/${envelope}` });
      const wrong = await fetch(`${gateway.base}${path}`, { method: "DELETE", headers });
      expect(wrong.status, path).toBe(405);
      expect(wrong.headers.get("allow"), path).toMatch(/GET|POST/);
      expect(faultOf(validate, await wrong.json()), path).toBeUndefined();
      const unknown = await fetch(`${gateway.base}${path}/no/such/place/at/all`, { method: "DELETE", headers });
      expect([404, 405], path).toContain(unknown.status);
      expect(faultOf(validate, await unknown.json()), path).toBeUndefined();
    }
  });
});

describe.if(dataPresent)("real traffic fits the document", () => {
  const schemaOf = (name: string) => validatorOf({ $ref: `#/components/schemas/${name}` });

  test("every event of every recorded Responses stream", () => {
    const validate = schemaOf("ResponseStreamEvent");
    let seen = 0;
    for (const { file, malformed, status } of recordings("responses", true)) {
      if (malformed || status !== 200) continue;
      for (const frame of framesOf(dataText(`recordings/${file}`))) {
        seen++;
        expect(faultOf(validate, frame), file).toBeUndefined();
      }
    }
    expect(seen).toBeGreaterThan(5000);
  });

  const requests = {
    responses: "CreateResponseRequest",
    chat: "CreateChatCompletionRequest",
    anthropic: "CreateMessageRequest",
    gemini: "GenerateContentRequest",
  } as const;

  test.each(Object.keys(requests) as (keyof typeof requests)[])("every recorded %s request", (dialect) => {
    const validate = schemaOf(requests[dialect]);
    const files = new Set(
      [...recordings(dialect, true), ...recordings(dialect, false)]
        .filter(({ status }) => status === 200)
        .map(({ request }) => request),
    );
    files.delete(undefined);
    expect(files.size).toBeGreaterThan(10);
    for (const file of files) {
      const recorded = JSON.parse(dataText(`recordings/${file}`));
      const body = recorded.body ?? recorded;
      // Several choices at once are refused, and the document says so.
      if (body.n > 1) expect(faultOf(validate, body), file).toContain("/n must be <= 1");
      else expect(faultOf(validate, body), file).toBeUndefined();
    }
  });
});
