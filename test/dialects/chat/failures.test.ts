// Each kind of failure in OpenAI's envelope: status, type and code as its clients expect them.

import { expect, test } from "bun:test";
import { Failure, type FailureDetails, type FailureKind } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";

function rendered(kind: FailureKind, details: Partial<FailureDetails> = {}, codexClient = false) {
  const { status, body } = chat.failure(new Failure(kind, { code: "x", message: "m", ...details }), {
    codexClient,
    requestId: "r",
  });
  return {
    status,
    ...(body as { error: { type: string; code: string; param: string | null; message: string } }).error,
  };
}

const kinds: [FailureKind, number, string][] = [
  ["invalid_request", 400, "invalid_request_error"],
  ["unknown_model", 404, "invalid_request_error"],
  ["context_window", 400, "invalid_request_error"],
  ["authentication", 401, "invalid_request_error"],
  ["permission", 403, "invalid_request_error"],
  ["unknown_path", 404, "invalid_request_error"],
  ["wrong_method", 405, "invalid_request_error"],
  ["too_large", 413, "invalid_request_error"],
  ["rate_limit", 429, "requests"],
  ["quota", 429, "insufficient_quota"],
  ["overloaded", 503, "server_error"],
  ["upstream_api", 502, "server_error"],
  ["upstream_credential", 503, "server_error"],
  ["transport", 502, "server_error"],
  ["upstream_timeout", 504, "server_error"],
  ["shutting_down", 503, "server_error"],
  ["unsupported", 501, "invalid_request_error"],
  ["internal", 500, "server_error"],
];

test.each(kinds)("%s", (kind, status, type) => {
  expect(rendered(kind, { code: "some_code" })).toEqual({ status, message: "m", type, param: null, code: "some_code" });
});

test("the upstream's own 4xx stays what it is", () => {
  expect(rendered("upstream_api", { status: 400 })).toMatchObject({ status: 400, type: "invalid_request_error" });
  expect(rendered("upstream_api", { status: 422, upstream: { type: "image_error" } })).toMatchObject({
    status: 422,
    type: "image_error",
  });
});

test("a dead upstream credential is a 400 to a Codex client, which would repeat a 503", () => {
  expect(rendered("upstream_credential", {}, true).status).toBe(400);
});
