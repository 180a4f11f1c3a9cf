// Usage windows and credits as headers: read from those of an answer, and written where an answer has none (wire/codex.md D.5).

import type { AccountState, Credits, UsageWindow } from "../core/account.ts";

type Windows = Pick<AccountState, "primary" | "secondary">;
type Limits = Windows & Pick<AccountState, "credits">;

/** The windows that these headers tell of; undefined when they tell of none. */
export function windowsOf(headers: Headers): Windows | undefined {
  const primary = windowOf(headers, "primary");
  const secondary = windowOf(headers, "secondary");
  return primary || secondary ? { primary, secondary } : undefined;
}

function windowOf(headers: Headers, which: "primary" | "secondary"): UsageWindow | null {
  const usedPercent = number(headers.get(`x-codex-${which}-used-percent`));
  if (usedPercent === null || usedPercent < 0) return null;
  const minutes = number(headers.get(`x-codex-${which}-window-minutes`));
  const resetsAt = number(headers.get(`x-codex-${which}-reset-at`));
  // Nothing used, of no window: the backend's way to say that there is no such limit.
  if (usedPercent === 0 && minutes === null && resetsAt === null) return null;
  return { usedPercent, minutes, resetsAt };
}

function number(text: string | null): number | null {
  return text !== null && /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

export function hasRoom({ primary, secondary }: Windows): boolean {
  return [primary, secondary].every((window) => window === null || window.usedPercent < 100);
}

export function sameLimits(a: Limits, b: Limits): boolean {
  const key = ({ primary, secondary, credits }: Limits) =>
    JSON.stringify([
      ...[primary, secondary].map((one) => one && [one.usedPercent, one.minutes, one.resetsAt]),
      credits && [credits.hasCredits, credits.unlimited, credits.balance],
    ]);
  return key(a) === key(b);
}

/** Undefined where the headers say nothing of credits. */
export function creditsOf(headers: Headers): Credits | undefined {
  const has = headers.get("x-codex-credits-has-credits");
  if (has === null) return undefined;
  const isTrue = (text: string | null) => text === "true" || text === "1";
  return {
    hasCredits: isTrue(has),
    unlimited: isTrue(headers.get("x-codex-credits-unlimited")),
    balance: headers.get("x-codex-credits-balance"),
  };
}

/** What is known, in the form in which the backend says it. A window that is over says nothing of the new one. */
export function limitHeaders({ primary, secondary, credits }: Limits, now: number): Record<string, string> {
  const isOver = (window: UsageWindow) => window.resetsAt !== null && window.resetsAt * 1000 <= now;
  const headers: Record<string, string> = {};
  for (const [name, window] of Object.entries({ primary, secondary })) {
    if (!window || isOver(window)) continue;
    headers[`x-codex-${name}-used-percent`] = String(window.usedPercent);
    if (window.minutes !== null) headers[`x-codex-${name}-window-minutes`] = String(window.minutes);
    if (window.resetsAt !== null) headers[`x-codex-${name}-reset-at`] = String(window.resetsAt);
  }
  if (Object.keys(headers).length === 0 || !credits) return headers;
  headers["x-codex-credits-has-credits"] = String(credits.hasCredits);
  headers["x-codex-credits-unlimited"] = String(credits.unlimited);
  if (credits.balance !== null) headers["x-codex-credits-balance"] = credits.balance;
  return headers;
}
