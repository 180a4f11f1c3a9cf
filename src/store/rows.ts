// Receipts as rows: their columns, and how many of them are written with few statements.

import type { Receipt } from "../core/receipt.ts";
import type { Engine, Value } from "./engine.ts";

/** A receipt with the id that no other has: the one inside it is the client's to choose. */
export interface Entry {
  uid: string;
  receipt: Receipt;
}

/** Field of a receipt → column. */
const COLUMNS = {
  id: "id",
  at: "at",
  licence: "licence",
  session: "session",
  dialect: "dialect",
  operation: "operation",
  stream: "stream",
  askedModel: "asked_model",
  model: "model",
  effort: "effort",
  upstream: "upstream",
  account: "account",
  outcome: "outcome",
  status: "status",
  code: "code",
  failureKind: "failure_kind",
  inputTokens: "input_tokens",
  cachedTokens: "cached_tokens",
  outputTokens: "output_tokens",
  reasoningTokens: "reasoning_tokens",
  firstMs: "first_ms",
  totalMs: "total_ms",
  tries: "tries",
} as const satisfies Record<keyof Receipt, string>;

export const FIELDS = Object.keys(COLUMNS) as (keyof Receipt)[];

/** Receipts of a clause that follows `from receipts`; `fields` where the table does not have all of them yet. */
export async function selectReceipts(
  engine: Engine,
  clause: string,
  values: readonly Value[],
  fields: readonly (keyof Receipt)[] = FIELDS,
): Promise<Entry[]> {
  const selected = fields.map((field) => `${COLUMNS[field]} as "${field}"`).join(", ");
  const rows = await engine.all<Record<string, unknown> & { uid: string }>(
    `select uid, ${selected} from receipts ${clause}`,
    values,
  );
  for (const row of rows) if (row.stream !== undefined) row.stream = row.stream === 1;
  return rows.map(({ uid, ...receipt }) => ({ uid, receipt: receipt as unknown as Receipt }));
}

/** Writes those that are not there yet, and gives these. */
export async function insertReceipts(within: Engine, entries: readonly Entry[]): Promise<Entry[]> {
  // In one order everywhere: two that write the same ones must not wait for each other in a circle.
  const sorted = [...entries].sort((a, b) => (a.uid < b.uid ? -1 : 1));
  const inserted = new Set<string>();
  for (const some of portions(sorted)) {
    const values: Value[] = [];
    for (const { uid, receipt } of some) {
      values.push(uid);
      for (const field of FIELDS) values.push(bindingOf(receipt[field]));
    }
    const rows = await within.all<{ uid: string }>(insertion(some.length), values);
    for (const { uid } of rows) inserted.add(uid);
  }
  return entries.filter(({ uid }) => inserted.delete(uid));
}

function bindingOf(value: Receipt[keyof Receipt]): Value {
  return typeof value === "boolean" ? Number(value) : (value ?? null);
}

const insertions = new Map<number, string>();

function insertion(rows: number): string {
  let sql = insertions.get(rows);
  if (sql === undefined) {
    const columns = Object.values(COLUMNS).join(", ");
    sql = `insert into receipts (uid, ${columns}) values ${marks(rows, FIELDS.length + 1)} on conflict (uid) do nothing returning uid`;
    insertions.set(rows, sql);
  }
  return sql;
}

/** `(?, ?), (?, ?)`: so many rows of so many values. */
export function marks(rows: number, columns: number): string {
  return Array(rows)
    .fill(`(${Array(columns).fill("?").join(", ")})`)
    .join(", ");
}

/** Lists of a few fixed lengths, since each length is a statement that the database has to learn. */
export function* portions<T>(all: readonly T[]): Generator<T[]> {
  let at = 0;
  for (const size of [256, 128, 64, 32, 16, 8, 4, 2, 1])
    for (; all.length - at >= size; at += size) yield all.slice(at, at + size);
}
