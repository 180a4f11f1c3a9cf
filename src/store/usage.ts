// Sums of receipts: how many exchanges, how they ended, what they cost and how long they took.

import { setImmediate } from "node:timers/promises";
import type { Receipt } from "../core/receipt.ts";
import type { Engine } from "./engine.ts";
import { HOUR, KINDS, sumsOf } from "./hours.ts";
import { selectReceipts } from "./rows.ts";
import { Sums } from "./sums.ts";

export const USAGE_KEYS = ["model", "licence", "session", "account", "dialect", "day"] as const;
export type UsageKey = (typeof USAGE_KEYS)[number];

/** One row of sums. Times are of exchanges that were not refused; p95 is the nearest rank, to within 0.8 %. */
export interface UsageRow {
  /** Value of the key, null where a receipt has none; a day is `2026-01-31` (UTC); `total` without a key. */
  key: string | null;
  turns: number;
  ok: number;
  failed: number;
  aborted: number;
  refused: number;
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  /** Cached share of the input tokens, 0 to 1; null without input. */
  cacheHitRate: number | null;
  firstMsAvg: number | null;
  firstMsP95: number | null;
  totalMsAvg: number | null;
  totalMsP95: number | null;
  /** By session only: the accounts that served it, the last one first. */
  accounts?: string[];
}

export interface Usage {
  /** Sums since a time (Unix milliseconds) by a key; one row named `total` without a key. Most turns first, days in order. */
  sum(question: { since?: number; by?: UsageKey | undefined }): Promise<UsageRow[]>;
}

/** Rows that are read at once: a server answers others in between. */
const PAGE = 2000;

export function openUsage(engine: Engine): Usage {
  return {
    async sum({ since = 0, by }) {
      const groups = new Map<string, Sums>();
      const group = (key: string): Sums => {
        const sums = groups.get(key) ?? new Sums();
        groups.set(key, sums);
        return sums;
      };
      // Whole hours are added up already; of the first one only a part may be meant. Of sessions there are no sums.
      const whole = by === "session" ? Number.POSITIVE_INFINITY : Math.ceil(since / HOUR) * HOUR;
      const accounts = new Map<string, Set<string>>();
      for await (const receipt of receiptsOf(engine, since, Math.min(whole, Number.MAX_SAFE_INTEGER))) {
        const key = keyOf(by, receipt);
        group(key).add(receipt);
        if (by === "session" && receipt.account !== null) note(accounts, key, receipt.account);
      }
      if (by !== "session") {
        const kind = by === undefined || by === "day" ? "total" : by;
        for await (const { hour, key, sums } of sumsOf(engine, kind, whole, Number.MAX_SAFE_INTEGER))
          group(by === "day" ? dayOf(hour) : key).merge(sums);
      }
      const rows = [...groups].map(([key, sums]) => ({
        ...rowOf(by === undefined ? "total" : key || null, sums),
        ...(by === "session" && { accounts: [...(accounts.get(key) ?? [])].reverse() }),
      }));
      const inOrder = (a: UsageRow, b: UsageRow) => ((a.key ?? "") < (b.key ?? "") ? -1 : 1);
      return rows.sort((a, b) => (by === "day" ? inOrder(a, b) : b.turns - a.turns || inOrder(a, b)));
    },
  };
}

/** Receipts come in their order, so the last one that is noted served last. */
function note(accounts: Map<string, Set<string>>, key: string, account: string): void {
  const known = accounts.get(key) ?? new Set();
  known.delete(account);
  accounts.set(key, known.add(account));
}

async function* receiptsOf(engine: Engine, since: number, until: number): AsyncGenerator<Receipt> {
  for (let at = since, uid = ""; at < until; ) {
    const page = await selectReceipts(
      engine,
      "where at >= ? and at < ? and (at > ? or uid > ?) order by at, uid limit ?",
      [...[at, until, at, uid], PAGE],
    );
    for (const { receipt } of page) yield receipt;
    await setImmediate();
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    at = last.receipt.at;
    uid = last.uid;
  }
}

function keyOf(by: UsageKey | undefined, receipt: Receipt): string {
  if (by === "day") return dayOf(receipt.at);
  if (by === "session") return receipt.session ?? "";
  return KINDS[by ?? "total"](receipt);
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

function rowOf(key: string | null, { turns, outcomes, tokens, first, total }: Sums): UsageRow {
  const [inputTokens, cachedTokens, outputTokens, reasoningTokens] = tokens;
  return {
    key,
    turns,
    ...outcomes,
    inputTokens,
    cachedTokens,
    outputTokens,
    reasoningTokens,
    cacheHitRate: inputTokens > 0 ? cachedTokens / inputTokens : null,
    firstMsAvg: round(first.average),
    firstMsP95: round(first.percentile(0.95)),
    totalMsAvg: round(total.average),
    totalMsP95: round(total.percentile(0.95)),
  };
}

function round(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}
