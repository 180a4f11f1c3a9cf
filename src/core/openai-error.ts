// The error envelope of the two OpenAI dialects, `{error: {message, type, param, code}}`, and the status that goes with it.

import type { Failure, FailureKind } from "./failure.ts";

/** OpenAI's error envelope, which the chat and responses dialects share. */
export interface OpenAIError {
  error: {
    message: string;
    type: string;
    param: string | null;
    code: string | null;
    /** These three only for a usage limit and a Codex client, which shows them to its user (translation.md 0.10). */
    plan_type?: string;
    resets_at?: number;
    resets_in_seconds?: number;
  };
}

/** The `type` of a kind as the OpenAI API names it: its 401 and 403 are `invalid_request_error` too; clients go by status and code. */
const TYPES: Record<FailureKind, string> = {
  invalid_request: "invalid_request_error",
  unknown_model: "invalid_request_error",
  context_window: "invalid_request_error",
  authentication: "invalid_request_error",
  permission: "invalid_request_error",
  unknown_path: "invalid_request_error",
  wrong_method: "invalid_request_error",
  too_large: "invalid_request_error",
  headers_too_large: "invalid_request_error",
  unsupported: "invalid_request_error",
  rate_limit: "requests",
  quota: "insufficient_quota",
  overloaded: "server_error",
  upstream_api: "server_error",
  upstream_credential: "server_error",
  transport: "server_error",
  upstream_timeout: "server_error",
  stream_broken: "server_error",
  shutting_down: "server_error",
  internal: "server_error",
};

/** A failure in OpenAI's words. A Codex client would post a 5xx up to thirty times, so what only the operator can mend is a 400 to it. */
export function openaiError(
  failure: Failure,
  context: { codexClient?: boolean } = {},
): { status: number; body: OpenAIError } {
  const error: OpenAIError["error"] = {
    message: failure.message,
    type: typeOf(failure),
    param: failure.param ?? null,
    code: failure.code,
  };
  if (context.codexClient && failure.code === "usage_limit_reached") {
    const { planType, resetsAt } = failure.upstream ?? {};
    if (planType !== undefined) error.plan_type = planType;
    if (resetsAt !== undefined) error.resets_at = resetsAt;
    if (failure.retryAfter !== undefined) error.resets_in_seconds = failure.retryAfter;
  }
  if (context.codexClient && isLongLimit(failure)) {
    const resetsAt = Math.max(...(failure.limits ?? []).map((limit) => limit.resetsAt ?? 0));
    error.type = "usage_limit_reached";
    error.resets_at = Math.ceil(resetsAt / 1000);
    if (failure.retryAfter !== undefined) error.resets_in_seconds = Math.ceil(failure.retryAfter);
  }
  const hopeless =
    failure.kind === "upstream_credential" || (failure.kind === "transport" && failure.shouldRetry === false);
  const status = context.codexClient && hopeless ? 400 : failure.status;
  return { status, body: { error } };
}

/** Told only to come back, the Codex CLI would sleep through the day; of a usage limit it tells its user when that will be. */
function isLongLimit({ kind, limits, shouldRetry }: Failure): boolean {
  return kind === "rate_limit" && limits !== undefined && shouldRetry === false;
}

function typeOf(failure: Failure): string {
  // The Codex CLI matches the type, not the code.
  if (failure.code === "usage_limit_reached" || failure.code === "usage_not_included") return failure.code;
  const told = failure.upstream?.type;
  if (told !== undefined && (failure.kind === "rate_limit" || failure.kind === "upstream_api")) return told;
  if (failure.kind === "rate_limit" && failure.limits?.some(({ unit }) => unit === "tokens")) return "tokens";
  if (failure.kind === "upstream_api" && failure.status < 500) return "invalid_request_error";
  return TYPES[failure.kind];
}
