// What is asked of receipts: filters as conditions with bound values, and how far a scan goes at once.

import { setImmediate } from "node:timers/promises";
import { matchesGlob } from "../core/glob.ts";
import type { Engine, Value } from "./engine.ts";
import { type Entry, selectReceipts } from "./rows.ts";

/** What receipts can be told apart by → its expression; a value that is not there is the empty text. */
const COLUMNS = {
  licence: "licence",
  session: "session",
  model: "coalesce(model, asked_model)",
  account: "account",
  upstream: "upstream",
  dialect: "dialect",
  outcome: "outcome",
  kind: "failure_kind",
  code: "code",
} as const;

export type FilterKey = keyof typeof COLUMNS;
export const FILTER_KEYS = Object.keys(COLUMNS) as FilterKey[];

/** Exact values, or patterns with `*` for any characters; the empty text is what has none. Times are Unix milliseconds. */
export type Filter = { since?: number | undefined; until?: number | undefined } & {
  [Key in FilterKey]?: string | undefined;
};

/** The filters that say something. */
export const filtersOf = (filter: Filter): FilterKey[] => FILTER_KEYS.filter((key) => filter[key] !== undefined);

/** Whether a value passes, as the condition would tell. */
export function passes(wanted: string | undefined, value: string): boolean {
  return wanted === undefined || (wanted.includes("*") ? matchesGlob(wanted, value) : wanted === value);
}

/** `licence = ? and …` with its values; `1 = 1` for no filter. */
export function conditionOf(filter: Filter, kind: Engine["kind"]): { where: string; values: Value[] } {
  const parts = filtersOf(filter).map((key) => {
    const wanted = filter[key] as string;
    const column = COLUMNS[key];
    if (wanted === "") return { where: `${column} is null`, values: [] };
    if (!wanted.includes("*")) return { where: `${column} = ?`, values: [wanted] };
    // LIKE is blind to case on one engine only, so each has the pattern that is not.
    return kind === "sqlite"
      ? { where: `${column} glob ?`, values: [wanted.replace(/[[?]/g, "[$&]")] }
      : { where: `${column} like ? escape '\\'`, values: [wanted.replace(/[\\%_]/g, "\\$&").replaceAll("*", "%")] };
  });
  return {
    where: ["1 = 1", ...parts.map(({ where }) => where)].join(" and "),
    values: parts.flatMap(({ values }) => values),
  };
}

/** Rows that are looked at in one statement: where the database is in this process, others are served in between. */
const LOOKED_AT = { sqlite: 2000, postgres: 20_000 };

interface Mark {
  at: number;
  uid: string;
}

/** All that fit, page by page. A page may be empty: then there was nothing in what was looked at. */
export async function* scan(
  engine: Engine,
  filter: Filter,
  { order, after }: { order: "up" | "down"; after?: Mark | undefined },
): AsyncGenerator<Entry[]> {
  const { where, values } = conditionOf(filter, engine.kind);
  const size = LOOKED_AT[engine.kind];
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter;
  const [direction, beyond, within] = order === "up" ? ["asc", ">", "<="] : ["desc", "<", ">="];
  const sorted = `order by at ${direction}, uid ${direction}`;
  // Of a session there is an index, and never so much that it has to be read in pieces of the whole.
  const narrow = filter.session !== undefined && filter.session !== "" && !filter.session.includes("*");
  let last: Mark = after ?? (order === "up" ? { at: since, uid: "" } : { at: until, uid: "" });
  for (;;) {
    const from = [last.at, last.uid, since, until];
    const range = `(at, uid) ${beyond} (?, ?) and at >= ? and at < ?`;
    const [end] = narrow
      ? []
      : await engine.all<Mark>(`select at, uid from receipts where ${range} ${sorted} limit 1 offset ?`, [
          ...[...from, size - 1],
        ]);
    const piece = end ? `and (at, uid) ${within} (?, ?)` : "";
    const limit = narrow ? `limit ${size}` : "";
    const page = await selectReceipts(engine, `where ${range} ${piece} and ${where} ${sorted} ${limit}`, [
      ...[...from, ...(end ? [end.at, end.uid] : []), ...values],
    ]);
    yield page;
    await setImmediate();
    const more = narrow && page.length === size ? page.at(-1) : undefined;
    if (!end && !more) return;
    last = end ?? { at: more?.receipt.at ?? 0, uid: more?.uid ?? "" };
  }
}
