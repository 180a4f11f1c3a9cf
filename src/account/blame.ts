// What a failure says of the account that was asked: how long it is not to be asked again, and whether another may do better.

import type { Failure } from "../core/failure.ts";

/** Reason of a rest that a refused credential was given: one that nothing renews may still be mended where it comes from. */
export const REFUSED = "upstream_auth_failed";
const REFUSED_MS = 5 * 60_000;

/** For a limit that names no time. */
const USAGE_MS = 5 * 60_000;
const RATE_MS = 15_000;
const QUOTA_MS = 10 * 60_000;

/** Failures that another account of the same upstream may not have (issue of the account or of the moment, not of the request). */
const ELSEWHERE = new Set([
  "rate_limit",
  "quota",
  "overloaded",
  "upstream_credential",
  "transport",
  "stream_broken",
  "upstream_timeout",
]);

export function mayDoBetter({ kind, status, upstream }: Failure): boolean {
  return ELSEWHERE.has(kind) || (kind === "upstream_api" && (upstream?.status ?? status) >= 500);
}

/** Unix milliseconds until which the account rests; undefined when it need not. */
export function restUntil({ kind, code, retryAfter, upstream }: Failure, now: number): number | undefined {
  const told = retryAfter === undefined ? undefined : now + retryAfter * 1000;
  if (code === "usage_limit_reached") {
    const resets = upstream?.resetsAt === undefined ? undefined : upstream.resetsAt * 1000;
    return resets !== undefined && resets > now ? resets : (told ?? now + USAGE_MS);
  }
  if (kind === "rate_limit") return told ?? now + RATE_MS;
  if (kind === "quota") return told ?? now + QUOTA_MS;
  if (kind === "upstream_credential") return now + REFUSED_MS;
  return undefined;
}
