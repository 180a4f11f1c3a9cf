// The same failure has the same code in all four dialects, in each one's own envelope and status, streamed or not.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Client, chat, gemini, messages, responses } from "./dialects.ts";
import { CHAT_MODEL, failed, ROWS, type Row, UPSTREAM } from "./failure-table.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { BEGUN, events, type Scripted, startScripted } from "./scripted.ts";

const CLIENTS = [chat, responses, messages, gemini];
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
