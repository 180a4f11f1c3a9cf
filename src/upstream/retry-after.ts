// When another try makes sense, in all the forms in which upstreams say it; always whole seconds, as `Retry-After` has them.

const TEXT = /try again in\s*(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|sec|seconds?|m|min|minutes?)\b/i;
/** Longer advice is not advice; it also keeps an absurd header from becoming an absurd timer. */
const LONGEST = 31 * 24 * 3600;

/** From headers (seconds, date, milliseconds), else from the text. */
export function retryAdvice(headers: Headers, message: string, now: number): number | undefined {
  const ms = headers.get("retry-after-ms") ?? headers.get("x-ms-retry-after-ms");
  if (ms !== null && /^\d+(\.\d+)?$/.test(ms)) return seconds(Number(ms) / 1000);
  const after = headers.get("retry-after");
  if (after !== null) {
    if (/^\d+(\.\d+)?$/.test(after)) return seconds(Number(after));
    const date = Date.parse(after);
    if (!Number.isNaN(date)) return seconds((date - now) / 1000);
  }
  const [, amount, unit] = TEXT.exec(message) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const short = unit.toLowerCase();
  const factor = short.startsWith("ms") || short.startsWith("mill") ? 0.001 : short.startsWith("m") ? 60 : 1;
  return seconds(Number(amount) * factor);
}

/** The reset of a usage limit: `resets_at` while it lies ahead, else `resets_in_seconds`, else the headers. */
export function resetAdvice(
  error: Record<string, unknown>,
  headers: Headers,
  now: number,
): { retryAfter: number | undefined; resetsAt: number | undefined } {
  const at = typeof error.resets_at === "number" ? error.resets_at : undefined;
  if (at !== undefined && at * 1000 > now) return { retryAfter: seconds(at - now / 1000), resetsAt: at };
  const told =
    typeof error.resets_in_seconds === "number" ? seconds(error.resets_in_seconds) : retryAdvice(headers, "", now);
  return { retryAfter: told, resetsAt: told === undefined ? undefined : Math.ceil(now / 1000) + told };
}

function seconds(value: number): number {
  return Math.min(Math.max(Math.ceil(value), 0), LONGEST);
}
