// A failure in Anthropic's error envelope.

import type { Failure, RenderedFailure } from "codexd/plugin";

const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  409: "invalid_request_error",
  413: "request_too_large",
  415: "invalid_request_error",
  422: "invalid_request_error",
  429: "rate_limit_error",
  431: "request_too_large",
  504: "timeout_error",
  529: "overloaded_error",
};

/** The error object, over HTTP and inside a stream alike. `code` is the same string as in every other dialect. */
export function errorBody(failure: Failure, requestId: string): { type: "error"; [field: string]: unknown } {
  return {
    type: "error",
    error: { type: typeOf(failure), message: messageOf(failure), code: failure.code },
    request_id: requestId,
  };
}

export function renderFailure(failure: Failure, { requestId }: { requestId: string }): RenderedFailure {
  const headers: Record<string, string> = { "request-id": requestId, ...failure.headers };
  if (failure.retryAfter !== undefined) headers["retry-after"] = String(Math.max(0, Math.ceil(failure.retryAfter)));
  if (failure.shouldRetry !== undefined) headers["x-should-retry"] = String(failure.shouldRetry);
  return { status: statusOf(failure), headers, body: errorBody(failure, requestId) };
}

/** Anthropic's own statuses for an overload and an empty purse. */
function statusOf(failure: Failure): number {
  if (failure.kind === "overloaded") return 529;
  if (failure.kind === "quota") return 402;
  return failure.status;
}

function typeOf(failure: Failure): string {
  // A policy refusal is the request's fault wherever it surfaces: another try would be refused again.
  if (failure.code === "cyber_policy" || failure.code === "invalid_prompt") return "invalid_request_error";
  if (failure.kind === "shutting_down") return "overloaded_error";
  const status = statusOf(failure);
  return TYPES[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
}

/** Clients compact a conversation when they read these words, and better when they find both numbers. */
function messageOf(failure: Failure): string {
  const { message } = failure;
  if (failure.kind !== "context_window" || message.startsWith("prompt is too long")) return message;
  const numbers = (message.match(/\d[\d,]{3,}/g) ?? []).map((digits) => Number(digits.replaceAll(",", "")));
  const [first, second] = numbers;
  if (first === undefined || second === undefined || first === second) return `prompt is too long: ${message}`;
  return `prompt is too long: ${Math.max(first, second)} tokens > ${Math.min(first, second)} maximum`;
}
