// `/admin/usage`, `/admin/receipts` and `/admin/sessions`: what `codexd usage` tells.

import { invalid } from "../../core/failure.ts";
import { FILTER_KEYS, type Filter } from "../../store/question.ts";
import { BadCursor } from "../../store/search.ts";
import { USAGE_KEYS, type UsageKey, type UsageRow } from "../../store/usage.ts";
import type { Front } from "../front.ts";
import * as is from "./describe.ts";
import { receiptJson, receiptsCsv } from "./receipt-json.ts";
import type { AdminRequest, AdminRoute } from "./routes.ts";
import { usageAnswer, usageCsv } from "./usage-answer.ts";

const DAY = 86_400_000;
const counts: is.Json = { type: "object", additionalProperties: is.integer };

const NUMBERS = {
  ...Object.fromEntries(["turns", "ok", "failed", "aborted", "refused"].map((name) => [name, is.integer])),
  ...Object.fromEntries(
    ["inputTokens", "cachedTokens", "outputTokens", "reasoningTokens"].map((name) => [name, is.integer]),
  ),
  cacheHitRate: { ...is.orNull(is.number), description: "Cached share of the input tokens; null without input" },
};
const TIMES = Object.fromEntries(
  ["firstMs", "totalMs"].flatMap((name) =>
    ["Avg", "P50", "P95", "P99"].map((end) => [name + end, is.orNull(is.number)]),
  ),
);

const ROW = is.record(
  { key: is.orNull(is.string), ...NUMBERS, ...TIMES, failureKinds: counts, failureCodes: counts },
  {
    keys: { type: "object", additionalProperties: is.orNull(is.string), description: "With several keys: each" },
    estimatedCost: { ...is.orNull(is.number), description: "By the configured prices; null where no model has one" },
    accounts: is.strings,
    lastAt: { ...is.integer, description: "Unix milliseconds" },
  },
);

const texts = ["session", "askedModel", "model", "effort", "upstream", "account", "code", "failureKind"];
const RECEIPT = is.record({
  id: is.string,
  at: is.when,
  licence: is.orNull(is.string),
  dialect: is.string,
  operation: is.string,
  stream: is.boolean,
  ...Object.fromEntries(texts.map((name) => [name, is.orNull(is.string)])),
  outcome: { ...is.string, enum: ["ok", "failed", "aborted", "refused"] },
  status: is.integer,
  ...Object.fromEntries(
    ["inputTokens", "cachedTokens", "outputTokens", "reasoningTokens", "tries"].map((name) => [name, is.integer]),
  ),
  firstMs: is.orNull(is.number),
  totalMs: is.number,
});

const TIME = [
  is.inQuery("since", "From this time on: a duration such as 7d, so long ago, or a date"),
  is.inQuery("until", "Before this time, written in the same way"),
];
const FILTERS = FILTER_KEYS.map((key) =>
  is.inQuery(key, `Only this ${key}; \`*\` stands for any characters, the empty text for none`),
);
const FORMAT = is.inQuery("format", "`csv` for a table", { type: "string", enum: ["json", "csv"] });

/** The filters of a question; other parameters than these and `more` are refused. */
function filterIn(query: URLSearchParams, more: readonly string[]): Filter {
  is.onlyKnown(query, ["since", "until", ...FILTER_KEYS, ...more]);
  const given = FILTER_KEYS.flatMap((key) => (query.has(key) ? [[key, query.get(key) as string] as const] : []));
  return { since: is.momentIn(query, "since"), until: is.momentIn(query, "until"), ...Object.fromEntries(given) };
}

function keysIn(query: URLSearchParams): UsageKey[] {
  const names = (query.get("by") ?? "model").split(",").filter((name) => name !== "");
  const wrong = names.find((name) => !(USAGE_KEYS as readonly string[]).includes(name));
  if (wrong !== undefined || names.length === 0)
    throw invalid(
      "by",
      `by has ${JSON.stringify(wrong ?? "")}; legal: ${USAGE_KEYS.join(", ")}, several with commas between`,
    );
  return [...new Set(names as UsageKey[])];
}

function wantsCsv(query: URLSearchParams): boolean {
  const format = query.get("format") ?? "json";
  if (format !== "json" && format !== "csv")
    throw invalid("format", `format is ${JSON.stringify(format)}; legal: json, csv`);
  return format === "csv";
}

const csv = (text: string): Response =>
  new Response(text, { headers: { "content-type": "text/csv; charset=utf-8", "cache-control": "no-store" } });

const receiptsOf = ({ gateway }: Front) => gateway.services.store.receipts;

async function usage({ front, query }: AdminRequest): Promise<unknown> {
  const filter = filterIn(query, ["by", "format"]);
  const since = filter.since ?? Date.now() - 7 * DAY;
  const asCsv = wantsCsv(query);
  const { prices } = front.gateway.config;
  const answer = await usageAnswer(receiptsOf(front), { ...filter, since, by: keysIn(query), prices });
  return asCsv ? csv(usageCsv(answer)) : answer;
}

async function receipts({ front, query }: AdminRequest): Promise<unknown> {
  const filter = filterIn(query, ["id", "limit", "cursor", "format"]);
  const asCsv = wantsCsv(query);
  const found = await receiptsOf(front)
    .search({
      ...filter,
      id: query.get("id") ?? undefined,
      cursor: query.get("cursor") ?? undefined,
      limit: is.countIn(query, "limit", 50, 1000),
    })
    .catch((thrown: unknown) => {
      throw thrown instanceof BadCursor ? invalid("cursor", "the cursor is none that an earlier answer gave") : thrown;
    });
  if (asCsv) return csv(receiptsCsv(found.receipts));
  return { receipts: found.receipts.map(receiptJson), cursor: found.cursor };
}

async function receipt({ front, params }: AdminRequest): Promise<unknown> {
  const { receipts } = await receiptsOf(front).search({ id: params.id ?? "", limit: 20 });
  if (receipts.length === 0) throw is.missing(`there is no receipt of a request ${params.id}`);
  const { prompts } = front.gateway.services;
  const told = receipts.map(async (one) => ({ ...receiptJson(one), said: (await prompts.of(one)) ?? null }));
  return { receipts: await Promise.all(told) };
}

const SESSION = is.record({
  session: is.string,
  licence: is.orNull(is.string),
  ...NUMBERS,
  account: { ...is.orNull(is.string), description: "The one that served it last" },
  accounts: is.strings,
  lastSeen: is.when,
});

const sessionOf = ({ keys, accounts = [], lastAt = 0, ...row }: UsageRow) => ({
  session: keys?.session ?? "",
  licence: keys?.licence ?? null,
  ...Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, row[name as keyof typeof row]])),
  account: accounts[0] ?? null,
  accounts,
  lastSeen: new Date(lastAt).toISOString(),
});

async function sessions({ front, query }: AdminRequest): Promise<unknown> {
  const filter = filterIn(query, ["limit"]);
  const since = filter.since ?? Date.now() - DAY;
  const rows = await receiptsOf(front).sum({ ...filter, since, by: ["session", "licence"] });
  const named = rows.filter(({ keys }) => keys?.session).sort((a, b) => (b.lastAt ?? 0) - (a.lastAt ?? 0));
  const limit = is.countIn(query, "limit", 100, 1000);
  return { sessions: named.slice(0, limit).map(sessionOf), count: named.length };
}

async function session({ front, params }: AdminRequest): Promise<unknown> {
  const name = params.id ?? "";
  // A pattern is a question of its own; here a name is meant.
  if (name.includes("*")) throw invalid("id", "a session is asked for by its whole name");
  const rows = await receiptsOf(front).sum({ session: name, by: ["session", "licence"] });
  if (rows.length === 0) throw is.missing(`nothing is known of a session ${name}`);
  const { receipts } = await receiptsOf(front).search({ session: name, limit: 50 });
  return { sessions: rows.map(sessionOf), receipts: receipts.map(receiptJson) };
}

const both = (schema: is.Json): is.Json => ({
  "application/json": { schema },
  "text/csv": { schema: is.string },
});

const USAGE_ANSWER = is.record(
  {
    since: is.when,
    until: is.orNull(is.when),
    by: is.string,
    filters: { type: "object", additionalProperties: is.string },
    rows: is.list(ROW),
    total: { anyOf: [ROW, { type: "null" }] },
  },
  {
    currency: { ...is.string, description: "Of the estimated costs" },
    reaches: { ...is.when, description: "Receipts from before are no longer kept, and sums cannot tell" },
  },
);

export const USAGE: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/admin/usage",
    detail: is.operation(
      "getUsage",
      "Receipts, summed: exchanges, failures, tokens, cache hits, times and estimated costs",
      { description: "One row for each value of the keys, and their total", content: both(USAGE_ANSWER) },
      {
        refusals: [400],
        parameters: [
          ...TIME,
          is.inQuery("by", `Keys with commas between: ${USAGE_KEYS.join(", ")}`),
          ...FILTERS,
          FORMAT,
        ],
      },
    ),
    handle: usage,
  },
  {
    method: "GET",
    path: "/admin/receipts",
    detail: is.operation(
      "listReceipts",
      "Single receipts, newest first",
      {
        description: "A page of them, and where the next one begins",
        content: both(is.record({ receipts: is.list(RECEIPT), cursor: is.orNull(is.string) })),
      },
      {
        refusals: [400],
        parameters: [
          is.inQuery("id", "The request id"),
          ...[...TIME, ...FILTERS, FORMAT],
          is.inQuery("limit", "How many at most, up to 1000", is.integer),
          is.inQuery("cursor", "What the last page gave"),
        ],
      },
    ),
    handle: receipts,
  },
  {
    method: "GET",
    path: "/admin/receipts/:id",
    detail: is.operation(
      "getReceipt",
      "The receipts of a request id, which clients may use twice",
      {
        description: "Newest first, with what was said where the licence wants that kept",
        schema: is.record({
          receipts: is.list({
            ...RECEIPT,
            properties: {
              ...(RECEIPT.properties as is.Json),
              said: {
                anyOf: [is.record({ input: { type: "object" }, output: {} }), { type: "null" }],
                description: "Null unless the licence has `keepPrompts`",
              },
            },
          }),
        }),
      },
      { refusals: [404] },
    ),
    handle: receipt,
  },
  {
    method: "GET",
    path: "/admin/sessions",
    detail: is.operation(
      "listSessions",
      "Conversations, the last one first",
      {
        description: "Each with its exchanges, tokens, cache hits and the account that serves it",
        schema: is.record({ sessions: is.list(SESSION), count: { ...is.integer, description: "How many there are" } }),
      },
      {
        refusals: [400],
        parameters: [...TIME, ...FILTERS, is.inQuery("limit", "How many at most, up to 1000", is.integer)],
      },
    ),
    handle: sessions,
  },
  {
    method: "GET",
    path: "/admin/sessions/:id",
    detail: is.operation(
      "getSession",
      "One conversation, once for each licence that uses its name",
      {
        description: "With its last receipts",
        schema: is.record({ sessions: is.list(SESSION), receipts: is.list(RECEIPT) }),
      },
      { refusals: [400, 404] },
    ),
    handle: session,
  },
];
