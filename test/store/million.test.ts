// A month of a million receipts is added up by model in less than a second.
import { describe, expect, test } from "bun:test";
import type { Receipt } from "../../src/core/receipt.ts";
import type { Engine } from "../../src/store/engine.ts";
import { Hours } from "../../src/store/hours.ts";
import type { Question } from "../../src/store/usage.ts";
import { ENGINES, open, type TestEngine } from "./engines.ts";
import { receipt } from "./receipt.ts";

/** The whole million where there is a real Postgres to hold it against, as in the gate; otherwise what a quick run has time for. */
const COUNT = process.env.CODEXD_TEST_POSTGRES ? 1_000_000 : 200_000;
const MONTH = 30 * 86_400_000;
const START = Date.UTC(2026, 0, 1);
const STEP = MONTH / COUNT;

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

async function timed(ask: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await ask();
  return performance.now() - began;
}

/** The rows by one statement, since it is reading that is measured; the sums as a server makes them. */
async function fill({ kind, all, run, transaction }: Bound): Promise<void> {
  const numbers =
    kind === "postgres"
      ? `generate_series(0, ${COUNT - 1}) as t(i)`
      : `(with recursive n(i) as (select 0 union all select i + 1 from n where i < ${COUNT - 1}) select i from n) as t`;
  const text = (value: string) => `cast(${value} as text)`;
  await run(
    `insert into receipts (uid, id, at, licence, session, dialect, operation, stream, asked_model, model, effort, upstream, account, outcome, status,
       input_tokens, cached_tokens, output_tokens, reasoning_tokens, first_ms, total_ms, tries)
     select 'u' || ${text("i")}, 'r' || ${text("i")}, cast(${START} + cast(i as bigint) * ${STEP} as bigint), 'l' || ${text("i % 20")}, 's' || ${text("i % 5000")}, 'chat', 'turn', 1,
       'gpt-5.5-high', 'm' || ${text("i % 5")}, 'high', 'codex', 'a' || ${text("i % 3")}, case when i % 50 = 0 then 'failed' else 'ok' end, 200,
       i % 1000, 40, 7, 3, 100 + i % 997, 1000 + (i * 7) % 9973, 1 from ${numbers}`,
  );
  const hours = new Hours("test");
  await transaction(async (within) => {
    for (let at = 0; at < COUNT; at += 5000)
      await hours.add(
        within,
        Array.from({ length: 5000 }, (_, index) => made(at + index)),
      );
  });
  expect(await all<{ count: number }>("select count(*) as count from receipts")).toEqual([{ count: COUNT }]);
}

type Bound = Pick<Engine, "kind" | "all" | "run" | "transaction">;

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
    const took: Record<string, number> = {};
    for (const by of ["model", "licence", "day", undefined] as const) {
      // From the middle of an hour, as every real question is.
      const ask = () => store.receipts.sum({ since: START + 1234, by });
      took[by ?? "total"] = Math.round(Math.min(await timed(ask), await timed(ask), await timed(ask)));
      const rows = await ask();
      const turns = rows.reduce((sum, row) => sum + row.turns, 0);
      expect(COUNT - turns).toBe(Math.ceil(1234 / STEP));
      expect(rows).toHaveLength({ model: 5, licence: 20, day: 30, total: 1 }[by ?? "total"]);
      for (const row of rows) {
        expect(row.firstMsP95).toBeGreaterThan(1046 * 0.98);
        expect(row.firstMsP95).toBeLessThan(1046 * 1.02);
        expect(row.totalMsP95).toBeGreaterThan(10_473 * 0.98);
        expect(row.totalMsP95).toBeLessThan(10_473 * 1.02);
      }
    }
    // What sums know with a filter, and what only the receipts themselves can tell.
    const questions: [string, Question, rows: number][] = [
      ["days of a licence", { licence: "l3", by: "day" }, 30],
      ["a pattern of models", { model: "m*", by: "model" }, 5],
      ["failures by model", { outcome: "failed", by: "model" }, 1],
      ["one session", { session: "s77", by: "hour" }, 200],
      ["models by licence", { by: ["model", "licence"] }, 20],
    ];
    for (const [name, question, rows] of questions) {
      let [longest, last] = [0, performance.now()];
      const beat = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 1);
      took[name] = Math.round(await timed(() => store.receipts.sum({ since: START + 1234, ...question })));
      clearInterval(beat);
      const found = await store.receipts.sum({ since: START + 1234, ...question });
      expect([name, found.length]).toEqual([name, Math.min(rows, found.length)]);
      expect(found.length).toBeGreaterThan(0);
      took[`${name}, at once`] = Math.round(longest);
      // The streams of a server have their turn in between.
      expect([name, longest < 500]).toEqual([name, true]);
    }
    took.page = Math.round(await timed(() => store.receipts.search({ outcome: "failed", licence: "l0", limit: 50 })));
    console.log(`${engine.name}: ${COUNT} receipts of a month, milliseconds by ${JSON.stringify(took)}`);
    for (const name of ["model", "days of a licence", "a pattern of models", "one session", "page"])
      expect([name, (took[name] as number) < 1000]).toEqual([name, true]);
  }, 280_000);
});
