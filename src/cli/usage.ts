// `codexd usage`: the receipts of a time, summed or one by one.

import { type Command, InvalidArgumentError, Option } from "commander";
import { MOMENT_LEGAL, parseMoment } from "../config/moment.ts";
import type { Receipt } from "../core/receipt.ts";
import { FILTER_KEYS, type FilterKey } from "../store/question.ts";
import type { Search } from "../store/search.ts";
import { USAGE_KEYS, type UsageKey, type UsageRow } from "../store/usage.ts";
import { amount, configOption, dataOption, jsonOption, list } from "./options.ts";
import { existingStore, type StoreFlags } from "./store.ts";
import { type Column, printJson, printTable } from "./table.ts";

interface UsageFlags extends StoreFlags, Partial<Record<FilterKey, string>> {
  since: number;
  until?: number;
  by: UsageKey[];
  csv?: boolean;
  receipts?: boolean;
  id?: string;
  cursor?: string;
  limit: number;
}

const ABOUT: Record<FilterKey, string> = {
  licence: "only of this licence; * matches any characters here and below",
  session: "only of this session",
  model: "only of this model",
  account: "only of this account",
  upstream: "only of this upstream",
  dialect: "only of this dialect",
  outcome: "only ok, failed, aborted or refused ones",
  kind: "only failures of this kind",
  code: "only failures with this code",
};

export function addUsage(program: Command): void {
  const command = program
    .command("usage")
    .description("sum the receipts, or show them one by one")
    .addOption(
      new Option("--since <time>", "how far back, such as 24h or 7d, or from a date such as 2026-01-31")
        .argParser(moment)
        .default(moment("7d"), "7d"),
    )
    .addOption(new Option("--until <time>", "before this time, written in the same way").argParser(moment))
    .addOption(
      new Option("--by <keys>", `one row for each; of ${USAGE_KEYS.join(", ")}, several with commas between`)
        .argParser(list(USAGE_KEYS))
        .default(["model"], "model"),
    );
  for (const key of FILTER_KEYS) command.addOption(new Option(`--${key} <text>`, ABOUT[key]));
  command
    .option("--receipts", "single receipts, newest first, instead of sums")
    .addOption(new Option("--id <id>", "only of this request id").implies({ receipts: true, since: 0 }))
    .addOption(new Option("--limit <n>", "how many receipts at most").argParser(amount).default(50))
    .addOption(
      new Option("--cursor <text>", "the receipts after those of an earlier answer").implies({ receipts: true }),
    )
    .addOption(new Option("--csv", "print CSV").conflicts("json"))
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action((flags: UsageFlags) => (flags.receipts ? showReceipts(flags) : showUsage(flags)));
}

function moment(text: string): number {
  const time = parseMoment(text, Date.now());
  if (time === undefined) throw new InvalidArgumentError(`It is ${MOMENT_LEGAL}.`);
  return time;
}

async function showUsage(flags: UsageFlags): Promise<void> {
  const [{ usageAnswer, usageCsv }, { findPrices }] = await Promise.all([
    import("../server/admin/usage-answer.ts"),
    import("../config/load.ts"),
  ]);
  const prices = findPrices(flags);
  await using store = await existingStore(flags);
  const answer = await usageAnswer(store.receipts, { ...flags, prices });
  if (flags.json) return printJson(answer);
  if (flags.csv) return void process.stdout.write(usageCsv(answer));
  const { rows, total, currency, reaches } = answer;
  const key = (at: number): Column<UsageRow> => ({
    title: flags.by[at] as string,
    value: (row) => (row.keys ? row.keys[flags.by[at] as UsageKey] : at === 0 ? row.key : null),
  });
  const own = flags.by.map((_key, at) => key(at));
  if (flags.by.includes("session")) own.push({ title: "account", value: ({ accounts }) => accounts?.join(", ") });
  const cost: Column<UsageRow>[] =
    currency === undefined ? [] : [{ title: `est. ${currency}`, value: ({ estimatedCost }) => estimatedCost }];
  printTable(total ? [...rows, { ...total, accounts: [] }] : rows, [...own, ...COLUMNS, ...cost]);
  if (reaches !== undefined)
    process.stderr.write(`codexd: receipts are kept since ${reaches}; of the time before, this cannot be told\n`);
}

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
  { title: "first p50", value: ({ firstMsP50 }) => ms(firstMsP50) },
  { title: "p95", value: ({ firstMsP95 }) => ms(firstMsP95) },
  { title: "p99", value: ({ firstMsP99 }) => ms(firstMsP99) },
  { title: "total p50", value: ({ totalMsP50 }) => ms(totalMsP50) },
  { title: "p95", value: ({ totalMsP95 }) => ms(totalMsP95) },
  { title: "p99", value: ({ totalMsP99 }) => ms(totalMsP99) },
];

async function showReceipts(flags: UsageFlags): Promise<void> {
  const [{ BadCursor }, { receiptJson, receiptsCsv }] = await Promise.all([
    import("../store/search.ts"),
    import("../server/admin/receipt-json.ts"),
  ]);
  await using store = await existingStore(flags);
  const found = await store.receipts.search(flags satisfies Search).catch((error: unknown) => {
    throw error instanceof BadCursor ? new Error("--cursor is none that an earlier answer gave") : error;
  });
  if (flags.json) return printJson({ receipts: found.receipts.map(receiptJson), cursor: found.cursor });
  if (flags.csv) return void process.stdout.write(receiptsCsv(found.receipts));
  printTable(found.receipts, RECEIPT);
  if (found.cursor !== null) process.stderr.write(`codexd: there are more: --cursor ${found.cursor}\n`);
}

const RECEIPT: Column<Receipt>[] = [
  { title: "at", value: ({ at }) => new Date(at).toISOString().slice(0, 19) },
  { title: "id", value: ({ id }) => id },
  { title: "licence", value: ({ licence }) => licence },
  { title: "dialect", value: ({ dialect }) => dialect },
  { title: "model", value: ({ model, askedModel }) => model ?? askedModel },
  { title: "effort", value: ({ effort }) => effort },
  { title: "account", value: ({ account }) => account },
  { title: "session", value: ({ session }) => session },
  { title: "outcome", value: ({ outcome }) => outcome },
  { title: "status", value: ({ status }) => status },
  { title: "code", value: ({ code }) => code },
  { title: "input", value: ({ inputTokens }) => inputTokens },
  { title: "cached", value: ({ cachedTokens }) => cachedTokens },
  { title: "output", value: ({ outputTokens }) => outputTokens },
  { title: "first ms", value: ({ firstMs }) => ms(firstMs) },
  { title: "total ms", value: ({ totalMs }) => ms(totalMs) },
];
