// Whether a failure before the first byte is worth another try, and when.

import type { Failure } from "../core/failure.ts";

const BASE_MS = 200;
/** Whoever has to wait longer is told so instead: the client knows better what its time is worth. */
const LONGEST_SECONDS = 5;

/**
 * Milliseconds to wait before try `attempt + 1`; undefined when another try is useless. `attempt` counts from 1. Only for a turn of
 * which the upstream has produced nothing: the caller knows.
 */
export function retryDelay(failure: Failure, attempt: number, random: () => number = Math.random): number | undefined {
  if (!isTransient(failure)) return undefined;
  const { retryAfter } = failure;
  if (retryAfter !== undefined && retryAfter > LONGEST_SECONDS) return undefined;
  // Jitter only adds to advice: coming back early is a second refusal.
  if (retryAfter !== undefined) return Math.round(retryAfter * 1000 + random() * BASE_MS);
  return Math.round(BASE_MS * 2 ** (attempt - 1) * (0.5 + random()));
}

function isTransient(failure: Failure): boolean {
  if (failure.shouldRetry === false) return false;
  switch (failure.kind) {
    case "transport":
    case "stream_broken":
    case "overloaded":
      return true;
    case "rate_limit":
      return failure.retryAfter !== undefined;
    case "upstream_api": {
      const status = failure.upstream?.status ?? failure.status;
      return status >= 500 && status !== 501 && status !== 505;
    }
    default:
      return false;
  }
}
