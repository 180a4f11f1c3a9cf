// Whether a failed try is worth another one, and what of the turn has to change before it.

import type { Failure } from "../core/failure.ts";
import type { Item, Turn } from "../core/turn.ts";
import type { Attempt, Upstream } from "../upstream/index.ts";
import { retryDelay } from "../upstream/retry.ts";
import { withoutCiphertext } from "../upstream/sealed.ts";

/** Accounts that one turn may be carried to before the client is told. */
const MOST_ACCOUNTS = 5;

/** A question to an upstream, on its way through accounts and tries. */
export interface Trying {
  turn: Turn;
  upstream?: Upstream;
  readonly attempt: Attempt;
  /** Tries that went to an account a second time. */
  repeats: number;
  /** Settles anew what goes on the wire. */
  prepare(): unknown;
}

/** Milliseconds until another try; undefined when there is none. Only before anything of the answer was shown. */
export function again(trying: Trying, failure: Failure, retries: number): number | undefined {
  // Reasoning of another account or time: the visible history still stands without it (translation.md 0.6).
  if (isUnverified(failure) && dropReasoning(trying)) return 0;
  if (trying.upstream?.blame(failure, trying.attempt) && trying.attempt.tried.size < MOST_ACCOUNTS) return 0;
  if (++trying.repeats > retries) return undefined;
  return retryDelay(failure, trying.repeats, Math.random);
}

function isUnverified(failure: Failure): boolean {
  return (
    failure.kind !== "transport" &&
    (failure.code === "invalid_encrypted_content" ||
      /encrypted.content.*could not be|could not be verified/i.test(failure.message))
  );
}

/** The account is not to blame for it, and is asked again. */
function dropReasoning(trying: Trying): boolean {
  const { turn, attempt } = trying;
  const bare = withoutCiphertext(turn);
  if (!bare) return false;
  turn.input = bare.input as Item[];
  attempt.unverified = true;
  if (attempt.account !== undefined) attempt.tried.delete(attempt.account);
  trying.prepare();
  return true;
}
