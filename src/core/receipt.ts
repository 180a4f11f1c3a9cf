// The one record that an exchange leaves behind: who, what, outcome, tokens, times.

import type { FailureKind } from "./failure.ts";

/** How an exchange ended. `refused`: before any upstream was asked. */
export type Outcome = "ok" | "failed" | "aborted" | "refused";

export interface Receipt {
  /** The request id, also in the answer's `x-request-id`. */
  id: string;
  /** Unix milliseconds at arrival. */
  at: number;
  licence: string | null;
  session: string | null;
  dialect: string;
  /** `turn`, `compact` or another operation of the dialect. */
  operation: string;
  stream: boolean;
  /** As the client wrote it. */
  askedModel: string | null;
  /** As it was sent upstream. */
  model: string | null;
  effort: string | null;
  upstream: string | null;
  account: string | null;
  outcome: Outcome;
  /** HTTP status of the answer; 499 when the client left before it. */
  status: number;
  /** The failure's code, if any. */
  code: string | null;
  /** And its kind. */
  failureKind: FailureKind | null;
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  /** Milliseconds from arrival to the first content byte handed to the client; null if there was none. */
  firstMs: number | null;
  /** Milliseconds from arrival to the end. */
  totalMs: number;
  /** How often the upstream was asked. */
  tries: number;
}
