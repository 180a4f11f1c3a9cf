// What an upstream's refusal means: HTTP answers and failing events, sorted once into our closed set (wire/codex.md D).

import type { Event } from "../core/event.ts";
import { Failure, type FailureDetails, type FailureKind, type UpstreamFault } from "../core/failure.ts";
import { challengeFailure, isChallenge } from "./challenge.ts";
import { passingHeaders } from "./headers.ts";
import { redacted } from "./redact.ts";
import { resetAdvice, retryAdvice } from "./retry-after.ts";
import { type Said, saidInAnswer, saidInEvent } from "./said.ts";

export interface FailureContext {
  /** Name of the upstream, for messages. */
  upstream: string;
  /** Texts that must never be repeated. */
  secrets?: readonly string[];
  /** Unix milliseconds. */
  now: number;
}

const QUOTA = new Set([
  ...["insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded"],
  ...["project_spend_limit_exceeded", "organization_usage_limit_exceeded"],
]);
/** The client's request is at fault, and the code says how; clients know these codes. */
const REFUSED = new Set([
  ...["cyber_policy", "bio_policy", "misalignment_policy_violation", "invalid_prompt", "invalid_encrypted_content"],
  ...["previous_response_not_found", "content_policy_violation", "unsupported_country_region_territory"],
]);
/** The account is at fault, whatever the status. */
const CREDENTIAL = new Set(["invalid_api_key", "token_expired", "token_invalidated", "deactivated_workspace"]);
const CONTEXT = /context[ _](?:window|length)|maximum context|prompt is too long|too many tokens/i;
/** An overloaded upstream that names no time: clients wait only when told how long. */
const OVERLOADED_SECONDS = 2;

/** The failure of an HTTP answer that is not a success. */
export function failureOfAnswer(status: number, headers: Headers, text: string, context: FailureContext): Failure {
  const clean = redacted(text, context.secrets);
  if (isChallenge(status, headers, clean)) return challengeFailure(headers, status, context.upstream);
  return sorted(saidInAnswer(status, headers, clean), context);
}

/** The failure that an event tells; undefined for an event that tells none. */
export function faultOfEvent(event: Event, context: Partial<FailureContext> = {}): Failure | undefined {
  const said = saidInEvent(event, context.secrets);
  return said && sorted(said, { upstream: context.upstream ?? "", now: context.now ?? Date.now() });
}

function sorted(said: Said, context: FailureContext): Failure {
  const { status, code, type, message } = said;
  const named = (...words: string[]) => words.some((word) => word === code || word === type);
  const make = (kind: FailureKind, ours: string, details: Partial<FailureDetails> = {}) =>
    new Failure(kind, {
      code: ours,
      message: message || unspoken(status, context.upstream),
      ...(said.param ? { param: said.param } : {}),
      upstream: faultOf(said),
      ...details,
    });
  const final = { shouldRetry: false } as const;

  if (named("usage_limit_reached")) return usageLimit(said, context.now, make);
  if (named("usage_not_included")) return make("quota", "usage_not_included", { ...final, status: 429 });
  if (named(...QUOTA)) return make("quota", "insufficient_quota", final);
  if (named("context_length_exceeded") || (isRefusal(status) && CONTEXT.test(message))) {
    return make("context_window", "context_length_exceeded", final);
  }
  if (code !== undefined && REFUSED.has(code)) return make("invalid_request", code, final);
  if (/encrypted content.*could not be verified/is.test(message))
    return make("invalid_request", "invalid_encrypted_content", final);
  if (status === 400 && /invalid signature in thinking/i.test(message))
    return make("invalid_request", "thinking_signature_invalid", final);
  if (status === 400 && /\bprevious_response_not_found\b/.test(message))
    return make("invalid_request", "previous_response_not_found", final);
  if (code?.startsWith("invalid_image") || /image data you provided/i.test(message))
    return make("invalid_request", code ?? "invalid_image", final);
  if (named("model_not_found") || (status === 400 && /model is not supported when using Codex/i.test(message))) {
    return make("unknown_model", "model_not_found", final);
  }
  if (named("slow_down", "rate_limit_exceeded", "flex_unavailable")) return rateLimit(said, context.now, make);
  if (named("server_is_overloaded", "overloaded_error")) return overloaded(said, context.now, make);
  return byStatus(said, context, make);
}

type Make = (kind: FailureKind, code: string, details?: Partial<FailureDetails>) => Failure;

function byStatus(said: Said, context: FailureContext, make: Make): Failure {
  const { status, code, message } = said;
  const final = { shouldRetry: false } as const;
  const refused = code?.startsWith("invalid_") || said.type === "invalid_request_error";
  if (status === 401 || status === 403 || (code !== undefined && CREDENTIAL.has(code))) {
    const why = [status, code, message].filter(Boolean).join(" ");
    const advice =
      "the operator has to renew it: run `codexd login` (`codex login` where its file is shared), or configure another key";
    return make("upstream_credential", "upstream_auth_failed", {
      ...final,
      message: `${titleOf(context.upstream)} refused its credential (${why}); ${advice}`,
    });
  }
  if (status === undefined) return make("upstream_api", "upstream_error", refused ? { ...final, status: 400 } : {});
  if (status === 402) return make("quota", "insufficient_quota", final);
  if (status === 413) return make("too_large", "request_too_large", final);
  if (status === 429) return rateLimit(said, context.now, make);
  if (status === 503 || status === 529) return overloaded(said, context.now, make);
  if (status === 408 || status === 504) return make("upstream_timeout", "upstream_timeout");
  if (isRefusal(status)) return make("upstream_api", "upstream_error", { ...final, status });
  const advice = retryAdvice(said.headers, message, context.now);
  return make("upstream_api", "upstream_error", advice === undefined ? {} : { retryAfter: advice });
}

/** 429 whatever the status said; clients must not come back before the reset. */
function usageLimit(said: Said, now: number, make: Make): Failure {
  const { retryAfter, resetsAt } = resetAdvice(said.error, said.headers, now);
  const upstream: UpstreamFault = { ...faultOf(said), ...(resetsAt === undefined ? {} : { resetsAt }) };
  return make("rate_limit", "usage_limit_reached", {
    shouldRetry: false,
    upstream,
    message: said.message || "the upstream account has reached its usage limit",
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

function rateLimit(said: Said, now: number, make: Make): Failure {
  const retryAfter = retryAdvice(said.headers, said.message, now);
  const code = said.code === "flex_unavailable" ? "flex_unavailable" : "rate_limit_exceeded";
  if (retryAfter === undefined) return make("rate_limit", code);
  const advisedInText = retryAdvice(said.headers, "", now) === undefined;
  return make("rate_limit", code, {
    retryAfter,
    ...(advisedInText ? { upstream: { ...faultOf(said), advisedInText } } : {}),
  });
}

function overloaded(said: Said, now: number, make: Make): Failure {
  return make("overloaded", "server_is_overloaded", {
    retryAfter: retryAdvice(said.headers, said.message, now) ?? OVERLOADED_SECONDS,
  });
}

function isRefusal(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500;
}

function unspoken(status: number | undefined, upstream: string): string {
  const who = titleOf(upstream);
  return status === undefined ? `${who} failed without saying why` : `${who} answered ${status} without saying why`;
}

const titleOf = (upstream: string): string => (upstream ? `upstream ${upstream}` : "the upstream");

function faultOf(said: Said): UpstreamFault {
  const { status, code, type, body, error, headers } = said;
  const requestId = headers.get("x-request-id") ?? headers.get("x-oai-request-id");
  const passing = Object.fromEntries(passingHeaders(headers));
  const planType = typeof error.plan_type === "string" ? error.plan_type : undefined;
  return {
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(type === undefined ? {} : { type }),
    ...(requestId ? { requestId } : {}),
    ...(planType ? { planType } : {}),
    ...(Object.keys(passing).length > 0 ? { headers: passing } : {}),
    body,
  };
}
