// Every way in which a backend refuses, sorted into our closed set; what a client would do with the wrong answer is in wire/codex.md D.

import { describe, expect, test } from "bun:test";
import { Event } from "../../src/core/event.ts";
import type { Failure } from "../../src/core/failure.ts";
import { failureOfAnswer, faultOfEvent } from "../../src/upstream/failure.ts";

const NOW = 1_700_000_000_000;
const SECRET = "sec-ret-0123456789";

function answered(status: number, body: unknown, headers: Record<string, string> = {}): Failure {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const all = new Headers({ "content-type": text.startsWith("<") ? "text/html" : "application/json", ...headers });
  return failureOfAnswer(status, all, text, { upstream: "codex", secrets: [SECRET], now: NOW });
}

function inStream(error: Record<string, unknown>): Failure {
  const event = Event.of({ type: "response.failed", response: { id: "resp_1", status: "failed", error } });
  return faultOfEvent(event, { upstream: "codex", now: NOW }) as Failure;
}

const error = (code: string | null, message = "m", type = "invalid_request_error") => ({
  error: { message, type, param: null, code },
});

describe("an HTTP answer", () => {
  const rows: [name: string, status: number, body: unknown, expected: Partial<Failure>][] = [
    [
      "the ChatGPT backend's own form",
      400,
      { detail: "Unsupported parameter: temperature" },
      {
        kind: "upstream_api",
        status: 400,
        code: "upstream_error",
        message: "Unsupported parameter: temperature",
        shouldRetry: false,
      },
    ],
    [
      "a full context",
      400,
      error("context_length_exceeded"),
      { kind: "context_window", code: "context_length_exceeded", status: 400 },
    ],
    [
      "a full context, as 413",
      413,
      error("context_length_exceeded"),
      { kind: "context_window", code: "context_length_exceeded", status: 400 },
    ],
    [
      "a full context, in words",
      400,
      { detail: "Your input exceeds the context window of this model." },
      { kind: "context_window" },
    ],
    [
      "a gateway that only mentions tokens",
      502,
      "too many tokens, says the model",
      { kind: "upstream_api", status: 502, message: "too many tokens, says the model" },
    ],
    [
      "a policy",
      400,
      error("cyber_policy", "flagged"),
      { kind: "invalid_request", code: "cyber_policy", status: 400, message: "flagged", shouldRetry: false },
    ],
    [
      "a policy, as 403",
      403,
      error("misalignment_policy_violation"),
      { kind: "invalid_request", code: "misalignment_policy_violation", status: 400 },
    ],
    ["a prompt", 400, error("invalid_prompt"), { kind: "invalid_request", code: "invalid_prompt" }],
    [
      "an image, by code",
      400,
      error("invalid_image_format"),
      { kind: "invalid_request", code: "invalid_image_format" },
    ],
    [
      "an image, in words",
      400,
      error(null, "The image data you provided does not represent a valid image."),
      { kind: "invalid_request", code: "invalid_image" },
    ],
    [
      "foreign reasoning",
      400,
      error("invalid_encrypted_content"),
      { kind: "invalid_request", code: "invalid_encrypted_content" },
    ],
    [
      "foreign reasoning, in words",
      400,
      { detail: "The encrypted content gAAA... could not be verified." },
      { code: "invalid_encrypted_content" },
    ],
    [
      "a foreign signature",
      400,
      "Invalid signature in thinking block",
      { kind: "invalid_request", code: "thinking_signature_invalid" },
    ],
    [
      "an unknown earlier answer",
      400,
      "previous_response_not_found",
      { kind: "invalid_request", code: "previous_response_not_found" },
    ],
    [
      "an invalid value",
      400,
      error("invalid_value", "Invalid value: 'x'."),
      { kind: "upstream_api", status: 400, message: "Invalid value: 'x'." },
    ],
    [
      "a dead credential",
      401,
      "invalid or expired token",
      { kind: "upstream_credential", code: "upstream_auth_failed", status: 503, shouldRetry: false },
    ],
    ["a forbidden credential", 403, error("forbidden"), { kind: "upstream_credential", code: "upstream_auth_failed" }],
    [
      "a dead workspace",
      402,
      { detail: { code: "deactivated_workspace" } },
      { kind: "upstream_credential", code: "upstream_auth_failed" },
    ],
    [
      "an unpaid bill",
      402,
      error(null, "Insufficient credits"),
      { kind: "quota", code: "insufficient_quota", status: 429 },
    ],
    [
      "a model of another plan",
      400,
      { detail: "The 'x' model is not supported when using Codex with a ChatGPT account." },
      { kind: "unknown_model", code: "model_not_found", status: 404 },
    ],
    ["an unknown model", 404, error("model_not_found"), { kind: "unknown_model", code: "model_not_found" }],
    [
      "a wrong address",
      404,
      { detail: "Not Found" },
      { kind: "upstream_api", status: 404, code: "upstream_error", shouldRetry: false },
    ],
    ["a large body", 413, "too large", { kind: "too_large", code: "request_too_large", status: 413 }],
    [
      "a plan without Codex",
      429,
      { error: { type: "usage_not_included", message: "no" } },
      { kind: "quota", code: "usage_not_included", status: 429, shouldRetry: false },
    ],
    [
      "an empty purse",
      429,
      error("insufficient_quota"),
      { kind: "quota", code: "insufficient_quota", shouldRetry: false },
    ],
    [
      "an organisation's limit",
      429,
      error("organization_spend_limit_exceeded"),
      { kind: "quota", code: "insufficient_quota" },
    ],
    [
      "an absent flex tier",
      429,
      error("flex_unavailable"),
      { kind: "rate_limit", code: "flex_unavailable", status: 429 },
    ],
    [
      "too many requests",
      429,
      "slow",
      { kind: "rate_limit", code: "rate_limit_exceeded", status: 429, retryAfter: undefined as never },
    ],
    ["a defect", 500, error("server_error"), { kind: "upstream_api", status: 502, code: "upstream_error" }],
    [
      "a gateway's page",
      502,
      "<html><body>502 Bad Gateway</body></html>",
      { kind: "upstream_api", status: 502, message: "upstream codex answered 502 without saying why" },
    ],
    [
      "an overload",
      503,
      error("server_is_overloaded"),
      { kind: "overloaded", code: "server_is_overloaded", status: 503, retryAfter: 2 },
    ],
    ["an overload without a word", 503, "", { kind: "overloaded", code: "server_is_overloaded" }],
    [
      "an overload in another dialect's word",
      529,
      { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
      { kind: "overloaded" },
    ],
    [
      "a brake",
      503,
      error("slow_down", "Slow down. Please try again in 1s."),
      { kind: "rate_limit", code: "rate_limit_exceeded", status: 429, retryAfter: 1 },
    ],
    ["a gateway's patience", 504, "", { kind: "upstream_timeout", code: "upstream_timeout", status: 504 }],
    [
      "an error that is only a word",
      400,
      { error: "invalid_grant", error_description: "bad grant" },
      { status: 400, message: "bad grant" },
    ],
  ];
  for (const [name, status, body, expected] of rows) {
    test(`${name} (${status})`, () => expect(answered(status, body)).toMatchObject(expected));
  }

  test("keeps what the upstream said for a client that speaks its language", () => {
    const body = error("invalid_value", "Invalid value", "invalid_request_error");
    const { param, upstream } = answered(
      400,
      { error: { ...body.error, param: "reasoning.effort" } },
      { "x-request-id": "up-1" },
    );
    expect(param).toBe("reasoning.effort");
    expect(upstream).toMatchObject({
      status: 400,
      code: "invalid_value",
      type: "invalid_request_error",
      requestId: "up-1",
    });
  });
});

describe("a usage limit", () => {
  const limit = { type: "usage_limit_reached", message: "The usage limit has been reached", plan_type: "plus" };

  test("is a 429 whatever the status, with the real time until its reset", () => {
    const failure = answered(
      400,
      { error: { ...limit, resets_at: 1_700_000_300, resets_in_seconds: 1 } },
      { "x-codex-primary-used-percent": "100" },
    );
    expect(failure).toMatchObject({
      kind: "rate_limit",
      code: "usage_limit_reached",
      status: 429,
      retryAfter: 300,
      shouldRetry: false,
    });
    expect(failure.upstream).toMatchObject({ planType: "plus", resetsAt: 1_700_000_300, type: "usage_limit_reached" });
    expect(failure.upstream?.headers).toEqual({ "x-codex-primary-used-percent": "100" });
  });

  test("with a reset in the past goes by the seconds", () => {
    const failure = answered(429, { error: { ...limit, resets_at: 1_600_000_000, resets_in_seconds: 60 } });
    expect(failure).toMatchObject({ retryAfter: 60, upstream: { resetsAt: 1_700_000_060 } });
  });

  test("is not every rate limit", () => {
    expect(answered(429, error("rate_limit_exceeded")).code).toBe("rate_limit_exceeded");
  });
});

describe("advice to come back later", () => {
  const limited = (headers: Record<string, string>, message = "m") =>
    answered(429, error("rate_limit_exceeded", message), headers).retryAfter;

  test("is read in all its forms, as whole seconds", () => {
    expect(limited({ "retry-after": "7" })).toBe(7);
    expect(limited({ "retry-after": new Date(NOW + 9000).toUTCString() })).toBe(9);
    expect(limited({ "x-ms-retry-after-ms": "1200" })).toBe(2);
    expect(limited({}, "Please try again in 1.5s. Visit us")).toBe(2);
    expect(limited({}, "try again in 20ms")).toBe(1);
    expect(limited({}, "Try again in 3 minutes.")).toBe(180);
    expect(limited({ "retry-after": "99999999999" })).toBe(31 * 24 * 3600);
    expect(limited({ "retry-after": "soon" })).toBeUndefined();
    expect(limited({ "retry-after": new Date(NOW - 9000).toUTCString() })).toBe(0);
  });
});

describe("an edge's page", () => {
  const page = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Cloudflare</body></html>";

  test("is told as what it is, with its ray", () => {
    for (const [status, headers] of [
      [403, {}],
      [200, {}],
      [503, {}],
      [429, { "cf-mitigated": "challenge" }],
    ] as const) {
      const failure = answered(status, page, { ...headers, "cf-ray": "8f00ba4-FRA" });
      expect(failure).toMatchObject({
        kind: "transport",
        code: "upstream_edge_challenge",
        status: 502,
        shouldRetry: false,
      });
      expect(failure.message).toContain("8f00ba4-FRA");
      expect(failure.message).toContain("HTTPS_PROXY");
    }
  });

  test("is not a gateway's error page", () => {
    expect(answered(502, "<html><body>502 Bad Gateway nginx</body></html>").code).toBe("upstream_error");
    expect(answered(503, "<html><body>503 nginx</body></html>").code).toBe("server_is_overloaded");
  });
});

describe("a failing event", () => {
  test("is sorted as an answer would be", () => {
    expect(inStream({ code: "context_length_exceeded", message: "m" })).toMatchObject({
      kind: "context_window",
      status: 400,
    });
    expect(inStream({ code: "insufficient_quota", message: "m" })).toMatchObject({ kind: "quota" });
    expect(inStream({ code: "usage_not_included", message: "m" })).toMatchObject({ code: "usage_not_included" });
    expect(inStream({ type: "usage_limit_reached", message: "m", resets_in_seconds: 5 })).toMatchObject({
      status: 429,
      retryAfter: 5,
    });
    expect(inStream({ code: "server_is_overloaded", message: "m" })).toMatchObject({ kind: "overloaded", status: 503 });
    expect(inStream({ code: "slow_down", message: "m" })).toMatchObject({ kind: "rate_limit", status: 429 });
    expect(inStream({ code: "rate_limit_exceeded", message: "Please try again in 1.5s." })).toMatchObject({
      retryAfter: 2,
    });
    expect(inStream({ code: "rate_limit_exceeded", message: "m", headers: { "retry-after": "4" } })).toMatchObject({
      retryAfter: 4,
    });
    expect(inStream({ code: "invalid_prompt", message: "m" })).toMatchObject({
      kind: "invalid_request",
      code: "invalid_prompt",
    });
    expect(inStream({ code: "server_error", message: "m" })).toMatchObject({
      kind: "upstream_api",
      status: 502,
      code: "upstream_error",
      message: "m",
    });
    expect(inStream({ code: "invalid_value", message: "m" })).toMatchObject({ kind: "upstream_api", status: 400 });
    expect(inStream({})).toMatchObject({
      kind: "upstream_api",
      status: 502,
      message: "upstream codex failed without saying why",
    });
  });

  test("may be an `error` event, flat or not", () => {
    const flat = Event.of({ type: "error", code: "server_is_overloaded", message: "busy", param: null });
    expect(faultOfEvent(flat)).toMatchObject({
      kind: "overloaded",
      message: "busy",
      upstream: { code: "server_is_overloaded" },
    });
    const nested = Event.of({
      type: "error",
      status: 429,
      error: { type: "usage_limit_reached", message: "m" },
      headers: { "retry-after": "3" },
    });
    expect(faultOfEvent(nested)).toMatchObject({
      code: "usage_limit_reached",
      retryAfter: 3,
      upstream: { status: 429 },
    });
  });

  test("is nothing that any other event is, and survives nonsense", () => {
    expect(faultOfEvent(Event.of({ type: "response.completed", response: {} }))).toBeUndefined();
    const broken = new Event("response.failed", new TextEncoder().encode("event: response.failed\ndata: {{{\n\n"));
    expect(faultOfEvent(broken)).toMatchObject({ kind: "upstream_api" });
    expect(faultOfEvent(Event.of({ type: "response.failed", response: null }))).toMatchObject({ kind: "upstream_api" });
  });
});

describe("nothing leaks", () => {
  test("when an upstream repeats the credential", () => {
    const jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln";
    for (const text of [SECRET, jwt, "sk-proj-abcdefghijklmnop", `Bearer ${SECRET}`]) {
      for (const status of [400, 401, 429, 500]) {
        const failure = answered(status, { error: { message: `bad key ${text}`, code: text } });
        expect(JSON.stringify([failure.message, failure.code, failure.upstream])).not.toContain(text);
      }
    }
  });
});
