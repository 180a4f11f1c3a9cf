// A month of a million receipts is added up by model in less than a second.
import { describe, expect, test } from "bun:test";
import type { Receipt } from "../../src/core/receipt.ts";
import type { Engine } from "../../src/store/engine.ts";
import { HOUR, Hours } from "../../src/store/hours.ts";
import { insertReceipts } from "../../src/store/rows.ts";
import type { Question } from "../../src/store/usage.ts";
import { ENGINES, open, type TestEngine } from "./engines.ts";
import { receipt } from "./receipt.ts";

const DAYS = 30;
/** The whole million where there is a real Postgres to hold it against, as in the gate; otherwise what a quick run has time for. */
const A_DAY = Math.ceil((process.env.CODEXD_TEST_POSTGRES ? 1_000_000 : 200_000) / DAYS);
const COUNT = DAYS * A_DAY;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);
const STEP = DAY / A_DAY;
/** From the middle of an hour, as every real question is. */
const SINCE = START + 1234;

const made = (index: number): Receipt =>
  receipt({
    at: START + Math.floor(index * STEP),
    licence: `l${index % 20}`,
    session: `s${index % 5000}`,
    model: `m${index % 5}`,
    account: `a${index % 3}`,
    outcome: index % 50 === 0 ? "failed" : "ok",
    inputTokens: index % 1000,
    firstMs: 100 + (index % 997),
    totalMs: 1000 + ((index * 7) % 9973),
  });

/** The first day as a server writes it, rows and sums; the others are as the first, and copied by the database: it is reading that is measured. */
async function fill({ kind, all, run, transaction }: Bound): Promise<void> {
  const day = Array.from({ length: A_DAY }, (_, index) => ({ uid: `${index}`.padStart(6, "0"), receipt: made(index) }));
  const hours = new Hours("test");
  for (let at = 0; at < A_DAY; at += 5000) {
    const some = day.slice(at, at + 5000);
    await transaction(async (within) => {
      await insertReceipts(within, some);
      await hours.add(
        within,
        some.map(({ receipt }) => receipt),
      );
    });
  }
  const numbers =
    kind === "postgres"
      ? `generate_series(1, ${DAYS - 1}) as days(day)`
      : `(with recursive days(day) as (select 1 union all select day + 1 from days where day < ${DAYS - 1}) select day from days)`;
  const [first] = await all<Record<string, unknown>>("select * from receipts limit 1");
  const others = Object.keys(first ?? {}).filter((column) => column !== "uid" && column !== "at");
  // Indexes are made at once from rows that are there, and slowly one row after the other.
  const indexes = await all<{ name: string; sql: string }>(
    kind === "postgres"
      ? "select indexname as name, indexdef as sql from pg_indexes where tablename = 'receipts'"
      : "select name, sql from sqlite_master where type = 'index' and tbl_name = 'receipts' and sql is not null",
  );
  for (const { name } of indexes) await run(`drop index ${name}`);
  // In the order in which they come: what belongs together lies together.
  await run(
    `insert into receipts (uid, at, ${others}) select uid || '-' || day, at + cast(day as bigint) * ${DAY}, ${others} from receipts, ${numbers}
     order by day, uid`,
  );
  for (const { sql } of indexes) await run(sql);
  await run(
    `insert into usage_hours (kind, hour, key, writer, sums)
     select kind, hour + cast(day as bigint) * ${DAY}, key, writer, sums from usage_hours, ${numbers}`,
  );
  // As its own housekeeping does it sooner or later, and not while the questions are asked.
  if (kind === "postgres") for (const table of ["receipts", "usage_hours"]) await run(`vacuum analyze ${table}`);
  expect(await all<{ count: number }>("select count(*) as count from receipts")).toEqual([{ count: COUNT }]);
}

type Bound = Pick<Engine, "kind" | "all" | "run" | "transaction">;

interface Taken {
  ms: number;
  /** How long nothing else in this process had its turn. */
  gap: number;
}

async function taken(ask: () => Promise<unknown>): Promise<Taken> {
  const began = performance.now();
  let [gap, last] = [0, began];
  const note = (): void => {
    gap = Math.max(gap, performance.now() - last);
    last = performance.now();
  };
  const beat = setInterval(note, 1);
  await ask();
  note();
  clearInterval(beat);
  return { ms: performance.now() - began, gap };
}

const NEVER: Taken = { ms: Number.POSITIVE_INFINITY, gap: Number.POSITIVE_INFINITY };

/** The least of several tries and of what was taken before, until it is within the bounds: what else a machine does at a moment makes a try longer, never shorter. */
async function least(ask: () => Promise<unknown>, within: Taken, before = NEVER): Promise<Taken> {
  let least = before;
  for (let tries = 0; tries < 12 && (least.ms >= within.ms || least.gap >= within.gap); tries++) {
    const { ms, gap } = await taken(ask);
    least = { ms: Math.min(least.ms, ms), gap: Math.min(least.gap, gap) };
  }
  return least;
}

/** Each with how much of the time it may take that the reading of all receipts takes here and now. */
const QUESTIONS: readonly [name: string, question: Question, rows: number, share: number][] = [
  ["model", { by: "model" }, 5, 1 / 3],
  ["licence", { by: "licence" }, 20, 1 / 3],
  ["day", { by: "day" }, DAYS, 1 / 3],
  ["total", {}, 1, 1 / 3],
  ["days of a licence", { licence: "l3", by: "day" }, DAYS, 1 / 3],
  ["a pattern of models", { model: "m*", by: "model" }, 5, 1 / 3],
  // What only the receipts themselves can tell, of which the database finds those that are meant.
  ["failures by model", { outcome: "failed", by: "model" }, 1, 2],
  ["one session", { session: "s77", by: "hour" }, DAYS * Math.ceil((A_DAY - 77) / 5000), 1 / 50],
];

describe.each(ENGINES.filter(({ name }) => name !== "PGlite"))("$name", (engine: TestEngine) => {
  test(`${COUNT} receipts of a month`, async () => {
    await using store = await open(await engine.place(), { patience: 60_000 });
    const { kind } = store.engine;
    await fill({
      kind,
      all: (...asked) => store.engine.all(...asked),
      run: (...asked) => store.engine.run(...asked),
      transaction: (work) => store.engine.transaction(work),
    });
    const took: Record<string, Taken> = {};
    const sum = (question: Question) => store.receipts.sum({ since: SINCE, ...question });
    // No sum knows two keys, so that every receipt is read: the measure of all others, on any machine.
    const all = await taken(async () => expect(await sum({ by: ["model", "licence"] })).toHaveLength(20));
    const each = all.ms / COUNT;
    const limits = (share: number): Taken => ({ ms: each * 1_000_000 * share, gap: (each * 1_000_000) / 10 });
    async function hold(name: string, ask: () => Promise<unknown>, within: Taken, before = NEVER): Promise<void> {
      const { ms, gap } = await least(ask, within, before);
      took[name] = { ms: Math.round(ms), gap: Math.round(gap) };
      const told = `${name}: ${ms} ms and ${gap} ms at once, of ${within.ms} and ${within.gap}`;
      expect([told, ms < within.ms, gap < within.gap]).toEqual([told, true, true]);
    }
    for (const [name, question, count, share] of QUESTIONS)
      await hold(name, async () => expect([name, (await sum(question)).length]).toEqual([name, count]), limits(share));
    await hold("a month by model", () => sum({ by: "model" }), { ms: 1000, gap: Number.POSITIVE_INFINITY });
    const page = { outcome: "failed", licence: "l0", limit: 50 } as const;
    await hold("a page", () => store.receipts.search(page), limits(1 / 50));
    await hold("every receipt", () => sum({ by: ["model", "licence"] }), { ...limits(1 / 10), ms: all.ms * 10 }, all);
    console.log(`${engine.name}: ${COUNT} receipts of a month, milliseconds ${JSON.stringify(took)}`);
    for (const [name, question] of QUESTIONS.slice(0, 4)) {
      const rows = await sum(question);
      // The first receipt is from before the moment that is asked from.
      expect([name, rows.reduce((total, { turns }) => total + turns, 0)]).toEqual([name, COUNT - 1]);
      for (const row of rows) {
        expect(row.firstMsP95).toBeGreaterThan(1046 * 0.98);
        expect(row.firstMsP95).toBeLessThan(1046 * 1.02);
        expect(row.totalMsP95).toBeGreaterThan(10_473 * 0.98);
        expect(row.totalMsP95).toBeLessThan(10_473 * 1.02);
      }
    }
  }, 500_000);
});
