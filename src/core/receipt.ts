// The one record that an exchange leaves behind: who, what, outcome, tokens, times.

import type { FailureKind } from "./failure.ts";

/** How an exchange ended. `refused`: before any upstream was asked. */
export type Outcome = "ok" | "failed" | "aborted" | "refused";

/** What an exchange leaves behind, exactly one, however it ended. Plugins get it in `settled`. */
export interface Receipt {
  /** The request id, also in the answer's `x-request-id`. */
  id: string;
  /** Unix milliseconds at arrival. */
  at: number;
  /** Who asked; null where authentication refused. */
  licence: string | null;
  /** The client's conversation. */
  session: string | null;
  /** The wire format that the client spoke. */
  dialect: string;
  /** `turn`, `compact` or another operation of the dialect. */
  operation: string;
  /** Whether the client asked for a stream. */
  stream: boolean;
  /** As the client wrote it. */
  askedModel: string | null;
  /** As it was sent upstream. */
  model: string | null;
  /** The reasoning effort that was settled on. */
  effort: string | null;
  /** Who answered; null when no upstream was asked. */
  upstream: string | null;
  /** The upstream's account that was used. */
  account: string | null;
  /** How it ended. */
  outcome: Outcome;
  /** HTTP status of the answer; 499 when the client left before it. */
  status: number;
  /** The failure's code, if any. */
  code: string | null;
  /** And its kind. */
  failureKind: FailureKind | null;
  /** Tokens of all that was sent, inner turns of plugins and cached ones included. */
  inputTokens: number;
  /** Those of them that came from the upstream's prompt cache. */
  cachedTokens: number;
  /** Tokens of all that was generated, reasoning included. */
  outputTokens: number;
  /** Those of them that were reasoning. */
  reasoningTokens: number;
  /** Milliseconds from arrival to the first content byte handed to the client; null if there was none. */
  firstMs: number | null;
  /** Milliseconds from arrival to the end. */
  totalMs: number;
  /** How often the upstream was asked. */
  tries: number;
}
