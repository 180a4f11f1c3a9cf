// What `codexd usage` and `GET /admin/usage` tell: rows with their total, as JSON and as CSV.

import type { Prices } from "../../core/price.ts";
import type { Store } from "../../store/index.ts";
import { filtersOf } from "../../store/question.ts";
import type { Question, UsageKey, UsageRow } from "../../store/usage.ts";

export interface UsageAnswer {
  since: string;
  until: string | null;
  /** The keys, with commas between. */
  by: string;
  /** As asked for. */
  filters: Record<string, string>;
  /** Of the estimated costs; left out where no prices are configured. */
  currency?: string;
  /** Single receipts from before this are no longer kept, and without them this cannot be answered further back. */
  reaches?: string;
  rows: UsageRow[];
  total: UsageRow | null;
}

export interface UsageQuestion extends Question {
  since: number;
  by: readonly UsageKey[];
  prices?: Prices | undefined;
}

export async function usageAnswer(
  receipts: Pick<Store["receipts"], "sum" | "reaches">,
  question: UsageQuestion,
): Promise<UsageAnswer> {
  const { since, until, by, prices } = question;
  const rows = await receipts.sum(question);
  const reaches = await receipts.reaches(question);
  // Of what the rows are of, even where a sum could tell of more.
  const [total = null] = await receipts.sum({ ...question, since: Math.max(since, reaches), by: undefined });
  return {
    since: new Date(since).toISOString(),
    until: until === undefined ? null : new Date(until).toISOString(),
    by: by.join(","),
    filters: Object.fromEntries(filtersOf(question).map((key) => [key, question[key] as string])),
    ...(prices && { currency: prices.currency }),
    ...(reaches > since && { reaches: new Date(reaches).toISOString() }),
    rows,
    total,
  };
}

const FIELDS = [
  ...["turns", "ok", "failed", "aborted", "refused", "inputTokens", "cachedTokens", "cacheHitRate", "outputTokens"],
  ...["reasoningTokens", "firstMsAvg", "firstMsP50", "firstMsP95", "firstMsP99", "totalMsAvg", "totalMsP50"],
  ...["totalMsP95", "totalMsP99"],
] as readonly (keyof UsageRow)[];

export function usageCsv({ by, rows, currency }: UsageAnswer): string {
  const keys = by.split(",") as UsageKey[];
  const bySession = keys.includes("session");
  const extra = currency === undefined ? [] : [`estimatedCost${currency}`];
  const titles = [...keys, ...FIELDS, ...extra, "failures", ...(bySession ? ["accounts"] : [])];
  const lines = rows.map((row) => [
    ...(row.keys ? keys.map((key) => row.keys?.[key] ?? null) : [row.key]),
    ...FIELDS.map((field) => row[field] as number | null),
    ...(currency === undefined ? [] : [row.estimatedCost ?? null]),
    Object.entries(row.failureCodes)
      .map(([code, count]) => `${code}:${count}`)
      .join(" "),
    ...(bySession ? [row.accounts?.join(", ") || null] : []),
  ]);
  return csvOf(titles, lines);
}

export function csvOf(titles: readonly string[], lines: readonly (readonly Cell[])[]): string {
  return `${[titles, ...lines].map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}

type Cell = string | number | boolean | null;

/** RFC 4180; a leading sign of a formula is defused, since sessions and models are the clients' own text. */
function cell(value: Cell): string {
  if (value === null) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
