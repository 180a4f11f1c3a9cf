// Usage windows, read from the headers that come with every answer (wire/codex.md D.5).

import type { AccountState, UsageWindow } from "../core/account.ts";

export type Windows = Pick<AccountState, "primary" | "secondary">;

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

export function sameWindows(a: Windows, b: Windows): boolean {
  const key = ({ primary, secondary }: Windows) =>
    JSON.stringify([primary, secondary].map((one) => one && [one.usedPercent, one.minutes, one.resetsAt]));
  return key(a) === key(b);
}
