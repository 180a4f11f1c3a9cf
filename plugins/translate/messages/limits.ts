// Limits in Anthropic's headers: `anthropic-ratelimit-requests-limit`, `-remaining`, `-reset`, and the same of tokens.

import { type LimitState, nearestLimit } from "codexd/plugin";

export function limitHeaders(states: readonly LimitState[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const unit of ["requests", "tokens"] as const) {
    const nearest = nearestLimit(states, unit);
    if (!nearest) continue;
    headers[`anthropic-ratelimit-${unit}-limit`] = String(nearest.limit);
    headers[`anthropic-ratelimit-${unit}-remaining`] = String(nearest.remaining);
    if (nearest.resetsAt !== null) headers[`anthropic-ratelimit-${unit}-reset`] = rfc3339(nearest.resetsAt);
  }
  return headers;
}

/** Whole seconds, and never before the window is over. */
function rfc3339(at: number): string {
  return new Date(Math.ceil(at / 1000) * 1000).toISOString().replace(".000Z", "Z");
}
