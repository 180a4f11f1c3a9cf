// What a client is told when a limit is reached, and how each limit stands.

import { Failure } from "../../core/failure.ts";
import type { LimitState } from "../../core/limit.ts";
import { MILLIONTHS, type Rule } from "./rules.ts";

/** How a rule stands: what was counted, and when (Unix milliseconds, 0: no window is open) that begins anew. */
export interface Standing {
  rule: Rule;
  count: number;
  until: number;
}

/** Beyond so many seconds a client that waits by itself does its user no service: some would sleep for hours (wire/clients.md 10). */
const LONG = 60;

export function stateOf({ rule, count, until }: Standing, now: number): LimitState {
  const shown = rule.unit === "money" ? 1 / MILLIONTHS : 1;
  return {
    name: rule.name,
    unit: rule.unit,
    of: rule.of,
    limit: rule.limit * shown,
    remaining: Math.max(0, rule.limit - count) * shown,
    resetsAt: rule.unit === "streams" ? null : until || now,
  };
}

export function isFull({ rule, count }: Standing): boolean {
  return count >= rule.limit;
}

/** The refusal for limits that are reached; budgets are told before rates, for another try does not help them. */
export function refusal(full: readonly Standing[], now: number, currency: string | undefined): Failure {
  const spent = full.filter(({ rule }) => rule.name.startsWith("budget."));
  const told = spent.length > 0 ? spent : full;
  const longest = told.reduce((one, other) => (other.until > one.until ? other : one));
  const retryAfter = Math.max(1, Math.ceil((longest.until - now) / 1000));
  return new Failure(spent.length > 0 ? "quota" : "rate_limit", {
    code: spent.length > 0 ? "insufficient_quota" : "rate_limit_exceeded",
    message: sentence(longest, retryAfter, currency),
    retryAfter,
    ...(retryAfter > LONG || spent.length > 0 ? { shouldRetry: false } : {}),
    limits: told.map((standing) => stateOf(standing, now)),
  });
}

function sentence({ rule, until }: Standing, retryAfter: number, currency: string | undefined): string {
  const { name, unit, of, limit, period } = rule;
  if (unit === "streams")
    return `${of}: ${limit} exchanges are under way, and no more may be (${name}); try again when one has ended`;
  if (name.startsWith("budget.")) {
    const budget =
      unit === "money" ? `${limit / MILLIONTHS} ${currency} (an estimate by the configured prices)` : `${limit} tokens`;
    const span = period?.replace("calendar ", "");
    return `${of}: the budget of ${budget} per ${span} is spent; it begins anew at ${new Date(until).toISOString()}`;
  }
  return `${of}: the ${limit} ${unit} per ${period} are used up (${name}); try again in ${retryAfter} s`;
}

/** What `x-codexd-budget-warning` and the log say of a budget that runs out. */
export function warning({ rule, count, until }: Standing, currency: string | undefined): string {
  const share = Math.floor((count / rule.limit) * 100);
  const [budget, unit] =
    rule.unit === "money" ? [rule.limit / MILLIONTHS, `${currency} (estimated)`] : [rule.limit, "tokens"];
  return `${share}% of ${budget} ${unit} used; begins anew at ${new Date(until).toISOString()}`;
}
