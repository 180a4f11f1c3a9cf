// The closed set of ways an exchange can fail. A failure is made once, where it happens, and rendered by the dialect.

import type { LimitState } from "./limit.ts";

/** The kinds of `interface.md`, section Errors, with the HTTP status that a dialect uses unless it has its own. */
export const FAILURE_STATUS = {
  invalid_request: 400,
  unknown_model: 404,
  context_window: 400,
  authentication: 401,
  permission: 403,
  unknown_path: 404,
  wrong_method: 405,
  too_large: 413,
  headers_too_large: 431,
  rate_limit: 429,
  quota: 429,
  overloaded: 503,
  upstream_api: 502,
  upstream_credential: 503,
  transport: 502,
  upstream_timeout: 504,
  stream_broken: 502,
  shutting_down: 503,
  unsupported: 501,
  internal: 500,
} as const;

/** What went wrong, of a closed set; each has one HTTP status that a dialect uses unless it has its own. */
export type FailureKind = keyof typeof FAILURE_STATUS;

/** What the upstream said, kept for the client that can use it (a Codex client reads `type`, `planType`, `resetsAt`). */
export interface UpstreamFault {
  /** HTTP status of the upstream's answer; absent when it failed inside a stream. */
  status?: number;
  code?: string;
  type?: string;
  /** The upstream's own error object or body, as it came, for a client that speaks the upstream's language. */
  body?: unknown;
  requestId?: string;
  /** When to come back was only in its words, not in a header. */
  advisedInText?: boolean;
  planType?: string;
  /** Unix seconds. */
  resetsAt?: number;
  /** Response headers of the upstream that clients read (`x-codex-*`). */
  headers?: Record<string, string>;
}

/** What a failure says beside its kind. */
export interface FailureDetails {
  /** The machine-readable code, the same string in every dialect, e.g. `model_not_found`. */
  code: string;
  /** One sentence for a person: what is wrong, where, and what is legal. */
  message: string;
  /** Overrides the status of the kind; for the upstream's own 4xx. */
  status?: number;
  /** Seconds until another try makes sense. */
  retryAfter?: number;
  /** False tells clients that repeating the request is useless (`x-should-retry: false`). */
  shouldRetry?: boolean;
  /** The request field at fault, as a path: `input[3].content[0].type`. */
  param?: string;
  upstream?: UpstreamFault;
  /** The limits of ours that were reached. */
  limits?: readonly LimitState[];
  /** Headers of the answer, e.g. `allow`. */
  headers?: Record<string, string>;
  cause?: unknown;
}

/** A failure of an exchange. Throw it anywhere; it becomes an HTTP status before the first byte, an in-stream error after it. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  readonly code: string;
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly shouldRetry: boolean | undefined;
  readonly param: string | undefined;
  readonly upstream: UpstreamFault | undefined;
  readonly limits: readonly LimitState[] | undefined;
  readonly headers: Record<string, string> | undefined;

  constructor(kind: FailureKind, details: FailureDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.code = details.code;
    this.status = details.status ?? FAILURE_STATUS[kind];
    this.retryAfter = details.retryAfter;
    this.shouldRetry = details.shouldRetry;
    this.param = details.param;
    this.upstream = details.upstream;
    this.limits = details.limits;
    this.headers = details.headers;
  }
}

/** A 400 that names the field at fault. */
export function invalid(param: string, message: string, code = "invalid_request"): Failure {
  return new Failure("invalid_request", { code, message, param });
}

/** Turns anything thrown into a failure; what is not one of ours is `internal_error`, without its text or stack. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  return new Failure("internal", {
    code: "internal_error",
    message: "codexd met an internal error; the server's log has it under this request's id",
    cause: thrown,
  });
}
