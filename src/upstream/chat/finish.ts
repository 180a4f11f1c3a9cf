// How an answer of a Chat provider ends: its finish reasons, and its errors as failures.

import { Failure, type FailureKind } from "../../core/failure.ts";
import type { Incomplete } from "./response.ts";

type Json = Record<string, unknown>;

/** What a finish reason means; reasons that nobody knows end the answer like `stop`, for the answer is there. */
export function finishOf(reason: string | undefined): { incomplete: Incomplete; failure?: Failure } {
  switch (reason?.toLowerCase()) {
    case "length":
    case "max_tokens":
    case "model_length":
      return { incomplete: "max_output_tokens" };
    case "content_filter":
    case "safety":
      return { incomplete: "content_filter" };
    case "error":
      return {
        incomplete: undefined,
        failure: chatFailure({ error: { message: "the upstream gave up on its answer" } }),
      };
    case "insufficient_system_resource":
      return {
        incomplete: undefined,
        failure: chatFailure({ error: { code: 503, message: "the upstream ran out of resources" } }),
      };
    default:
      return { incomplete: undefined };
  }
}

const KINDS: readonly [RegExp, FailureKind, string][] = [
  [
    /context_length|context length|maximum context|too many tokens|prompt is too long/i,
    "context_window",
    "context_length_exceeded",
  ],
  [/insufficient_quota|billing|credits|exceeded your current quota/i, "quota", "insufficient_quota"],
  [/rate.?limit|too many requests|\b429\b/i, "rate_limit", "rate_limit_exceeded"],
  [/overloaded|capacity|unavailable|\b50[3]\b|\b529\b/i, "overloaded", "server_is_overloaded"],
];

/** An error that the provider sent as a chunk, or as a body under status 200. */
export function chatFailure(body: Json): Failure {
  const error =
    typeof body.error === "object" && body.error !== null ? (body.error as Json) : { message: String(body.error) };
  const said =
    typeof error.message === "string" && error.message !== ""
      ? error.message
      : "the upstream sent an error without a message";
  const signs = [error.code, error.type, error.status, said]
    .filter((sign) => sign !== undefined && sign !== null)
    .join(" ");
  const [, kind, code] = KINDS.find(([sign]) => sign.test(signs)) ?? [
    undefined,
    "upstream_api" as const,
    "upstream_error",
  ];
  return new Failure(kind, {
    code,
    message: said,
    upstream: {
      ...(typeof error.code === "string" ? { code: error.code } : {}),
      ...(typeof error.type === "string" ? { type: error.type } : {}),
      body,
    },
  });
}
