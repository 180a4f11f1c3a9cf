// What is asked of receipts: filters as conditions with bound values, and how far a scan goes at once.

import { setImmediate } from "node:timers/promises";
import { matchesGlob } from "../core/glob.ts";
import type { Receipt } from "../core/receipt.ts";
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
const LOOKED_AT = { sqlite: 1000, postgres: 20_000 };

interface Mark {
  at: number;
  uid: string;
}

/** All that fit, with all their fields or only these (`at` among them), page by page. A page may be empty: then there was nothing in what was looked at. */
export async function* scan(
  engine: Engine,
  filter: Filter,
  { order, after, fields }: { order: "up" | "down"; after?: Mark | undefined; fields?: readonly (keyof Receipt)[] },
): AsyncGenerator<Entry[]> {
  const { where, values } = conditionOf(filter, engine.kind);
  const size = LOOKED_AT[engine.kind];
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter;
  const isUp = order === "up";
  const sorted = isUp ? "order by at, uid" : "order by at desc, uid desc";
  // Of a session there is an index, and never so much that it has to be read in pieces of the whole.
  const narrow = filter.session !== undefined && filter.session !== "" && !filter.session.includes("*");
  const first = isUp ? { at: since, uid: "" } : { at: until, uid: "" };
  let last: Mark = after && (isUp ? after.at >= since : after.at < until) ? after : first;
  for (;;) {
    // One bound on each side: with two the database may choose the one that is further away, and read all between.
    const beyond = `(at, uid) ${isUp ? ">" : "<"} (?, ?)`;
    const range = `${beyond} and at ${isUp ? "<" : ">="} ?`;
    const bound = isUp ? until : since;
    const [end] = narrow
      ? []
      : await engine.all<Mark>(`select at, uid from receipts where ${range} ${sorted} limit 1 offset ?`, [
          ...[last.at, last.uid, bound, size - 1],
        ]);
    const piece = end ? `${beyond} and (at, uid) ${isUp ? "<=" : ">="} (?, ?)` : range;
    const limit = narrow ? `limit ${size}` : "";
    const bounds = [last.at, last.uid, ...(end ? [end.at, end.uid] : [bound]), ...values];
    const page = await selectReceipts(engine, `where ${piece} and ${where} ${sorted} ${limit}`, bounds, fields);
    yield page;
    await setImmediate();
    const more = narrow && page.length === size ? page.at(-1) : undefined;
    if (!end && !more) return;
    last = end ?? { at: more?.receipt.at ?? 0, uid: more?.uid ?? "" };
  }
}
