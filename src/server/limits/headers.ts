// Limits in the headers that OpenAI's clients read, for every dialect that has none of its own.

import { type LimitState, nearestLimit } from "../../core/limit.ts";

/** `x-ratelimit-limit-requests`, `-remaining-requests`, `-reset-requests`, and the same of tokens. */
export function rateLimitHeaders(states: readonly LimitState[], now: number): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const unit of ["requests", "tokens"] as const) {
    const nearest = nearestLimit(states, unit);
    if (!nearest) continue;
    headers[`x-ratelimit-limit-${unit}`] = String(nearest.limit);
    headers[`x-ratelimit-remaining-${unit}`] = String(nearest.remaining);
    if (nearest.resetsAt !== null) headers[`x-ratelimit-reset-${unit}`] = span(nearest.resetsAt - now);
  }
  return headers;
}

/** As OpenAI writes spans: `850ms`, `12s`, `6m0s`, `23h59m1s`. */
function span(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.ceil(milliseconds))}ms`;
  const seconds = Math.ceil(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours > 0 ? `${hours}h` : ""}${seconds >= 60 ? `${minutes}m` : ""}${seconds % 60}s`;
}
