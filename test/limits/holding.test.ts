// What an exchange takes of its limits and gives back, however it ends: never more, never less, and nothing for who has none.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Principal } from "../../src/core/hooks.ts";
import { counterOf } from "../../src/server/limits/rules.ts";
import type { Counters } from "../../src/store/counters/index.ts";
import { begin, receipt, type Setting, START, setting, spent } from "./setting.ts";

const MINUTE = 60_000;
const chat = { name: "chat" } as never;
const ci = (limits: Partial<Principal>): Principal => ({ id: "ci", ...limits });

/** What is left of a licence's limits, by name. */
async function left({ limiter }: Setting, principal: Principal): Promise<Record<string, number>> {
  return Object.fromEntries((await limiter.state(principal)).map(({ name, remaining }) => [name, remaining]));
}

test("who has no limit touches no counter, whatever others have", () => {
  const untouched: Counters = {
    kind: "memory",
    alone: false,
    count: () => Promise.reject(new Error("was touched")),
    close: async () => undefined,
  };
  const { limiter } = setting({ quotas: [{ licence: "team-*", per: "licence", streams: 1 }] }, () => untouched);
  expect(limiter.holding({ id: "ci" })).toBeUndefined();
  expect(limiter.holding({ id: "team-a" })).toBeDefined();
  expect(limiter.holding(ci({ tokensPerDay: 5 }))).toBeDefined();
});

test("the request after the last one is refused until its window is over", async () => {
  const set = setting();
  const principal = ci({ requestsPerMinute: 2 });
  for (let i = 0; i < 2; i++) expect((await begin(set, principal)).refused).toBeUndefined();
  set.now += 18_000;
  const { refused } = await begin(set, principal);
  expect(refused).toMatchObject({ kind: "rate_limit", code: "rate_limit_exceeded", status: 429, retryAfter: 42 });
  expect(refused?.message).toContain("licence ci: the 2 requests per minute are used up (requestsPerMinute)");
  expect(refused?.shouldRetry).toBeUndefined();
  set.now += 42_000;
  expect((await begin(set, principal)).refused).toBeUndefined();
});

test("a wait of hours tells clients not to wait by themselves", async () => {
  const set = setting();
  await begin(set, ci({ requestsPerDay: 1 }));
  const { refused } = await begin(set, ci({ requestsPerDay: 1 }));
  expect(refused).toMatchObject({ retryAfter: 86_400, shouldRetry: false });
});

test("a place is free when its exchange has ended, however it ended, and only once", async () => {
  const set = setting();
  const principal = ci({ streams: 2 });
  const first = await begin(set, principal);
  await begin(set, principal);
  expect((await begin(set, principal)).refused).toMatchObject({ code: "rate_limit_exceeded", retryAfter: 1 });
  expect(await left(set, principal)).toEqual({ streams: 0 });
  first.holding?.settle(receipt({ outcome: "aborted", status: 499 }));
  first.holding?.settle(receipt());
  expect(await left(set, principal)).toEqual({ streams: 1 });
  expect((await begin(set, principal)).refused).toBeUndefined();
});

test("an exchange that ends while it still waits for its place leaves nothing behind", async () => {
  const set = setting();
  const principal = ci({ streams: 1, requestsPerMinute: 9, tokensPerDay: 1000 });
  const holding = set.limiter.holding(principal);
  const entering = holding?.enter();
  holding?.settle(receipt({ outcome: "aborted", tries: 0 }));
  await entering;
  expect(await left(set, principal)).toEqual({ streams: 1, requestsPerMinute: 8, tokensPerDay: 1000 });
});

test("a request that one limit refuses is not counted in the others", async () => {
  const quotas = [{ model: "gpt-5*", per: "all" as const, requestsPerMinute: 1 }];
  const set = setting({ quotas });
  const principal = ci({ requestsPerMinute: 10, streams: 5, tokensPerDay: 100_000 });
  const { holding } = await begin(set, principal);
  holding?.settle(spent(100, 50));
  for (let i = 0; i < 3; i++) {
    const { refused } = await begin(set, principal);
    expect(refused?.message).toContain("all licences together, model gpt-5*, quotas[0]: the 1 requests per minute");
  }
  expect(await left(set, principal)).toMatchObject({ streams: 5, tokensPerDay: 99_850 });
  // Both of the licence and of the quota are called so; the quota's comes last.
  const states = await set.limiter.state(principal);
  expect(states.filter(({ unit }) => unit === "requests").map(({ remaining }) => remaining)).toEqual([9, 0]);
  expect((await begin(set, principal, { model: "o4-mini" })).refused).toBeUndefined();
});

describe("a quota", () => {
  const asks = async (set: Setting, id: string, target = {}) =>
    (await begin(set, { id }, target)).refused === undefined;

  test("of each licence is no other's, and of all is everybody's", async () => {
    const each = setting({ quotas: [{ per: "licence", requestsPerDay: 1 }] });
    expect([await asks(each, "a"), await asks(each, "b"), await asks(each, "a")]).toEqual([true, true, false]);
    const all = setting({ quotas: [{ per: "all", requestsPerDay: 1 }] });
    expect([await asks(all, "a"), await asks(all, "b")]).toEqual([true, false]);
  });

  test("holds for the models and upstreams that it names, and for those alone", async () => {
    const set = setting({ quotas: [{ model: "gpt-5*", upstream: "codex", per: "all", requestsPerDay: 1 }] });
    expect(await asks(set, "a", { model: "gpt-5.5", upstream: "local" })).toBe(true);
    expect(await asks(set, "a", { model: "qwen3", upstream: "codex" })).toBe(true);
    expect(await asks(set, "a")).toBe(true);
    expect(await asks(set, "a", { model: "gpt-5.2-codex" })).toBe(false);
    expect(await asks(set, "a", { model: "gpt-5.5", upstream: "local" })).toBe(true);
  });

  test("of a name with separators in it shares its counter with nobody", async () => {
    const set = setting({ quotas: [{ licence: "a*", per: "licence", requestsPerDay: 1 }] });
    expect([await asks(set, "a|*:all"), await asks(set, "a"), await asks(set, "a:b")]).toEqual([true, true, true]);
  });
});

describe("tokens", () => {
  const principal = ci({ tokensPerDay: 1000 });

  test("are what the upstream counted, and the estimate is gone", async () => {
    const set = setting();
    const { holding } = await begin(set, principal);
    expect((await left(set, principal)).tokensPerDay).toBeWithin(850, 950);
    holding?.settle(spent(300, 200, { cachedTokens: 250 }));
    expect(await left(set, principal)).toEqual({ tokensPerDay: 500 });
  });

  test("of what is under way are held, so that a burst cannot run far over", async () => {
    const set = setting();
    const all = await Promise.all(Array.from({ length: 50 }, () => begin(set, principal)));
    const admitted = all.filter(({ refused }) => !refused);
    expect(admitted.length).toBeWithin(8, 13);
    for (const { holding } of admitted) holding?.settle(spent(100, 0));
    expect((await left(set, principal)).tokensPerDay).toBeWithin(0, 201);
  });

  test.each([
    ["of an answer that was broken off stay as estimated", { outcome: "aborted" as const, firstMs: 5 }, false],
    ["of a stream that broke stay as estimated", { outcome: "failed" as const, firstMs: 5 }, false],
    ["of what the upstream refused are none", { outcome: "failed" as const, firstMs: null }, true],
    ["of what never reached an upstream are none", { outcome: "aborted" as const, tries: 0 }, true],
  ])("%s", async (_name, how, free) => {
    const set = setting();
    const { holding } = await begin(set, principal);
    holding?.settle(receipt(how));
    expect((await left(set, principal)).tokensPerDay === 1000).toBe(free);
  });

  test("that come after their window count in the next one, and none are given back to it", async () => {
    const set = setting();
    const minute = ci({ tokensPerMinute: 1000 });
    const early = await begin(set, minute);
    const late = await begin(set, minute);
    set.now += MINUTE;
    const next = await begin(set, minute);
    const before = (await left(set, minute)).tokensPerMinute ?? 0;
    early.holding?.settle(receipt({ outcome: "failed" }));
    expect((await left(set, minute)).tokensPerMinute).toBe(before);
    late.holding?.settle(spent(500, 0));
    expect((await left(set, minute)).tokensPerMinute).toBeLessThan(before - 300);
    next.holding?.settle(spent(0, 0));
  });

  test("used up are known before a body is read", async () => {
    const set = setting();
    (await begin(set, principal)).holding?.settle(spent(2000, 0));
    expect(set.limiter.holding(principal)?.enter()).rejects.toMatchObject({ code: "rate_limit_exceeded" });
    expect(await left(set, principal)).toEqual({ tokensPerDay: 0 });
  });
});

describe("a budget", () => {
  const quotas = [{ per: "licence" as const, budget: { tokens: 1000, per: "month" as const, warnAt: 0.8 } }];

  test("warns once in the log and on every answer, then refuses for the rest of the month", async () => {
    const set = setting({ quotas });
    (await begin(set, ci({}))).holding?.settle(spent(500, 0));
    const second = await begin(set, ci({}));
    expect(second.holding?.headers(chat)).not.toHaveProperty("x-codexd-budget-warning");
    second.holding?.settle(spent(350, 0));
    await Promise.resolve();
    const third = await begin(set, ci({}));
    expect(third.holding?.headers(chat)["x-codexd-budget-warning"]).toMatch(
      /^9\d% of 1000 tokens used; begins anew at 2026-02-01T00:00:00.000Z$/,
    );
    third.holding?.settle(spent(200, 0));
    const { refused, holding } = await begin(set, ci({}));
    expect(refused).toMatchObject({ kind: "quota", code: "insufficient_quota", shouldRetry: false });
    expect(refused?.retryAfter).toBe(24 * 3600 + 60);
    expect(refused?.message).toContain("the budget of 1000 tokens per month is spent");
    expect(holding?.headers(chat)["x-codexd-budget-warning"]).toStartWith("105% of 1000 tokens");
    expect(set.log.map(({ message }) => message)).toEqual(["a budget runs out"]);
    expect(set.gauges.render(set.counters)).toContain('codexd_budget_warnings_total{limit="budget.tokens"} 1');
    expect(set.gauges.render(set.counters)).toContain('codexd_limit_refusals_total{limit="budget.tokens"} 1');
    set.now = Date.UTC(2026, 1, 1);
    expect((await begin(set, ci({}))).refused).toBeUndefined();
  });

  test("in money is estimated by the price table, cached input apart", async () => {
    const prices = { currency: "EUR", models: { "gpt-5*": { input: 2, cachedInput: 0.5, output: 10 } } };
    const set = setting({ quotas: [{ per: "all", budget: { money: 0.01, per: "day", warnAt: 1 } }], prices });
    (await begin(set, ci({}))).holding?.settle(spent(1500, 500, { cachedTokens: 1000 }));
    // 500 × 2 + 1000 × 0.5 + 500 × 10 millionths.
    expect((await left(set, ci({})))["budget.money"]).toBeCloseTo(0.0035, 9);
    (await begin(set, ci({}))).holding?.settle(spent(0, 400));
    const { refused } = await begin(set, ci({}));
    expect(refused?.message).toContain(
      "the budget of 0.01 EUR (an estimate by the configured prices) per day is spent",
    );
    expect(refused?.retryAfter).toBe(60);
  });

  test("in money does not count a model without a price, and says so once", async () => {
    const prices = { currency: "EUR", models: { o4: { input: 2, cachedInput: 0.5, output: 10 } } };
    const set = setting({ quotas: [{ per: "all", budget: { money: 1, per: "day", warnAt: 1 } }], prices });
    for (let i = 0; i < 3; i++) (await begin(set, ci({}))).holding?.settle(spent(1500, 500));
    expect(await left(set, ci({}))).toEqual({ "budget.money": 1 });
    expect(set.log).toEqual([
      { message: "prices: the model has none, so budgets in money do not count it", fields: { model: "gpt-5.5" } },
    ]);
  });

  test("is told before a rate: another try would not help", async () => {
    const set = setting({ quotas });
    const principal = ci({ requestsPerDay: 1 });
    (await begin(set, principal)).holding?.settle(spent(2000, 0));
    expect((await begin(set, principal)).refused?.code).toBe("insufficient_quota");
  });
});

test("a calendar's counter ends where its day or month ends, and the next one begins there", () => {
  const rule = { name: "budget.tokens", unit: "tokens", of: "", limit: 1, key: "k" } as const;
  const any = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2030, 0, 1) });
  fc.assert(
    fc.property(any, fc.constantFrom("calendar day" as const, "calendar month" as const), (at, period) => {
      const { key, span } = counterOf({ ...rule, period }, at);
      const until = (span as { until: number }).until;
      expect(until).toBeGreaterThan(at);
      expect(until - at).toBeLessThanOrEqual((period === "calendar day" ? 1 : 31) * 86_400_000);
      expect(counterOf({ ...rule, period }, until - 1).key).toBe(key);
      expect(counterOf({ ...rule, period }, until).key).not.toBe(key);
    }),
  );
});

test("headers tell the limit that is reached first, in the form that OpenAI's clients read", async () => {
  const set = setting();
  const principal = ci({ requestsPerMinute: 10, requestsPerDay: 5, tokensPerMinute: 10_000, tokensPerDay: 1000 });
  const { holding } = await begin(set, principal);
  set.now += 1500;
  expect(holding?.headers(chat)).toEqual({
    "x-ratelimit-limit-requests": "5",
    "x-ratelimit-remaining-requests": "4",
    "x-ratelimit-reset-requests": "23h59m59s",
    "x-ratelimit-limit-tokens": "1000",
    "x-ratelimit-remaining-tokens": expect.stringMatching(/^[89]\d\d$/),
    "x-ratelimit-reset-tokens": "23h59m59s",
  });
  expect(START).toBeLessThan(set.now);
});
