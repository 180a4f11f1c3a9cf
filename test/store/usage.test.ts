// Sums of receipts add up, by every key, and their percentiles are real values.
import { describe, expect, test } from "bun:test";
import { USAGE_KEYS, type UsageKey } from "../../src/store/usage.ts";
import { ENGINES, open, type TestEngine } from "./engines.ts";
import { receipt } from "./receipt.ts";

const ROWS: Partial<Record<UsageKey, number>> = {
  ...{ model: 2, licence: 5, session: 2, account: 2, dialect: 2, day: 4, hour: 4 },
  ...{ upstream: 1, outcome: 1, kind: 1, code: 1 },
};
const DAY = 86_400_000;
const NOON = Date.UTC(2026, 0, 31, 12);

describe.each(ENGINES)("$name", (engine: TestEngine) => {
  test("counts, tokens, rates and times of one group", async () => {
    await using store = await open(await engine.place());
    for (let index = 1; index <= 20; index++) store.receipts.write(receipt({ firstMs: index, totalMs: index * 10 }));
    store.receipts.write(
      receipt({
        outcome: "failed",
        firstMs: null,
        totalMs: 1000,
        failureKind: "transport",
        code: "upstream_unreachable",
      }),
    );
    store.receipts.write(receipt({ outcome: "aborted", firstMs: null, totalMs: 1000 }));
    store.receipts.write(
      receipt({
        outcome: "refused",
        failureKind: "rate_limit",
        code: "rate_limit_exceeded",
        firstMs: null,
        totalMs: 99_999,
        inputTokens: 0,
        cachedTokens: 0,
        outputTokens: 0,
        reasoningTokens: 0,
      }),
    );
    expect(await store.receipts.sum({})).toEqual([
      {
        key: "total",
        turns: 23,
        ok: 20,
        failed: 1,
        aborted: 1,
        refused: 1,
        inputTokens: 2200,
        cachedTokens: 880,
        outputTokens: 154,
        reasoningTokens: 66,
        cacheHitRate: 0.4,
        firstMsAvg: 10.5,
        firstMsP50: 10,
        firstMsP95: 19,
        firstMsP99: 20,
        totalMsAvg: 186.4,
        totalMsP50: expect.closeTo(110, -0.1),
        totalMsP95: 1000,
        totalMsP99: 1000,
        failureKinds: { rate_limit: 1, transport: 1 },
        failureCodes: { rate_limit_exceeded: 1, upstream_unreachable: 1 },
      },
    ]);
  });

  test("every key splits the same total", async () => {
    await using store = await open(await engine.place());
    for (let index = 0; index < 60; index++) {
      store.receipts.write(
        receipt({
          at: NOON - (index % 4) * DAY,
          model: index % 3 ? "m1" : null,
          askedModel: "asked",
          licence: `l${index % 5}`,
          session: index % 2 ? "s" : null,
          account: `a${index % 2}`,
          dialect: index % 7 ? "chat" : "responses",
          inputTokens: index,
        }),
      );
    }
    const [total] = await store.receipts.sum({});
    for (const by of USAGE_KEYS) {
      const rows = await store.receipts.sum({ by });
      const add = (field: "turns" | "inputTokens") => rows.reduce((sum, row) => sum + row[field], 0);
      expect([by, rows.length]).toEqual([by, ROWS[by] ?? 0]);
      expect([by, add("turns"), add("inputTokens")]).toEqual([by, 60, total?.inputTokens ?? 0]);
    }
    expect((await store.receipts.sum({ by: "day" })).map(({ key }) => key)).toEqual([
      "2026-01-28",
      "2026-01-29",
      "2026-01-30",
      "2026-01-31",
    ]);
    expect((await store.receipts.sum({ by: "model" })).map(({ key }) => key)).toEqual(["m1", "asked"]);
    expect((await store.receipts.sum({ by: "session" })).map(({ key }) => key)).toContain(null);
    expect((await store.receipts.sum({ by: "day", since: NOON - DAY })).map(({ turns }) => turns)).toEqual([15, 15]);
  });

  test("nothing to sum is no row", async () => {
    await using store = await open(await engine.place());
    expect(await store.receipts.sum({})).toEqual([]);
    expect(await store.receipts.sum({ by: "model" })).toEqual([]);
    store.receipts.write(receipt({ inputTokens: 0, cachedTokens: 0, firstMs: null }));
    expect((await store.receipts.sum({}))[0]).toMatchObject({ cacheHitRate: null, firstMsAvg: null, firstMsP95: null });
  });
});
