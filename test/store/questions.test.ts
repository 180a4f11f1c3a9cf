// Filters and groups of receipts add up to the same whether sums of hours answer or the receipts themselves; what is found is found by every page.
import { describe, expect, test } from "bun:test";
import type { Receipt } from "../../src/core/receipt.ts";
import { inspectStore } from "../../src/store/inspect.ts";
import type { Filter } from "../../src/store/question.ts";
import { prune } from "../../src/store/retention.ts";
import type { UsageKey } from "../../src/store/usage.ts";
import { ENGINES, open, type TestEngine } from "./engines.ts";
import { receipt } from "./receipt.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 30, 10, 30);

/** Over three days, in no regular relation to its hours. */
const SOME: Receipt[] = Array.from({ length: 400 }, (_, index) =>
  receipt({
    at: START + index * 660_000,
    licence: `team-${index % 3}`,
    model: index % 4 === 0 ? null : `gpt-5.${index % 4}`,
    askedModel: "asked_100%",
    session: index % 5 === 0 ? null : `s${index % 7}`,
    dialect: index % 2 === 0 ? "chat" : "messages",
    upstream: index % 9 === 0 ? null : "codex",
    outcome: index % 10 === 0 ? "failed" : "ok",
    failureKind: index % 10 === 0 ? (index % 20 === 0 ? "transport" : "upstream_api") : null,
    code: index % 10 === 0 ? (index % 20 === 0 ? "upstream_unreachable" : "upstream_error") : null,
    inputTokens: index,
  }),
);

const END = START + 400 * 660_000;

/** The same by hand. */
function turnsOf(filter: Filter, fits: (one: Receipt) => boolean): number {
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter;
  return SOME.filter((one) => one.at >= since && one.at < until && fits(one)).length;
}

describe.each(ENGINES)("$name", (engine: TestEngine) => {
  test("every filter, alone and with a key", async () => {
    await using store = await open(await engine.place());
    for (const one of SOME) store.receipts.write(one);
    const times: Filter[] = [
      {},
      { since: START + 5 * HOUR },
      { since: START + 1234, until: END - 99_999 },
      { since: START + 60_000, until: START + 11 * 660_000 },
    ];
    const filters: [Filter, (one: Receipt) => boolean][] = [
      [{ licence: "team-1" }, ({ licence }) => licence === "team-1"],
      [{ licence: "team-*" }, () => true],
      [{ licence: "TEAM-*" }, () => false],
      [{ model: "gpt-5.?" }, () => false],
      [{ model: "gpt-5.*" }, ({ model }) => model !== null],
      [{ model: "asked_100%" }, ({ model }) => model === null],
      [{ model: "asked%" }, () => false],
      [{ model: "asked_1*%" }, ({ model }) => model === null],
      [{ model: "asked?1*" }, () => false],
      [{ upstream: "" }, ({ upstream }) => upstream === null],
      [{ session: "s3" }, ({ session }) => session === "s3"],
      [{ outcome: "failed", dialect: "chat" }, ({ outcome, dialect }) => outcome === "failed" && dialect === "chat"],
      [{ kind: "transport" }, ({ failureKind }) => failureKind === "transport"],
      [{ code: "upstream_e*", licence: "team-2" }, (one) => one.code === "upstream_error" && one.licence === "team-2"],
    ];
    const keys: (UsageKey | UsageKey[] | undefined)[] = [undefined, "model", "day", ["day", "licence"], "outcome"];
    // Each question is several round trips, and that database is one process with this one.
    const few = engine.name === "PGlite";
    for (const time of few ? times.slice(2, 3) : times)
      for (const [filter, fits] of filters)
        for (const by of few ? keys.slice(2, 4) : keys) {
          const rows = await store.receipts.sum({ ...time, ...filter, by });
          const turns = rows.reduce((sum, row) => sum + row.turns, 0);
          expect([time, filter, by, turns]).toEqual([time, filter, by, turnsOf(time, fits)]);
        }
  }, 60_000);

  test("several keys, and days in their order", async () => {
    await using store = await open(await engine.place());
    for (const one of SOME) store.receipts.write(one);
    const rows = await store.receipts.sum({ by: ["licence", "day"] });
    expect(rows).toHaveLength(12);
    expect(rows[0]?.keys).toEqual({ licence: expect.stringMatching(/^team-/), day: "2026-01-30" });
    expect(rows.map(({ keys }) => keys?.day)).toEqual(rows.map(({ keys }) => keys?.day).toSorted());
    const hours = await store.receipts.sum({ by: "hour", until: START + 2 * HOUR });
    expect(hours.map(({ key }) => key)).toEqual(["2026-01-30T10", "2026-01-30T11", "2026-01-30T12"]);
    const [session] = await store.receipts.sum({ by: "session", session: "s3" });
    expect(session).toMatchObject({ key: "s3", lastAt: SOME.findLast(({ session }) => session === "s3")?.at ?? 0 });
  });

  test("an estimate of the cost, by the price of each model", async () => {
    await using store = await open(await engine.place());
    for (const model of ["gpt-5.1", "gpt-5.2"])
      store.receipts.write(receipt({ model, inputTokens: 1_000_000, cachedTokens: 400_000, outputTokens: 500_000 }));
    const prices = { currency: "EUR", models: { "gpt-5.1": { input: 2, cachedInput: 0.5, output: 10 } } };
    const rows = await store.receipts.sum({ by: "model", prices });
    expect(rows.map(({ key, estimatedCost }) => [key, estimatedCost])).toEqual([
      ["gpt-5.1", 1.2 + 0.2 + 5],
      ["gpt-5.2", null],
    ]);
    expect((await store.receipts.sum({}))[0]).not.toHaveProperty("estimatedCost");
  });

  test("a search finds everything once, newest first, whatever the size of its pages", async () => {
    await using store = await open(await engine.place());
    for (const one of SOME) store.receipts.write(one);
    for (const filter of [{}, { outcome: "failed" }, { session: "s3" }, { session: "s3", dialect: "chat" }]) {
      const seen: Receipt[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await store.receipts.search({ ...filter, limit: 37, cursor });
        seen.push(...page.receipts);
        expect(page.receipts.length).toBeLessThanOrEqual(37);
        if (page.cursor === null) break;
        cursor = page.cursor;
      }
      const wanted = SOME.filter((one) =>
        Object.entries(filter).every(([key, value]) => one[key as keyof Receipt] === value),
      );
      expect(seen.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id).reverse());
    }
    const { id } = SOME[42] as Receipt;
    expect((await store.receipts.search({ id, limit: 5 })).receipts).toEqual([SOME[42] as Receipt]);
    expect((await store.receipts.search({ id: "x' or '1'='1", limit: 5 })).receipts).toEqual([]);
    expect((await store.receipts.search({ licence: "x' or '1'='1", limit: 5 })).receipts).toEqual([]);
    expect(store.receipts.search({ limit: 5, cursor: "nonsense" })).rejects.toThrow();
  });

  test("receipts that are no longer kept stay in every sum that hours can tell, and the rest says how far it reaches", async () => {
    await using store = await open(await engine.place());
    for (const one of SOME) store.receipts.write(one);
    const before = START + 30 * HOUR + 12_345;
    const full = (by: UsageKey | undefined) => store.receipts.sum({ by, since: START });
    const known = [await full("model"), await full("day"), await full(undefined)];
    const kept = before - (before % HOUR);
    expect(await prune(store.engine, before)).toBe(SOME.filter(({ at }) => at < kept).length);
    expect([await full("model"), await full("day"), await full(undefined)]).toEqual(known);
    expect(await store.receipts.reaches({ by: "model" })).toBe(0);
    const question = { by: ["model", "licence"] as const, since: START };
    expect(await store.receipts.reaches(question)).toBe(kept);
    const turns = (await store.receipts.sum(question)).reduce((sum, row) => sum + row.turns, 0);
    expect(turns).toBe(SOME.filter(({ at }) => at >= kept).length);
    expect(await prune(store.engine, before)).toBe(0);
    const found = await store.receipts.search({ limit: 1000 });
    expect(found.receipts).toHaveLength(turns);
    expect((await inspectStore(store.engine)).filter(({ ok }) => !ok)).toEqual([]);
  });
});
