// Points in time as people write them: how long ago, or a date.

import { parseDuration } from "./quantity.ts";

export const MOMENT_LEGAL =
  "a duration such as 24h or 7d, meaning so long ago, or a date such as 2026-01-31 or 2026-01-31T12:00:00Z";

/** Unix milliseconds; a date without a time zone is one in UTC. Undefined for anything else. */
export function parseMoment(text: string, now: number): number | undefined {
  const ago = parseDuration(text);
  if (ago !== undefined) return now - ago;
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) return undefined;
  const isLocal = /T[\d:.]+$/.test(text);
  const date = Date.parse(isLocal ? `${text}Z` : text);
  return Number.isNaN(date) ? undefined : date;
}
