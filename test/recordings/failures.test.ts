// The same failure has the same code in all four dialects, in each one's own envelope and status, streamed or not.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Client, chat, gemini, messages, type Name, responses } from "./dialects.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { BEGUN, CREATED, events, type Scripted, startScripted } from "./scripted.ts";

const CHAT_MODEL = "some-model";
const CLIENTS = [chat, responses, messages, gemini];
const json =
  (status: number, body: Json, headers: Record<string, string> = {}) =>
  () =>
    Response.json(body, { status, headers });
const failed = (error: Json) => ({ type: "response.failed", response: { id: "resp_1", status: "failed", error } });

/** What the upstream does, by the word that a question has for it. */
const UPSTREAM: Record<string, () => Response | Promise<Response>> = {
  "usage-limit": json(429, {
    error: {
      type: "usage_limit_reached",
      message: "The usage limit has been reached",
      plan_type: "plus",
      resets_in_seconds: 3600,
    },
  }),
  "rate-limit": json(429, { error: { message: "slow", code: "rate_limit_exceeded" } }, { "retry-after": "7" }),
  "rate-limit-inside": () =>
    events(CREATED, failed({ code: "rate_limit_exceeded", message: "Rate limit reached. Please try again in 7s." })),
  quota: json(429, { error: { type: "insufficient_quota", code: "insufficient_quota", message: "no money" } }),
  overflow: json(400, {
    error: {
      code: "context_length_exceeded",
      message: "The maximum context length is 272000 tokens, you sent 300000 tokens",
    },
  }),
  "overflow-inside": () =>
    events(CREATED, failed({ code: "context_length_exceeded", message: "Your input exceeds the context window" })),
  overloaded: json(503, { error: { code: "server_is_overloaded", message: "busy" } }),
  "overloaded-inside": () => events(CREATED, failed({ code: "server_is_overloaded", message: "busy" })),
  broken: json(500, { error: { message: "it broke" } }),
  refused: json(400, { detail: "it does not like the request" }),
  credential: json(401, { error: { code: "token_expired", message: "expired" } }),
  "no-model": json(404, { error: { code: "model_not_found", message: "no such model" } }),
  edge: () => new Response("<html>Just a moment</html>", { status: 403, headers: { "content-type": "text/html" } }),
  silent: () => new Promise<Response>(() => undefined),
  cut: () => events(CREATED),
  nonsense: () => sse("data: {nonsense\n\n"),
  "chat-error-inside": () =>
    sse(`data: ${JSON.stringify({ error: { code: "rate_limit_exceeded", message: "slow" } })}\n\n`),
};

function sse(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

interface Row {
  code: string;
  status: number;
  /** Dialects with a status of their own. */
  own?: Partial<Record<Name, number>>;
  retryAfter?: string;
  shouldRetry?: string;
  /** What the question says instead of the row's name. */
  ask?: { model?: string; key?: string; text?: string; raw?: string; headers?: Record<string, string>; more?: Json };
}

const never = { shouldRetry: "false" };
const ROWS: Record<string, Row> = {
  "usage-limit": { code: "usage_limit_reached", status: 429, retryAfter: "3600", ...never },
  "rate-limit": { code: "rate_limit_exceeded", status: 429, retryAfter: "7" },
  "rate-limit-inside": { code: "rate_limit_exceeded", status: 429, retryAfter: "7" },
  quota: { code: "insufficient_quota", status: 429, own: { messages: 402 }, ...never },
  overflow: { code: "context_length_exceeded", status: 400, ...never },
  "overflow-inside": { code: "context_length_exceeded", status: 400, ...never },
  overloaded: { code: "server_is_overloaded", status: 503, own: { messages: 529 }, retryAfter: "2" },
  "overloaded-inside": { code: "server_is_overloaded", status: 503, own: { messages: 529 }, retryAfter: "2" },
  broken: { code: "upstream_error", status: 502 },
  refused: { code: "upstream_error", status: 400, ...never },
  credential: { code: "upstream_auth_failed", status: 503, ...never },
  "no-model": { code: "model_not_found", status: 404, own: { responses: 400 }, ...never },
  edge: { code: "upstream_edge_challenge", status: 502, ...never },
  silent: { code: "upstream_timeout", status: 504 },
  cut: { code: "stream_error", status: 502 },
  ...Object.fromEntries(Object.entries(onChatWire()).map(([name, row]) => [`${name}, on the chat wire`, row])),
  unreachable: { code: "upstream_unreachable", status: 502, ask: { model: "nowhere" } },
  "a bad key": { code: "invalid_api_key", status: 401, ask: { key: "wrong-key-000" } },
  "no key": { code: "invalid_api_key", status: 401, ask: { key: "" } },
  "a dialect that the licence lacks": { code: "dialect_not_allowed", status: 403, ask: { key: "none" } },
  "a model that the licence lacks": {
    code: "model_not_allowed",
    status: 403,
    ask: { key: "few-key-0000", model: "gpt-5.5" },
  },
  "an unknown model": {
    code: "model_not_found",
    status: 404,
    own: { responses: 400 },
    ask: { model: "gpt-nonsense" },
    ...never,
  },
  "an effort that the named model lacks": { code: "unsupported_effort", status: 400, ask: { model: "gpt-5-xhigh" } },
  "a body that is no JSON": { code: "invalid_json", status: 400, ask: { raw: "{" } },
  "a body that is no object": { code: "invalid_request", status: 400, ask: { raw: "[]" } },
  "a body that is too large": { code: "request_too_large", status: 413, ask: { text: "x".repeat(70_000) } },
  "a field that strict refuses": {
    code: "unsupported_parameter",
    status: 400,
    ask: { headers: { "x-codexd-strict": "1" }, more: { someday: 1 } },
  },
  "a header with no legal value": {
    code: "invalid_request",
    status: 400,
    ask: { headers: { "x-codexd-strict": "maybe" } },
  },
};

/** The same words over the other wire. */
function onChatWire(): Record<string, Row> {
  const ask = (name: string) => ({ ask: { model: CHAT_MODEL, text: `script ${name}` } });
  return {
    "rate-limit": { code: "rate_limit_exceeded", status: 429, retryAfter: "7", ...ask("rate-limit") },
    "an error inside": { code: "rate_limit_exceeded", status: 429, ...ask("chat-error-inside") },
    overflow: { code: "context_length_exceeded", status: 400, ...never, ...ask("overflow") },
    overloaded: {
      code: "server_is_overloaded",
      status: 503,
      own: { messages: 529 },
      retryAfter: "2",
      ...ask("overloaded"),
    },
    credential: { code: "upstream_auth_failed", status: 503, ...never, ...ask("credential") },
    nonsense: { code: "stream_error", status: 502, ...ask("nonsense") },
  };
}

const MODELS = [{ id: "gpt-5" }, { id: "gpt-5.5" }];
const LICENCES = [
  { id: "all", key: "all-key-0000" },
  { id: "few", key: "few-key-0000", models: ["gpt-5"] },
  ...CLIENTS.map(({ name }) => ({
    id: `without ${name}`,
    key: `none-of-${name}`,
    dialects: CLIENTS.map((client) => client.name).filter((other) => other !== name),
  })),
];

let upstream: Scripted;
let gateway: Gateway;
let full: Gateway;

beforeAll(async () => {
  upstream = startScripted(MODELS, {
    ...UPSTREAM,
    later: () => events(...BEGUN),
    "later-limit": () => events(...BEGUN, failed({ code: "rate_limit_exceeded", message: "Please try again in 7s." })),
  });
  const accounts = [{ apiKey: "sk-test-000000" }];
  const limits = { retries: 0, connect: "200ms", firstByte: "200ms", body: "64KiB" };
  const upstreams = {
    up: { kind: "openai", baseUrl: upstream.url, accounts },
    chat: { kind: "compatible", wire: "chat", baseUrl: upstream.url, models: [CHAT_MODEL] },
    gone: { kind: "openai", baseUrl: "http://127.0.0.1:9", accounts, models: ["nowhere"] },
  };
  const plugins = [{ auth: { keys: LICENCES } }, "model-effort", "translate", "usage-log"];
  [gateway, full] = await Promise.all([
    startFromSource({ limits, upstreams, plugins }),
    startFromSource({ limits: { streams: 1, retries: 0 }, upstreams: { up: upstreams.up } }),
  ]);
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await full?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

async function ask(client: Client, name: string, stream: boolean, asked: Row["ask"] = {}): Promise<Response> {
  const { model = "gpt-5", key = "all-key-0000", text = `script ${name}`, raw, headers, more } = asked;
  const secret = key === "none" ? `none-of-${client.name}` : key;
  const body = raw ?? { ...client.body(model, text, stream), ...more };
  const authorization: Record<string, string> = secret === "" ? {} : { authorization: `Bearer ${secret}` };
  return await gateway.post(client.path(model, stream), body, { ...authorization, ...headers });
}

const text = expect.any(String);
const openai = (param: unknown): Json => ({
  error: { message: text, type: text, param: param === null ? null : text, code: text },
});

function envelopeOf(client: Client, status: number, body: Json): Json {
  const error = (body.error ?? {}) as Json;
  if (client.name === "messages")
    return { type: "error", error: { type: text, message: text, code: text }, request_id: text };
  if (client.name !== "gemini") return openai(error.param);
  return {
    error: { code: status, status: expect.stringMatching(/^[A-Z_]+$/), message: text, details: expect.any(Array) },
  };
}

function retryInfo(body: Json): unknown {
  const details = ((body.error as Json).details ?? []) as Json[];
  return details.find((detail) => String(detail["@type"]).endsWith("RetryInfo"))?.retryDelay;
}

for (const client of CLIENTS) {
  describe(client.name, () => {
    for (const [name, row] of Object.entries(ROWS)) {
      test(`${name}: ${row.code}`, async () => {
        for (const stream of [true, false]) {
          const answer = await ask(client, name, stream, row.ask);
          const body = (await answer.json()) as Json;
          const status = row.own?.[client.name] ?? row.status;
          expect([answer.status, client.codeOf(body)]).toEqual([status, row.code]);
          expect(body).toEqual(envelopeOf(client, status, body));
          expect(answer.headers.get("content-type")).toStartWith("application/json");
          expect(answer.headers.get("x-request-id")).toBeString();
          expect(answer.headers.get("retry-after")).toBe(row.retryAfter ?? null);
          expect(answer.headers.get("x-should-retry")).toBe(row.shouldRetry ?? null);
          if (client.name === "gemini")
            expect(retryInfo(body)).toBe(row.retryAfter === undefined ? undefined : `${row.retryAfter}s`);
        }
      });
    }

    test("after the first byte the code is in the stream, and a whole answer is still a status", async () => {
      for (const [name, code, status] of [
        ["later", "stream_error", 502],
        ["later-limit", "rate_limit_exceeded", 429],
      ] as const) {
        const streamed = await ask(client, name, true);
        expect(streamed.status).toBe(200);
        expect(client.read(await streamed.text()).ending).toEqual({ errors: [code], complete: false });
        const whole = await ask(client, name, false);
        expect([whole.status, client.codeOf((await whole.json()) as Json)]).toEqual([status, code]);
      }
    });

    test("a full server says so, and when to come again", async () => {
      const leave = new AbortController();
      const held = fetch(full.base + chat.path("gpt-5", true), {
        method: "POST",
        body: JSON.stringify(chat.body("gpt-5", "script silent", true)),
        signal: leave.signal,
      }).catch(() => undefined);
      const before = upstream.asked.length;
      while (upstream.asked.length === before) await Bun.sleep(5);
      const answer = await full.post(client.path("gpt-5", true), client.body("gpt-5", "hello", true));
      expect(answer.status).toBe(client.name === "messages" ? 529 : 503);
      expect(client.codeOf((await answer.json()) as Json)).toBe("server_is_overloaded");
      expect(answer.headers.get("retry-after")).toBe("1");
      leave.abort();
      await held;
    });
  });
}

test("a context window that overflows makes Anthropic's clients compact", async () => {
  const answer = await ask(messages, "overflow", true);
  const { error } = (await answer.json()) as { error: Json };
  expect(error.message).toBe("prompt is too long: 300000 tokens > 272000 maximum");
});

test("a Codex client reads the limit by its type, and is not asked to repeat a dead credential", async () => {
  const headers = { originator: "codex_exec" };
  const limit = await ask(responses, "usage-limit", true, { text: "script usage-limit", headers });
  const told = {
    type: "usage_limit_reached",
    plan_type: "plus",
    resets_in_seconds: 3600,
    resets_at: expect.any(Number),
  };
  expect(((await limit.json()) as Json).error).toMatchObject(told);
  const dead = await ask(responses, "credential", true, { text: "script credential", headers });
  expect(dead.status).toBe(400);
});

test("a method that Google does not have, and a path that nobody has, wear the caller's envelope", async () => {
  const authorization = { authorization: "Bearer all-key-0000" };
  const guess = await gateway.post("/v1beta/models/gpt-5:guess", {}, authorization);
  expect([guess.status, ((await guess.json()) as { error: Json }).error.status]).toEqual([404, "NOT_FOUND"]);
  for (const { name, path, own } of [
    { name: "messages", path: "/v1/messages/nothing", own: "not_found_error" },
    { name: "chat", path: "/v1/chat/nothing", own: "invalid_request_error" },
  ]) {
    const answer = await gateway.post(path, {}, authorization);
    expect([name, answer.status, ((await answer.json()) as { error: Json }).error.type]).toEqual([name, 404, own]);
  }
});
