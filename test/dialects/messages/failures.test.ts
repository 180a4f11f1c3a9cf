// Failures in Anthropic's envelope: status, type and words that Claude Code acts on, and one code for all dialects.

import { expect, test } from "bun:test";
import { Failure, type FailureDetails, type FailureKind } from "codexd/plugin";
import { messages } from "../../../plugins/translate/messages/index.ts";
import { failureOfAnswer } from "../../../src/upstream/failure.ts";
import { HAS_DATA, type Json, lines } from "./data.ts";
import { context, frames } from "./exchange.ts";

const render = (failure: Failure) => messages.failure(failure, { codexClient: false, requestId: "req_1" });
const make = (kind: FailureKind, details: Partial<FailureDetails> = {}) =>
  new Failure(kind, { code: "c", message: "m", ...details });
const typeOf = (failure: Failure) => ((render(failure).body as Json).error as Json).type;
const messageOf = (failure: Failure) => ((render(failure).body as Json).error as Json).message;

test.each([
  ["invalid_request", 400, "invalid_request_error"],
  ["unknown_model", 404, "not_found_error"],
  ["context_window", 400, "invalid_request_error"],
  ["authentication", 401, "authentication_error"],
  ["permission", 403, "permission_error"],
  ["unknown_path", 404, "not_found_error"],
  ["wrong_method", 405, "invalid_request_error"],
  ["too_large", 413, "request_too_large"],
  ["rate_limit", 429, "rate_limit_error"],
  ["quota", 402, "billing_error"],
  ["overloaded", 529, "overloaded_error"],
  ["upstream_api", 502, "api_error"],
  ["upstream_credential", 503, "api_error"],
  ["transport", 502, "api_error"],
  ["upstream_timeout", 504, "timeout_error"],
  ["stream_broken", 502, "api_error"],
  ["shutting_down", 503, "overloaded_error"],
  ["unsupported", 501, "api_error"],
  ["internal", 500, "api_error"],
] as [FailureKind, number, string][])("%s is a %d %s", (kind, status, type) => {
  const failure = make(kind);
  expect(render(failure).status).toBe(status);
  expect(typeOf(failure)).toBe(type);
});

test("the envelope carries the request id and the code that every dialect gives", () => {
  expect(render(make("invalid_request")).body).toEqual({
    type: "error",
    error: { type: "invalid_request_error", message: "m", code: "c" },
    request_id: "req_1",
  });
});

test("clients learn when to come back, and when not to", () => {
  const { headers } = render(make("rate_limit", { retryAfter: 17.2, shouldRetry: false }));
  expect(headers).toMatchObject({ "retry-after": "18", "x-should-retry": "false", "request-id": "req_1" });
});

test("an overflow is said in the words that make Claude Code compact, with numbers where the upstream told them", () => {
  const said = (message: string) => messageOf(make("context_window", { code: "context_length_exceeded", message }));
  const openai =
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130,512 tokens.";
  expect(said(openai)).toBe("prompt is too long: 130512 tokens > 128000 maximum");
  const codex = "Your input exceeds the context window of this model. Please adjust your input and try again.";
  expect(said(codex)).toBe(`prompt is too long: ${codex}`);
  expect(said("prompt is too long: 5 tokens > 4 maximum")).toBe("prompt is too long: 5 tokens > 4 maximum");
});

test("inside a stream a failure is an error event", () => {
  const [frame, ...more] = frames(String(messages.encoder(context()).fail(make("overloaded"))));
  expect(frame).toMatchObject({
    type: "error",
    error: { type: "overloaded_error", message: "m", code: "c" },
    request_id: "req_1",
  });
  expect(more).toEqual([]);
});

test.skipIf(!HAS_DATA)("err-001: a usage limit is a 429 with the real seconds, whatever the upstream's status", () => {
  const { input } = lines("vectors.jsonl").find((vector) => vector.id === "err-001") as { input: Json };
  const fail = (body: unknown) =>
    failureOfAnswer(Number(input.status), new Headers(), JSON.stringify(body), {
      upstream: "u",
      now: Number(input.now) * 1000,
    });
  const { status, headers } = render(fail(input.body));
  expect(status).toBe(429);
  expect(headers).toMatchObject({ "retry-after": "300", "x-should-retry": "false" });
  expect(typeOf(fail(input.body))).toBe("rate_limit_error");
});

test.skipIf(!HAS_DATA)("err-003: an upstream's refusal keeps its meaning in this dialect", () => {
  const fail = (status: number, code: string, message: string) =>
    failureOfAnswer(status, new Headers(), JSON.stringify({ error: { code, message } }), { upstream: "u", now: 0 });
  expect(String(messageOf(fail(413, "context_length_exceeded", "too long")))).toStartWith("prompt is too long");
  expect(typeOf(fail(400, "", "Invalid signature in thinking block"))).toBe("invalid_request_error");
  // Never a 401: Claude Code would repeat it for minutes (translation.md 0.10).
  expect(render(fail(401, "token_expired", "invalid or expired token")).status).toBe(503);
  expect(render(fail(502, "", "there were too many tokens somewhere")).status).toBe(502);
});
