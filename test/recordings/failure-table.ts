// Every way an exchange can fail, with what the upstream does, or the client, and what each dialect has to say of it.

import type { Name } from "./dialects.ts";
import type { Json } from "./gateway.ts";
import { CREATED, events } from "./scripted.ts";

/** A model that is asked for over the chat wire. */
export const CHAT_MODEL = "some-model";

const json =
  (status: number, body: Json, headers: Record<string, string> = {}) =>
  () =>
    Response.json(body, { status, headers });
/** The event that ends a failed answer. */
export const failed = (error: Json) => ({
  type: "response.failed",
  response: { id: "resp_1", status: "failed", error },
});

/** What the upstream does, by the word that a question has for it. */
export const UPSTREAM: Record<string, () => Response | Promise<Response>> = {
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

export interface Row {
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
export const ROWS: Record<string, Row> = {
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
