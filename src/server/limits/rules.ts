// Which limits an exchange is under: those of its licence, and every quota of the configuration that fits it.

import type { QuotaConfig } from "../../config/load.ts";
import { matchesGlob } from "../../core/glob.ts";
import type { Principal } from "../../core/hooks.ts";
import { LIMITS, type LimitName, type LimitState, type Limits } from "../../core/limit.ts";
import type { Span } from "../../store/counters/index.ts";

/** One counter that exchanges move, and how far. */
export interface Rule {
  name: LimitName;
  unit: LimitState["unit"];
  /** Whose it is, for a person. */
  of: string;
  /** In what is counted; for money that is millionths. */
  limit: number;
  /** Absent for streams, which are held and not counted. */
  period?: "minute" | "day" | "calendar day" | "calendar month";
  /** Name of the counter; a calendar's has the date added (`counterOf`). */
  key: string;
  /** Count from which it is time to warn. */
  warnAt?: number;
}

const MINUTE = 60_000;
const DAY = 86_400_000;
/** Money is counted in these, so that sums stay exact. */
export const MILLIONTHS = 1e6;

const KINDS = {
  requestsPerMinute: { unit: "requests", period: "minute" },
  requestsPerDay: { unit: "requests", period: "day" },
  tokensPerMinute: { unit: "tokens", period: "minute" },
  tokensPerDay: { unit: "tokens", period: "day" },
  streams: { unit: "streams" },
} as const satisfies Record<keyof Limits, Pick<Rule, "unit" | "period">>;

/** The counter of a rule at a time, and what its window is. */
export function counterOf({ key, period }: Rule, now: number): { key: string; span: Span } {
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  switch (period) {
    case "calendar day":
      return { key: `${key}:${date.toISOString().slice(0, 10)}`, span: { until: Date.UTC(year, month, day + 1) } };
    case "calendar month":
      return { key: `${key}:${date.toISOString().slice(0, 7)}`, span: { until: Date.UTC(year, month + 1, 1) } };
    default:
      return { key, span: { lasts: period === "day" ? DAY : MINUTE } };
  }
}

/** Whether a licence has a limit of its own. */
export function isLimited(principal: Principal): boolean {
  return LIMITS.some((name) => principal[name] !== undefined);
}

export function rulesOfLicence(principal: Principal): Rule[] {
  return rulesOf(principal, `licence ${principal.id}`, `licence:${principal.id}`);
}

/** Whether a quota is about this licence, whatever it asks for. */
export function isAbout({ licence }: QuotaConfig, id: string): boolean {
  return licence === undefined || matchesGlob(licence, id);
}

/** Whether a quota can only be held against an exchange whose model and upstream are known. */
export function isScoped({ model, upstream }: QuotaConfig): boolean {
  return model !== undefined || upstream !== undefined;
}

export function fits(quota: QuotaConfig, model: string, upstream: string): boolean {
  const { model: models = "*", upstream: upstreams = "*" } = quota;
  return matchesGlob(models, model) && matchesGlob(upstreams, upstream);
}

/** `place`: where in the configuration it stands. Counters are named by what a quota is about, so that they outlive another order. */
export function rulesOfQuota(quota: QuotaConfig, place: string, id: string): Rule[] {
  const { licence = "*", model = "*", upstream = "*", per, budget } = quota;
  const about = [
    ...(quota.model === undefined ? [] : [`model ${model}`]),
    ...(quota.upstream === undefined ? [] : [`upstream ${upstream}`]),
  ];
  const whose = per === "all" ? "all licences together" : `licence ${id}`;
  const of = [whose, ...about, place].join(", ");
  const scope = [licence, model, upstream].map(encodeURIComponent).join("|");
  const key = `quota:${scope}:${per === "all" ? "all" : `licence:${id}`}`;
  return [...rulesOf(quota, of, key), ...rulesOfBudget(budget, of, key)];
}

function rulesOf(limits: Limits, of: string, scope: string): Rule[] {
  return LIMITS.flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [{ name, ...KINDS[name], of, limit, key: `${scope}:${name}` }];
  });
}

function rulesOfBudget(budget: QuotaConfig["budget"], of: string, scope: string): Rule[] {
  if (!budget) return [];
  const period = `calendar ${budget.per}` as const;
  const rule = (unit: "tokens" | "money", amount: number): Rule => {
    const limit = Math.round(amount);
    return { name: `budget.${unit}`, unit, of, limit, period, key: `${scope}:${unit}`, warnAt: budget.warnAt * limit };
  };
  return [
    ...(budget.tokens === undefined ? [] : [rule("tokens", budget.tokens)]),
    ...(budget.money === undefined ? [] : [rule("money", budget.money * MILLIONTHS)]),
  ];
}
