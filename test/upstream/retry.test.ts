// Another try only where it can help: never for what the client did, never for long, never at the same moment as everybody else.

import { expect, test } from "bun:test";
import { Failure, type FailureDetails, type FailureKind } from "../../src/core/failure.ts";
import { retryDelay } from "../../src/upstream/retry.ts";

const delay = (kind: FailureKind, details: Partial<FailureDetails> = {}, attempt = 1, random = 0.5) =>
  retryDelay(new Failure(kind, { code: "c", message: "m", ...details }), attempt, () => random);

test("what passes by itself is tried again", () => {
  for (const kind of ["transport", "stream_broken", "overloaded"] as const) expect(delay(kind)).toBe(200);
  expect(delay("upstream_api", { upstream: { status: 500 } })).toBe(200);
  expect(delay("upstream_api")).toBe(200);
  expect(delay("transport", {}, 2)).toBe(400);
});

test("what does not is not", () => {
  for (const kind of [
    "invalid_request",
    "context_window",
    "upstream_credential",
    "quota",
    "upstream_timeout",
    "rate_limit",
  ] as const) {
    expect(delay(kind)).toBeUndefined();
  }
  expect(delay("upstream_api", { status: 400, upstream: { status: 400 } })).toBeUndefined();
  expect(delay("upstream_api", { upstream: { status: 501 } })).toBeUndefined();
  expect(delay("transport", { shouldRetry: false })).toBeUndefined();
});

test("the upstream's advice is kept to, and too long a wait is left to the client", () => {
  expect(delay("rate_limit", { retryAfter: 2 })).toBe(2100);
  expect(delay("overloaded", { retryAfter: 2 }, 1, 0)).toBe(2000);
  expect(delay("rate_limit", { retryAfter: 60 })).toBeUndefined();
});

test("tries of many clients spread out", () => {
  expect(delay("transport", {}, 1, 0)).toBe(100);
  expect(delay("transport", {}, 1, 0.99)).toBe(298);
});
