// Moves a store to another database while servers go on writing to it: pass after pass takes what is new, the last one alone.

import { randomBytes } from "node:crypto";
import type { Engine, Value } from "./engine.ts";
import { HOUR, Hours } from "./hours.ts";
import { keptSince } from "./retention.ts";
import { type Entry, insertReceipts, marks, portions, selectReceipts } from "./rows.ts";
import { bump } from "./snapshot.ts";
import { TABLES, type Table } from "./tables.ts";

/** How much of one table there was on both sides when the copy ended. */
export interface Copied {
  table: string;
  from: number;
  to: number;
  /** Rows that were written in this run. */
  written: number;
}

export interface CopyOptions {
  /** Told after each pass how many receipts it found. */
  onPass?(pass: number, receipts: number): void | Promise<void>;
  /** Done before anything is written, and not at all where the other database is somebody else's. */
  begin?(): Promise<void>;
}

/** Receipts that come in while a pass runs, few enough for the last one to take while writers wait. */
const FEW = 5000;
const PASSES = 20;
const PAGE = 500;
/** Clocks of processes that write to one store may differ by this much, in microseconds. */
const MARGIN = 10_000_000;

/** Once more is always right: what is there is not written twice, and what was left out is made up for. */
export async function copyStore(from: Engine, to: Engine, { begin, onPass }: CopyOptions = {}): Promise<Copied[]> {
  await refuseOthers(from, to);
  await begin?.();
  const copy = new Copy(to);
  for (let pass = 1; pass <= PASSES; pass++) {
    const receipts = await copy.pass(from);
    await onPass?.(pass, receipts);
    if (receipts < FEW) break;
  }
  // Nobody writes to the old store meanwhile, so that the numbers of both are of one moment.
  return await from.transaction(async (source) => {
    if (source.kind === "postgres") await source.run("set transaction isolation level repeatable read");
    await copy.pass(source);
    await copy.prune(source);
    return await copy.count(source);
  });
}

/** A licence is never forgotten and never gets another key, so one that is not here has a server of its own: its rows would be overwritten. */
async function refuseOthers(from: Engine, to: Engine): Promise<void> {
  const licences = (engine: Engine) => engine.all<{ id: string; digest: string }>("select id, digest from licences");
  const here = new Map((await licences(from)).map(({ id, digest }) => [id, digest]));
  const others = (await licences(to)).filter(({ id, digest }) => here.get(id) !== digest).map(({ id }) => id);
  if (others.length === 0) return;
  const some = others.slice(0, 5).join(", ") + (others.length > 5 ? ` and ${others.length - 5} more` : "");
  throw new Error(`it is in use by others, for it has licences that are not here: ${some}; nothing was written`);
}

class Copy {
  readonly #to: Engine;
  readonly #hours = new Hours(`copy-${randomBytes(6).toString("hex")}`);
  readonly #written = new Map<string, number>();
  #since: number | undefined;

  constructor(to: Engine) {
    this.#to = to;
  }

  /** Gives how many receipts were new. */
  async pass(from: Engine): Promise<number> {
    const began = Date.now() * 1000 - MARGIN;
    const receipts = await this.#receipts(from);
    await this.#sums(from);
    for (const table of TABLES) await this.#table(from, table);
    this.#since = began;
    for (const name of ["licences", "accounts"]) await bump(this.#to, name);
    return receipts;
  }

  /** Hours whose receipts are not as many here as there, whatever came late or was left out before. */
  async #receipts(from: Engine): Promise<number> {
    const here = new Map((await receiptHours(this.#to)).map(({ hour, count }) => [hour, count]));
    const waiting: Entry[] = [];
    let total = 0;
    for (const { hour, count } of await receiptHours(from)) {
      if (here.get(hour) === count) continue;
      for await (const page of pagesOf(from, hour)) {
        waiting.push(...page);
        if (waiting.length >= PAGE) total += await this.#adopt(waiting.splice(0));
      }
    }
    total += await this.#adopt(waiting);
    this.#count("receipts", total);
    return total;
  }

  async #adopt(page: readonly Entry[]): Promise<number> {
    try {
      return await this.#to.transaction(async (within) => {
        const inserted = await insertReceipts(within, page);
        await this.#hours.add(
          within,
          inserted.map(({ receipt }) => receipt),
        );
        return inserted.length;
      });
    } catch (error) {
      this.#hours.forget();
      throw error;
    }
  }

  /** Of hours whose receipts are no longer kept, the sums are all there is; the others are added up as receipts come. */
  async #sums(from: Engine): Promise<void> {
    const since = await keptSince(from);
    await this.#to.run("update receipts_kept set since = ? where since < ?", [since, since]);
    const added = await this.#to.all<{ hour: number }>(
      "select distinct hour from usage_hours where writer like 'copy-%'",
    );
    // Copied while there still were receipts.
    const known = new Set(added.map(({ hour }) => hour));
    const withReceipts = new Set((await receiptHours(from)).map(({ hour }) => hour));
    const hours = await from.all<{ hour: number }>("select distinct hour from usage_hours order by hour");
    for (const { hour } of hours) {
      if (withReceipts.has(hour) || known.has(hour)) continue;
      const rows = await from.all<Row>("select * from usage_hours where hour = ?", [hour]);
      await this.#put({ name: "usage_hours", key: ["kind", "hour", "key", "writer"] }, rows);
    }
  }

  async #table(from: Engine, table: Table): Promise<void> {
    const condition = this.#since !== undefined && table.since ? `(${table.since})` : "1 = 1";
    const values: Value[] = this.#since !== undefined && table.since ? [this.#since] : [];
    const key = table.key.join(", ");
    for (let last: Value[] | undefined; ; ) {
      const after = last ? `and (${key}) > (${table.key.map(() => "?").join(", ")})` : "";
      const rows = await from.all<Row>(
        `select * from ${table.name} where ${condition} ${after} order by ${key} limit ${PAGE}`,
        [...values, ...(last ?? [])],
      );
      await this.#note(table, rows);
      await this.#put(table, rows);
      const end = rows.at(-1);
      if (end) last = table.key.map((column) => end[column] as Value);
      if (rows.length < PAGE) return;
    }
  }

  async #put({ name, key, newer }: Table, rows: readonly Row[]): Promise<void> {
    const columns = Object.keys(rows[0] ?? {});
    const others = columns.filter((column) => !key.includes(column));
    for (const some of portions(rows)) {
      await this.#to.run(
        `insert into ${name} (${columns.join(", ")}) values ${marks(some.length, columns.length)}
         on conflict (${key.join(", ")}) do update set ${others.map((column) => `${column} = excluded.${column}`).join(", ")}
         ${newer ? `where ${newer}` : ""}`,
        some.flatMap((row) => columns.map((column) => row[column] as Value)),
      );
    }
    this.#count(name, rows.length);
  }

  #count(table: string, rows: number): void {
    this.#written.set(table, (this.#written.get(table) ?? 0) + rows);
  }

  /** What this run and those before it have brought: whatever of it is gone from the source since then must go here too. */
  async #note({ name, key }: Table, rows: readonly Row[]): Promise<void> {
    for (const some of portions(rows))
      await this.#to.run(
        `insert into copied (name, key) values ${marks(some.length, 2)} on conflict (name, key) do nothing`,
        some.flatMap((row) => [name, keyOf(row, key)]),
      );
  }

  /** Takes away what was copied, in this run or before, and has been removed from the source since. What others wrote here stays. */
  async prune(from: Engine): Promise<void> {
    for (const { name, key } of TABLES) {
      const brought = await this.#to.all<{ key: string }>("select key from copied where name = ?", [name]);
      const gone = new Set(brought.map((row) => row.key));
      if (gone.size === 0) continue;
      for (const row of await from.all<Row>(`select ${key.join(", ")} from ${name}`)) gone.delete(keyOf(row, key));
      const where = key.map((column) => `${column} = ?`).join(" and ");
      for (const one of gone) {
        await this.#to.run(`delete from ${name} where ${where}`, JSON.parse(one) as Value[]);
        await this.#to.run("delete from copied where name = ? and key = ?", [name, one]);
      }
    }
  }

  async count(from: Engine): Promise<Copied[]> {
    const result: Copied[] = [];
    for (const table of ["receipts", ...TABLES.map(({ name }) => name)]) {
      const written = this.#written.get(table) ?? 0;
      // Old receipts that are still on their way out are nobody's any more.
      const rows = table === "receipts" ? `receipts where at >= ${await keptSince(from)}` : table;
      result.push({ table, from: await rowsOf(from, rows), to: await rowsOf(this.#to, rows), written });
    }
    return result;
  }
}

type Row = Record<string, Value>;

const keyOf = (row: Row, key: readonly string[]): string => JSON.stringify(key.map((column) => row[column]));

async function* pagesOf(engine: Engine, hour: number): AsyncGenerator<Entry[]> {
  for (let at = hour, uid = ""; ; ) {
    const page = await selectReceipts(
      engine,
      `where at >= ? and at < ? and (at > ? or uid > ?) order by at, uid limit ${PAGE}`,
      [at, hour + HOUR, at, uid],
    );
    const last = page.at(-1);
    if (!last) return;
    yield page;
    at = last.receipt.at;
    uid = last.uid;
  }
}

async function receiptHours(engine: Engine): Promise<{ hour: number; count: number }[]> {
  return await engine.all(
    `select at - at % ${HOUR} as hour, count(*) as count from receipts where at >= ${await keptSince(engine)} group by at - at % ${HOUR} order by at - at % ${HOUR}`,
  );
}

export async function rowsOf(engine: Engine, table: string): Promise<number> {
  const [row] = await engine.all<{ count: number }>(`select count(*) as count from ${table}`);
  return row?.count ?? 0;
}
