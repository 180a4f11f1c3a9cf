// Failures in Google's envelope: a status name, our code as the reason, and how long to wait where a limit says so.

import type { Failure, LimitState, RenderedFailure } from "codexd/plugin";

/** Google's canonical names by HTTP status; other client errors are INVALID_ARGUMENT, other server errors INTERNAL. */
const STATUS: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  409: "ABORTED",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  501: "UNIMPLEMENTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

const TYPE = "type.googleapis.com/google.rpc.";

/** The answer to a request that failed before its first byte. */
export function renderFailure(failure: Failure, requestId: string): RenderedFailure {
  const headers: Record<string, string> = { ...failure.headers };
  if (failure.retryAfter !== undefined) headers["retry-after"] = String(Math.ceil(failure.retryAfter));
  if (failure.shouldRetry !== undefined) headers["x-should-retry"] = String(failure.shouldRetry);
  return { status: failure.status, headers, body: errorBody(failure, requestId) };
}

/** The envelope, the same over HTTP and inside a stream. */
export function errorBody(failure: Failure, requestId: string): Record<string, unknown> {
  const { status: code, message } = failure;
  return {
    error: {
      code,
      message,
      status: STATUS[code] ?? (code < 500 ? "INVALID_ARGUMENT" : "INTERNAL"),
      details: details(failure, requestId),
    },
  };
}

function details(failure: Failure, requestId: string): Record<string, unknown>[] {
  const out: Record<string, unknown>[] = [
    { "@type": `${TYPE}ErrorInfo`, reason: failure.code, domain: "codexd", metadata: { requestId } },
  ];
  if (failure.param !== undefined) {
    out.push({
      "@type": `${TYPE}BadRequest`,
      fieldViolations: [{ field: failure.param, description: failure.message }],
    });
  }
  if (failure.limits) out.push({ "@type": `${TYPE}QuotaFailure`, violations: failure.limits.map(violation) });
  // Gemini CLI waits by this and ignores the Retry-After header.
  if (failure.retryAfter !== undefined)
    out.push({ "@type": `${TYPE}RetryInfo`, retryDelay: `${Math.ceil(failure.retryAfter)}s` });
  return out;
}

/** Gemini CLI reads the id: of a `PerDay` it tells its user, a `PerMinute` it waits out. */
function violation({ name, unit, of, limit }: LimitState): Record<string, unknown> {
  const quotaId = name.replace(/(^|\.)[a-z]/g, (letter) => letter.slice(-1).toUpperCase());
  return {
    subject: of,
    description: `${name}: ${limit}`,
    quotaMetric: `codexd/${unit}`,
    quotaId,
    quotaValue: `${limit}`,
  };
}
