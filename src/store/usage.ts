// Sums of receipts: how many exchanges, how they ended, what they cost and how long they took.

import type { Database } from "bun:sqlite";

export const USAGE_KEYS = ["model", "licence", "session", "account", "dialect", "day"] as const;
export type UsageKey = (typeof USAGE_KEYS)[number];

/** One row of sums. Times are of exchanges that were not refused; p95 is the nearest rank. */
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
}

export interface Usage {
  /** Sums since a time (Unix milliseconds) by a key; one row named `total` without a key. Most turns first, days in order. */
  sum(question: { since?: number; by?: UsageKey | undefined }): UsageRow[];
}

const DAY = 86_400_000;

const KEY_SQL: Record<UsageKey | "total", string> = {
  model: "coalesce(model, asked_model)",
  licence: "licence",
  session: "session",
  account: "account",
  dialect: "dialect",
  day: `at - at % ${DAY}`,
  total: "'total'",
};

/** A rank over the values that count, so that the 95th percentile needs no function that only one engine has. */
function sumSql(key: string): string {
  return `with ranked as (
    select ${key} as key, outcome, input_tokens, cached_tokens, output_tokens, reasoning_tokens, first_ms, total_ms,
      row_number() over (partition by ${key} order by case when first_ms is null then 1 else 0 end, first_ms) as first_rank,
      count(first_ms) over (partition by ${key}) as first_count,
      row_number() over (partition by ${key} order by case when outcome = 'refused' then 1 else 0 end, total_ms) as total_rank,
      sum(case when outcome = 'refused' then 0 else 1 end) over (partition by ${key}) as total_count
    from receipts where at >= ?
  )
  select key, count(*) as "turns",
    sum(case when outcome = 'ok' then 1 else 0 end) as "ok",
    sum(case when outcome = 'failed' then 1 else 0 end) as "failed",
    sum(case when outcome = 'aborted' then 1 else 0 end) as "aborted",
    sum(case when outcome = 'refused' then 1 else 0 end) as "refused",
    sum(input_tokens) as "inputTokens", sum(cached_tokens) as "cachedTokens",
    sum(output_tokens) as "outputTokens", sum(reasoning_tokens) as "reasoningTokens",
    avg(first_ms) as "firstMsAvg",
    max(case when first_rank = (95 * first_count + 99) / 100 then first_ms end) as "firstMsP95",
    avg(case when outcome = 'refused' then null else total_ms end) as "totalMsAvg",
    max(case when outcome <> 'refused' and total_rank = (95 * total_count + 99) / 100 then total_ms end) as "totalMsP95"
  from ranked group by key order by ${key === KEY_SQL.day ? "key" : `"turns" desc, key`}`;
}

type Row = Omit<UsageRow, "key" | "cacheHitRate"> & { key: string | number | null };

export function openUsage(database: Database): Usage {
  return {
    sum({ since = 0, by }) {
      const rows = database.query<Row, [number]>(sumSql(KEY_SQL[by ?? "total"])).all(since);
      return rows.map((row) => ({
        ...row,
        key: typeof row.key === "number" ? new Date(row.key).toISOString().slice(0, 10) : row.key,
        cacheHitRate: row.inputTokens > 0 ? row.cachedTokens / row.inputTokens : null,
        firstMsAvg: round(row.firstMsAvg),
        firstMsP95: round(row.firstMsP95),
        totalMsAvg: round(row.totalMsAvg),
        totalMsP95: round(row.totalMsP95),
      }));
    },
  };
}

function round(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}
