// `codexd usage`: the receipts of a time, summed.

import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../config/quantity.ts";
import type { UsageKey, UsageRow } from "../store/usage.ts";
import { configOption, dataOption, jsonOption } from "./options.ts";
import { existingStore, type StoreFlags } from "./store.ts";
import { type Column, printJson, printTable } from "./table.ts";

const KEYS: readonly UsageKey[] = ["model", "licence", "session", "account", "dialect", "day"];

interface UsageFlags extends StoreFlags {
  since: number;
  by: UsageKey;
  csv?: boolean;
}

export function addUsage(program: Command): void {
  program
    .command("usage")
    .description("sum the receipts")
    .addOption(
      new Option("--since <time>", "how far back, such as 24h or 7d, or from a date such as 2026-01-31")
        .argParser(since)
        .default(since("7d"), "7d"),
    )
    .addOption(new Option("--by <key>", "one row for each").choices(KEYS).default("model"))
    .addOption(new Option("--csv", "print CSV").conflicts("json"))
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(showUsage);
}

/** Unix milliseconds of `7d` ago or of a date. */
function since(text: string): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return Date.now() - ago;
  const date = /^\d{4}-\d\d-\d\d(T.*)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(date))
    throw new InvalidArgumentError("It is a duration such as 24h or 7d, or a date such as 2026-01-31.");
  return date;
}

async function showUsage(flags: UsageFlags): Promise<void> {
  await using store = await existingStore(flags);
  const rows = await store.receipts.sum(flags);
  const [total] = await store.receipts.sum({ since: flags.since });
  if (flags.json)
    return printJson({ since: new Date(flags.since).toISOString(), by: flags.by, rows, total: total ?? null });
  if (flags.csv) return printCsv(rows, flags.by);
  const own: Column<UsageRow>[] = [{ title: flags.by, value: ({ key }) => key }];
  if (flags.by === "session") own.push({ title: "account", value: (row) => accountsOf(row) });
  printTable(total ? [...rows, total] : rows, [...own, ...COLUMNS]);
}

const accountsOf = ({ accounts }: UsageRow): string | null => accounts?.join(", ") || null;
const ms = (value: number | null): number | null => (value === null ? null : Math.round(value));

const COLUMNS: Column<UsageRow>[] = [
  { title: "turns", value: ({ turns }) => turns },
  { title: "ok", value: ({ ok }) => ok },
  { title: "failed", value: ({ failed }) => failed },
  { title: "aborted", value: ({ aborted }) => aborted },
  { title: "refused", value: ({ refused }) => refused },
  { title: "input", value: ({ inputTokens }) => inputTokens },
  { title: "cached", value: ({ cachedTokens }) => cachedTokens },
  { title: "hit %", value: ({ cacheHitRate }) => (cacheHitRate === null ? null : Math.round(cacheHitRate * 100)) },
  { title: "output", value: ({ outputTokens }) => outputTokens },
  { title: "reasoning", value: ({ reasoningTokens }) => reasoningTokens },
  { title: "first ms", value: ({ firstMsAvg }) => ms(firstMsAvg) },
  { title: "p95", value: ({ firstMsP95 }) => ms(firstMsP95) },
  { title: "total ms", value: ({ totalMsAvg }) => ms(totalMsAvg) },
  { title: "p95", value: ({ totalMsP95 }) => ms(totalMsP95) },
];

const FIELDS = [
  "turns",
  "ok",
  "failed",
  "aborted",
  "refused",
  "inputTokens",
  "cachedTokens",
  "cacheHitRate",
  "outputTokens",
  "reasoningTokens",
  "firstMsAvg",
  "firstMsP95",
  "totalMsAvg",
  "totalMsP95",
] as const satisfies readonly (keyof UsageRow)[];

function printCsv(rows: readonly UsageRow[], by: string): void {
  const bySession = by === "session";
  const cells = (row: UsageRow) => [
    row.key,
    ...FIELDS.map((field) => row[field]),
    ...(bySession ? [accountsOf(row)] : []),
  ];
  const titles = [by, ...FIELDS, ...(bySession ? ["accounts"] : [])];
  const lines = rows.map((row) => cells(row).map(cell).join(","));
  process.stdout.write(`${[titles.join(","), ...lines].join("\r\n")}\r\n`);
}

/** RFC 4180; a leading sign of a formula is defused, since sessions and models are the clients' own text. */
function cell(value: string | number | null): string {
  if (value === null) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
