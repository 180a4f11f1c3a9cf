// Sums of receipts: how many exchanges, how they ended, what they cost and how long they took.

import { costOf, type Prices } from "../core/price.ts";
import type { Outcome, Receipt } from "../core/receipt.ts";
import type { Engine } from "./engine.ts";
import { HOUR, KINDS, type Kind, sumsOf } from "./hours.ts";
import { type Filter, type FilterKey, filtersOf, passes, scan } from "./question.ts";
import { keptSince } from "./retention.ts";
import { Sums } from "./sums.ts";

export const USAGE_KEYS = [
  ...["model", "licence", "session", "account", "upstream", "dialect", "outcome", "kind", "code", "day", "hour"],
] as readonly UsageKey[];
export type UsageKey = FilterKey | "day" | "hour";

/** One row of sums. Times are of exchanges that were not refused; percentiles are the nearest rank, to within 0.8 %. */
export interface UsageRow extends Record<Outcome, number> {
  /** Value of the key, null where a receipt has none; a day is `2026-01-31`, an hour `2026-01-31T12` (UTC); `total` without a key. */
  key: string | null;
  /** With several keys: the value of each. */
  keys?: Partial<Record<UsageKey, string | null>>;
  turns: number;
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  /** Cached share of the input tokens, 0 to 1; null without input. */
  cacheHitRate: number | null;
  firstMsAvg: number | null;
  firstMsP50: number | null;
  firstMsP95: number | null;
  firstMsP99: number | null;
  totalMsAvg: number | null;
  totalMsP50: number | null;
  totalMsP95: number | null;
  totalMsP99: number | null;
  /** How many exchanges ended with a failure of each kind, and of each code. */
  failureKinds: Record<string, number>;
  failureCodes: Record<string, number>;
  /** With prices only, and an estimate, in their currency; null where no model has a price. */
  estimatedCost?: number | null;
  /** By session only: the accounts that served it, the last one first. */
  accounts?: string[];
  /** By session only: when its last exchange began, in Unix milliseconds. */
  lastAt?: number;
}

/** A time that both ends are given for is from `since` until just before `until`. */
export interface Question extends Filter {
  by?: UsageKey | readonly UsageKey[] | undefined;
  prices?: Prices | undefined;
}

export interface Usage {
  /** Sums by keys; one row named `total` without any. In the order of time where that is a key, then most turns first. */
  sum(question: Question): Promise<UsageRow[]>;
  /**
   * Unix milliseconds before which nothing is left that could answer this: single receipts are not kept for ever, and the sums of hours
   * know one key at a time. 0 when everything is there.
   */
  reaches(question: Question): Promise<number>;
}

interface Group {
  values: string[];
  sums: Sums;
  accounts: Set<string>;
  lastAt: number;
}

export function openUsage(engine: Engine): Usage {
  return {
    async sum(question) {
      const keys = keysOf(question);
      const groups = new Groups();
      const add = (receipt: Receipt): void => {
        const group = groups.of(keys.map((key) => groupOf(key, receipt)));
        group.sums.add(receipt);
        group.lastAt = Math.max(group.lastAt, receipt.at);
        if (receipt.account !== null) note(group.accounts, receipt.account);
      };
      const { since = 0, until = Number.MAX_SAFE_INTEGER } = question;
      const kind = kindOf(question);
      const kept = await keptSince(engine);
      // Whole hours are added up already; of the first and the last one only a part may be meant.
      const whole = kind === undefined ? undefined : wholeHours(since, until, kept);
      const parts = whole ? [[since, whole.from] as const, [whole.until, until] as const] : [[since, until] as const];
      for (const [from, to] of parts) {
        if (from >= to || to <= kept) continue;
        const within = { ...question, since: Math.max(from, kept), until: to };
        for await (const page of scan(engine, within, { order: "up", fields: fieldsFor(keys) }))
          for (const { receipt } of page) add(receipt);
      }
      if (kind !== undefined && whole)
        for await (const { hour, key, sums } of sumsOf(engine, kind, whole.from, whole.until)) {
          if (kind !== "total" && !passes(question[kind], key)) continue;
          groups.of(keys.map((each) => timeOf(each, hour) ?? key)).sums.merge(sums);
        }
      return groups.sorted(keys).map((group) => rowOf(group, keys, question.prices));
    },
    async reaches(question) {
      return kindOf(question) === undefined ? await keptSince(engine) : 0;
    },
  };
}

/** What is added up, and what the keys are read from: the rest of a receipt would only be carried about. */
function fieldsFor(keys: readonly UsageKey[]): (keyof Receipt)[] {
  const named = (["licence", "session", "upstream", "dialect"] as const).filter((key) => keys.includes(key));
  return [
    ...(["at", "outcome", "model", "askedModel", "account", "code", "failureKind"] as const),
    ...(["inputTokens", "cachedTokens", "outputTokens", "reasoningTokens", "firstMs", "totalMs"] as const),
    ...named,
  ];
}

class Groups {
  readonly #all = new Map<string, Group>();

  of(values: string[]): Group {
    const name = values.length === 1 ? (values[0] as string) : JSON.stringify(values);
    let group = this.#all.get(name);
    if (!group) {
      group = { values, sums: new Sums(), accounts: new Set(), lastAt: 0 };
      this.#all.set(name, group);
    }
    return group;
  }

  sorted(keys: readonly UsageKey[]): Group[] {
    const time = keys.findIndex((key) => key === "day" || key === "hour");
    const inOrder = (a: string | undefined, b: string | undefined) => ((a ?? "") < (b ?? "") ? -1 : a === b ? 0 : 1);
    const first = (one: Group) => (time === -1 ? "" : one.values[time]);
    return [...this.#all.values()].sort(
      (a, b) =>
        inOrder(first(a), first(b)) || b.sums.turns - a.sums.turns || inOrder(a.values.join("\n"), b.values.join("\n")),
    );
  }
}

function keysOf({ by }: Question): readonly UsageKey[] {
  return by === undefined ? [] : typeof by === "string" ? [by] : by;
}

/** The sums that know everything that is asked: those of one key beside the time. */
function kindOf(question: Question): Kind | undefined {
  const named = [...keysOf(question), ...filtersOf(question)].filter((key) => key !== "day" && key !== "hour");
  const [only = "total", ...others] = new Set(named);
  return others.length === 0 && Object.hasOwn(KINDS, only) ? (only as Kind) : undefined;
}

/** The hours that lie within; an hour whose receipts are no longer kept counts as a whole. Undefined when none does. */
function wholeHours(since: number, until: number, kept: number): { from: number; until: number } | undefined {
  const down = (at: number) => at - (at % HOUR);
  const from = since < kept ? down(since) : Math.min(Math.ceil(since / HOUR) * HOUR, Number.MAX_SAFE_INTEGER);
  const to = until <= kept ? Math.ceil(until / HOUR) * HOUR : down(until);
  return from < to ? { from, until: to } : undefined;
}

/** Receipts come in their order, so the last one that is noted served last. */
function note(accounts: Set<string>, account: string): void {
  accounts.delete(account);
  accounts.add(account);
}

function groupOf(key: UsageKey, receipt: Receipt): string {
  switch (key) {
    case "session":
      return receipt.session ?? "";
    case "outcome":
      return receipt.outcome;
    case "kind":
      return receipt.failureKind ?? "";
    case "code":
      return receipt.code ?? "";
    default:
      return timeOf(key, receipt.at) ?? KINDS[key as Kind](receipt);
  }
}

function timeOf(key: UsageKey, at: number): string | undefined {
  if (key === "day") return new Date(at).toISOString().slice(0, 10);
  return key === "hour" ? new Date(at).toISOString().slice(0, 13) : undefined;
}

function rowOf({ values, sums, accounts, lastAt }: Group, keys: readonly UsageKey[], prices?: Prices): UsageRow {
  const { turns, outcomes, tokens, first, total, kinds, codes } = sums;
  const [inputTokens, cachedTokens, outputTokens, reasoningTokens] = tokens;
  return {
    key: keys.length === 0 ? "total" : values.length === 1 ? values[0] || null : values.join(" "),
    ...(keys.length > 1 && { keys: Object.fromEntries(keys.map((key, at) => [key, values[at] || null])) }),
    turns,
    ...outcomes,
    inputTokens,
    cachedTokens,
    outputTokens,
    reasoningTokens,
    cacheHitRate: inputTokens > 0 ? cachedTokens / inputTokens : null,
    firstMsAvg: round(first.average),
    firstMsP50: round(first.percentile(0.5)),
    firstMsP95: round(first.percentile(0.95)),
    firstMsP99: round(first.percentile(0.99)),
    totalMsAvg: round(total.average),
    totalMsP50: round(total.percentile(0.5)),
    totalMsP95: round(total.percentile(0.95)),
    totalMsP99: round(total.percentile(0.99)),
    failureKinds: mostFirst(kinds),
    failureCodes: mostFirst(codes),
    ...(prices && { estimatedCost: estimate(sums, prices) }),
    ...(keys.includes("session") && { accounts: [...accounts].reverse(), lastAt }),
  };
}

function estimate({ models }: Sums, prices: Prices): number | null {
  const costs = [...models].flatMap(([model, [inputTokens, cachedTokens, outputTokens]]) => {
    const cost = costOf({ inputTokens, cachedTokens, outputTokens }, model, prices);
    return cost === undefined ? [] : [cost];
  });
  return costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0) / 1e6;
}

const mostFirst = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([a, some], [b, more]) => more - some || (a < b ? -1 : 1)));

function round(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}
