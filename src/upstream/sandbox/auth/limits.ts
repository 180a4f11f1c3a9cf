// An account's usage windows, told as headers, as a limit's error and as `wham/usage`.
import type { Json } from "../json.ts";
import type { Account } from "./accounts.ts";

export interface Window {
  usedPercent: number;
  windowMinutes: number;
  // Seconds since 1970.
  resetAt: number;
}

export interface Windows {
  primary: Window | null;
  secondary: Window | null;
  // What one turn uses of the primary window, in percent.
  perTurn: number;
}

const FIVE_HOURS = 300;
const A_WEEK = 10_080;

export function freshWindows(): Windows {
  const now = seconds();
  return {
    primary: { usedPercent: 0, windowMinutes: FIVE_HOURS, resetAt: now + FIVE_HOURS * 60 },
    secondary: { usedPercent: 0, windowMinutes: A_WEEK, resetAt: now + A_WEEK * 60 },
    perTurn: 1,
  };
}

// Using alone never limits an account: only a script does, so that a long test does not run dry by accident.
export function spend({ windows }: Account): void {
  const { primary, perTurn } = windows;
  if (primary) primary.usedPercent = Math.min(Math.max(primary.usedPercent, 99), primary.usedPercent + perTurn);
}

export function isLimited(account: Account): boolean {
  return (account.script.limitedUntil ?? 0) > Date.now();
}

export function limitHeaders(account: Account): Record<string, string> {
  const { primary, secondary } = current(account);
  return {
    "x-codex-active-limit": "codex",
    ...windowHeaders("primary", primary),
    ...windowHeaders("secondary", secondary),
    "x-codex-credits-has-credits": "false",
    "x-codex-credits-unlimited": "false",
    "x-codex-credits-balance": "0",
  };
}

export function usageOf(account: Account): Json {
  const { primary, secondary } = current(account);
  const limited = isLimited(account);
  return {
    plan_type: account.plan,
    rate_limit: {
      allowed: !limited,
      limit_reached: limited,
      primary_window: windowObject(primary),
      secondary_window: windowObject(secondary),
    },
    credits: { has_credits: false, unlimited: false, balance: "0" },
  };
}

// A window that is over begins anew; a limit shows as a primary window that is used up until the limit ends.
function current(account: Account): { primary: Window | null; secondary: Window | null } {
  const { windows, script } = account;
  for (const window of [windows.primary, windows.secondary]) renew(window);
  const until = Math.floor((script.limitedUntil ?? 0) / 1000);
  if (!isLimited(account)) return windows;
  const { windowMinutes } = windows.primary ?? { windowMinutes: FIVE_HOURS };
  return { primary: { usedPercent: 100, windowMinutes, resetAt: until }, secondary: windows.secondary };
}

function renew(window: Window | null): void {
  if (!window || window.resetAt > seconds()) return;
  window.usedPercent = 0;
  window.resetAt = seconds() + window.windowMinutes * 60;
}

function windowHeaders(name: string, window: Window | null): Record<string, string> {
  if (!window) return {};
  return {
    [`x-codex-${name}-used-percent`]: String(window.usedPercent),
    [`x-codex-${name}-window-minutes`]: String(window.windowMinutes),
    [`x-codex-${name}-reset-at`]: String(window.resetAt),
  };
}

function windowObject(window: Window | null): Json | null {
  if (!window) return null;
  return {
    used_percent: window.usedPercent,
    limit_window_seconds: window.windowMinutes * 60,
    reset_after_seconds: Math.max(0, window.resetAt - seconds()),
    reset_at: window.resetAt,
  };
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
