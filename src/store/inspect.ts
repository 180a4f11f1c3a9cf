// Looks a store over: is the file whole, is nothing without what it belongs to, do the sums agree with the receipts?

import { rowsOf } from "./copy.ts";
import type { Engine } from "./engine.ts";
import { HOUR, sumsOf } from "./hours.ts";
import { ORPHANS, TABLES } from "./tables.ts";

export interface Inspected {
  check: string;
  ok: boolean;
  found: string;
}

export async function inspectStore(engine: Engine): Promise<Inspected[]> {
  const counts = await Promise.all(
    ["receipts", ...TABLES.map(({ name }) => name)].map(async (name) => `${name} ${await rowsOf(engine, name)}`),
  );
  return [
    await integrity(engine),
    { check: "rows", ok: true, found: counts.join(", ") },
    ...(await Promise.all(ORPHANS.map(({ name, sql }) => none(engine, name, sql)))),
    await none(engine, "receipts without an id", "select count(*) as count from receipts where uid is null"),
    await sums(engine),
  ];
}

async function integrity(engine: Engine): Promise<Inspected> {
  const check = "integrity";
  if (engine.kind === "sqlite") {
    const rows = await engine.all<{ integrity_check: string }>("pragma integrity_check");
    const found = rows.map((row) => row.integrity_check).join("; ");
    return { check, ok: found === "ok", found };
  }
  // Postgres keeps watch over its pages itself; what an operator can break is an index that was not finished.
  const rows = await engine.all<{ name: string }>(
    `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
     where not i.indisvalid and c.relnamespace = current_schema()::regnamespace`,
  );
  return {
    check,
    ok: rows.length === 0,
    found: rows.map(({ name }) => `${name} is no valid index`).join("; ") || "ok",
  };
}

async function none(engine: Engine, check: string, sql: string): Promise<Inspected> {
  const [row] = await engine.all<{ count: number }>(sql);
  const count = row?.count ?? 0;
  return { check, ok: count === 0, found: count === 0 ? "none" : `${count}` };
}

/** Receipts may be fewer than their sums say, once old ones are no longer kept, but never more. */
async function sums(engine: Engine): Promise<Inspected> {
  const check = "sums of receipts";
  // In one transaction, since servers go on writing.
  const [summed, counted] = await engine.transaction(async (within) => {
    if (within.kind === "postgres") await within.run("set transaction isolation level repeatable read");
    const kept = await Array.fromAsync(sumsOf(within, "total", 0, Number.MAX_SAFE_INTEGER));
    const rows = await within.all<{ hour: number; count: number }>(
      `select at - at % ${HOUR} as hour, count(*) as count from receipts group by at - at % ${HOUR}`,
    );
    return [kept, rows] as const;
  });
  const turns = new Map<number, number>();
  for (const { hour, sums: each } of summed) turns.set(hour, (turns.get(hour) ?? 0) + each.turns);
  const wrong = counted.filter(({ hour, count }) => count > (turns.get(hour) ?? 0));
  const found = wrong.map(({ hour }) => `${new Date(hour).toISOString().slice(0, 13)}h`).join(", ");
  return { check, ok: wrong.length === 0, found: wrong.length === 0 ? "agree" : `too small in ${found}` };
}
