// Every limit in every dialect against the running gateway: what the official SDK raises, and the status, code and headers of it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { codexd, type Server, startGateway, startSandbox } from "../binary.ts";
import { load } from "./sdk/sdk.ts";

const DIALECTS = ["chat", "responses", "messages", "gemini"] as const;
type DialectName = (typeof DIALECTS)[number];
const MODEL = "gpt-5.5";
const CODEX = { originator: "codex_cli_rs" };

interface Case {
  /** Of the licence itself. */
  limits?: Record<string, number>;
  /** The only model that the case is about, where a quota of the configuration makes it. */
  model?: string;
  code: "rate_limit_exceeded" | "insufficient_quota";
  /** Longest wait that may be told, in seconds. */
  most: number;
  /** What the message has in it. */
  says: string;
  /** Whether clients are told not to wait by themselves. */
  final: boolean;
  /** Headers that the answer before the refusal has, by unit. */
  unit?: "requests" | "tokens";
}

const MINUTE = 60;
const DAY = 86_400;
const CASES: Record<string, Case> = {
  requestsPerMinute: {
    limits: { requestsPerMinute: 1 },
    ...{ code: "rate_limit_exceeded", most: MINUTE, final: false, unit: "requests" },
    says: "the 1 requests per minute are used up (requestsPerMinute)",
  },
  requestsPerDay: {
    limits: { requestsPerDay: 1 },
    ...{ code: "rate_limit_exceeded", most: DAY, final: true, unit: "requests" },
    says: "the 1 requests per day are used up (requestsPerDay)",
  },
  tokensPerMinute: {
    limits: { tokensPerMinute: 2 },
    ...{ code: "rate_limit_exceeded", most: MINUTE, final: false, unit: "tokens" },
    says: "the 2 tokens per minute are used up (tokensPerMinute)",
  },
  tokensPerDay: {
    limits: { tokensPerDay: 2 },
    ...{ code: "rate_limit_exceeded", most: DAY, final: true, unit: "tokens" },
    says: "the 2 tokens per day are used up (tokensPerDay)",
  },
  ofModel: {
    model: "gpt-5.1",
    ...{ code: "rate_limit_exceeded", most: MINUTE, final: false, unit: "requests" },
    says: "model gpt-5.1, quotas[0]: the 1 requests per minute are used up",
  },
  ofUpstream: {
    model: "gpt-5.2",
    ...{ code: "rate_limit_exceeded", most: DAY, final: true, unit: "requests" },
    says: "model gpt-5.2, upstream up, quotas[1]: the 1 requests per day are used up",
  },
  budgetTokens: {
    model: "gpt-5",
    ...{ code: "insufficient_quota", most: 31 * DAY, final: true, unit: "tokens" },
    says: "the budget of 2 tokens per month is spent",
  },
  budgetMoney: {
    model: "gpt-5.3-codex",
    ...{ code: "insufficient_quota", most: DAY, final: true },
    says: "the budget of 0.000001 EUR (an estimate by the configured prices) per day is spent",
  },
};

const keyOf = (dialect: string, name: string, form: string) => `sk-${dialect}-${name}-${form}`;
const FORMS = ["whole", "stream"] as const;
type Form = (typeof FORMS)[number];

let sandbox: Server;
let gateway: Server;
// biome-ignore lint/suspicious/noExplicitAny: its types are not among our own packages
let GoogleGenAI: any;

beforeAll(async () => {
  ({ GoogleGenAI } = await load("@google/genai"));
  sandbox = await startSandbox();
  const places = DIALECTS.flatMap((dialect) =>
    FORMS.flatMap((form) => [
      ...Object.entries(CASES).map(([name, { limits }]) => ({ dialect, form, name, limits })),
      { dialect, form, name: "streams", limits: { streams: 1 } },
    ]),
  );
  const keys = places.map(({ dialect, form, name, limits }) => ({
    id: `${name}-${dialect}-${form}`,
    key: keyOf(dialect, name, form),
    ...limits,
  }));
  const of = { licence: "of*", per: "licence" };
  const budgets = { licence: "budget*", per: "licence" };
  gateway = await startGateway({
    config: {
      limits: { retries: 0 },
      upstreams: {
        up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ name: "key", apiKey: "sk-up" }] },
      },
      quotas: [
        { ...of, model: "gpt-5.1", requestsPerMinute: 1 },
        { ...of, model: "gpt-5.2", upstream: "up", requestsPerDay: 1 },
        { ...budgets, model: "gpt-5", budget: { tokens: 2, per: "month", warnAt: 0.5 } },
        { ...budgets, model: "gpt-5.3-codex", budget: { money: 0.000001, per: "day" } },
      ],
      prices: { currency: "EUR", models: { "gpt-5*": { input: 1, output: 5 } } },
      plugins: [
        { auth: { keys: [...keys, { id: "boss", key: "sk-of-the-boss", admin: true }] } },
        "model-effort",
        "translate",
        "usage-log",
      ],
    },
  });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

interface Request {
  dialect: DialectName;
  form: Form;
  key: string;
  model: string;
  prompt?: string;
}

/** As a client without an SDK asks, to see all of the answer. */
function post({ dialect, form, key, model, prompt = "hi" }: Request, init: RequestInit = {}): Promise<Response> {
  const stream = form === "stream";
  const [path, body] = {
    chat: ["/v1/chat/completions", { model, stream, messages: [{ role: "user", content: prompt }] }],
    responses: ["/v1/responses", { model, stream, input: prompt }],
    messages: ["/v1/messages", { model, stream, max_tokens: 99, messages: [{ role: "user", content: prompt }] }],
    gemini: [
      `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
      { contents: [{ role: "user", parts: [{ text: prompt }] }] },
    ],
  }[dialect] as [string, object];
  return fetch(`${gateway.base}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    ...init,
    headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...init.headers },
  });
}

/** What the dialect's SDK makes of it: the text, or the error that it throws. */
async function ask({ dialect, form, key, model, prompt = "hi" }: Request): Promise<unknown> {
  const stream = form === "stream";
  const messages = [{ role: "user" as const, content: prompt }];
  const openai = new OpenAI({ baseURL: `${gateway.base}/v1`, apiKey: key, maxRetries: 0 });
  switch (dialect) {
    case "chat":
      return await openai.chat.completions.create({ model, messages, stream });
    case "responses":
      return await openai.responses.create({ model, input: prompt, stream });
    case "messages": {
      const anthropic = new Anthropic({ baseURL: gateway.base, apiKey: key, maxRetries: 0 });
      return await anthropic.messages.create({ model, messages, max_tokens: 99, stream });
    }
    case "gemini": {
      const { models } = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: gateway.base } });
      return await models[stream ? "generateContentStream" : "generateContent"]({ model, contents: prompt });
    }
  }
}

/** The class that the SDK has for it, and where it keeps status and code. */
function expectRaised(error: unknown, dialect: DialectName, status: number, code: string): void {
  if (dialect === "messages") {
    // Anthropic's SDK has no class for 402; its base class carries the status.
    expect(error).toBeInstanceOf(status === 402 ? Anthropic.APIError : Anthropic.RateLimitError);
    const type = status === 402 ? "billing_error" : "rate_limit_error";
    expect(error).toMatchObject({ status, error: { error: { type, code } } });
  } else if (dialect === "gemini") {
    expect((error as Error).constructor.name).toBe("ApiError");
    expect(error).toMatchObject({ status });
    expect((error as Error).message).toContain(`"reason":"${code}"`);
  } else {
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ status, code });
  }
}

function limitHeader(headers: Headers, dialect: DialectName, unit: string, what: "limit" | "remaining" | "reset") {
  const name = dialect === "messages" ? `anthropic-ratelimit-${unit}-${what}` : `x-ratelimit-${what}-${unit}`;
  return headers.get(name);
}

describe.each(DIALECTS)("%s", (dialect) => {
  describe.each(FORMS)("%s", (form) => {
    test.each(Object.entries(CASES))("%s", async (name, { model = MODEL, code, most, says, final, unit }) => {
      const request: Request = { dialect, form, model, key: keyOf(dialect, name, form) };
      const first = await post(request);
      expect(first.status).toBe(200);
      await first.text();
      if (unit) {
        expect(limitHeader(first.headers, dialect, unit, "limit")).toBe(unit === "requests" ? "1" : "2");
        expect(limitHeader(first.headers, dialect, unit, "remaining")).toBe("0");
        const reset = limitHeader(first.headers, dialect, unit, "reset") ?? "";
        if (dialect === "messages") expect(Date.parse(reset)).toBeWithin(Date.now(), Date.now() + (most + 2) * 1000);
        else expect(reset).toMatch(/^(\d+ms|(\d+h)?(\d+m)?\d+s)$/);
      }

      const status = code === "insufficient_quota" && dialect === "messages" ? 402 : 429;
      expectRaised(await ask(request).catch((caught: unknown) => caught), dialect, status, code);

      const refused = await post(request);
      expect(refused.status).toBe(status);
      const seconds = Number(refused.headers.get("retry-after"));
      expect(seconds).toBeWithin(most <= DAY && name !== "budgetMoney" ? most - 60 : 1, most + 1);
      expect(refused.headers.get("x-should-retry")).toBe(final ? "false" : null);
      if (unit) expect(limitHeader(refused.headers, dialect, unit, "remaining")).toBe("0");
      const text = await refused.text();
      expect(text).toContain(says);
      if (dialect === "gemini") {
        const { error } = JSON.parse(text);
        expect(error).toMatchObject({ code: 429, status: "RESOURCE_EXHAUSTED" });
        const of = (type: string) =>
          error.details.find((one: { "@type": string }) => one["@type"] === `type.googleapis.com/google.rpc.${type}`);
        expect(of("RetryInfo").retryDelay).toBe(`${seconds}s`);
        expect(of("QuotaFailure").violations[0]).toMatchObject({
          quotaId: expect.stringMatching(/^(Requests|Tokens)Per(Minute|Day)$|^Budget(Tokens|Money)$/),
        });
      }
    });

    test("streams", async () => {
      const request: Request = { dialect, form, model: MODEL, key: keyOf(dialect, "streams", form) };
      const leave = new AbortController();
      const held = post(
        { ...request, form: "stream", prompt: "SAY one two three ;; HANG 2" },
        { signal: leave.signal },
      );
      const reader = (await held).body?.getReader();
      await reader?.read();
      expectRaised(await ask(request).catch((caught: unknown) => caught), dialect, 429, "rate_limit_exceeded");
      const refused = await post(request);
      expect(refused.headers.get("retry-after")).toBe("1");
      expect(await refused.text()).toContain("1 exchanges are under way, and no more may be (streams)");
      leave.abort();
      await reader?.read().catch(() => undefined);
      for (let tries = 0; tries < 100; tries++) {
        const again = await post(request);
        await again.text();
        if (again.status === 200) return;
        await Bun.sleep(20);
      }
      throw new Error("the place of a client that left was never free again");
    });
  });
});

test("counting tokens and listing models are no requests", async () => {
  const key = keyOf("messages", "requestsPerDay", "whole");
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const body = JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "hi" }] });
  for (let i = 0; i < 3; i++) {
    const counted = await fetch(`${gateway.base}/v1/messages/count_tokens`, { method: "POST", headers, body });
    expect(counted.status).toBe(200);
    expect((await fetch(`${gateway.base}/v1/models`, { headers })).status).toBe(200);
    const gemini = `${gateway.base}/v1beta/models/${MODEL}:countTokens`;
    const contents = JSON.stringify({ contents: [{ role: "user", parts: [{ text: "hi" }] }] });
    expect((await fetch(gemini, { method: "POST", headers, body: contents })).status).toBe(200);
  }
});

test("a budget that runs out is told on answers before it is spent", async () => {
  const key = keyOf("chat", "budgetTokens", "whole");
  const refused = await post({ dialect: "chat", form: "whole", key, model: "gpt-5" });
  expect(refused.headers.get("x-codexd-budget-warning")).toMatch(/^\d+% of 2 tokens used; begins anew at 20/);
  expect(gateway.stderr()).toContain("a budget runs out");
});

test("to the Codex CLI a limit of hours is a usage limit, with the time that it shows; a short one it waits out", async () => {
  const told = async (name: string) => {
    const key = keyOf("responses", name, "stream");
    const refused = await post({ dialect: "responses", form: "stream", key, model: MODEL }, { headers: CODEX });
    return { status: refused.status, wait: refused.headers.get("retry-after"), ...(await refused.json()) };
  };
  const day = await told("requestsPerDay");
  expect(day).toMatchObject({ status: 429, error: { type: "usage_limit_reached", code: "rate_limit_exceeded" } });
  expect(day.error.resets_at * 1000).toBeWithin(Date.now(), Date.now() + DAY * 1000 + 1000);
  expect(day.error.resets_in_seconds).toBe(Number(day.wait));
  expect(await told("requestsPerMinute")).toMatchObject({ status: 429, error: { type: "requests" } });
  expect(await told("tokensPerMinute")).toMatchObject({ status: 429, error: { type: "tokens" } });
});

test("a client that waits as it is told gets its answer", async () => {
  const key = keyOf("chat", "streams", "whole");
  const leave = new AbortController();
  const held = await post(
    { dialect: "chat", form: "stream", key, model: MODEL, prompt: "SAY one two three ;; HANG 2" },
    { signal: leave.signal },
  );
  await held.body?.getReader().read();
  const patient = new OpenAI({ baseURL: `${gateway.base}/v1`, apiKey: key, maxRetries: 2 });
  const answer = patient.chat.completions.create({ model: MODEL, messages: [{ role: "user", content: "SAY waited" }] });
  leave.abort();
  expect((await answer).choices[0]?.message.content).toBe("waited");
});

test("every refusal leaves a receipt with its code, and is counted for Prometheus", async () => {
  const { stdout } = await codexd(["usage", "--by", "licence", "--json"], { data: gateway.data as string });
  const { rows } = JSON.parse(stdout) as { rows: { key: string; refused: number }[] };
  for (const dialect of DIALECTS)
    for (const name of Object.keys(CASES))
      expect(rows.find(({ key }) => key === `${name}-${dialect}-whole`)?.refused).toBeGreaterThanOrEqual(2);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  for (const name of ["requestsPerMinute", "tokensPerDay", "streams", "budget.tokens", "budget.money"])
    expect(metrics).toMatch(new RegExp(`codexd_limit_refusals_total\\{limit="${name}"\\} [1-9]`));
  expect(metrics).toContain("codexd_counters_alone 0");
});
