// Counters in memory and, where $CODEXD_TEST_REDIS names one, in Redis: exact in every window, all or nothing, over a restart.
import { afterAll, describe, expect, test } from "bun:test";
import { RedisClient } from "bun";
import fc from "fast-check";
import type { Count, Counters, Hold, Reading } from "../../src/store/counters/counters.ts";
import { MemoryCounters, openCounters } from "../../src/store/counters/index.ts";
import { openStore } from "../../src/store/index.ts";
import { ENGINES, open as openAt, type TestEngine } from "./engines.ts";
import { folder } from "./fixture.ts";

const MINUTE = 60_000;
const quiet = { info: () => undefined, warn: () => undefined };
const address = process.env.CODEXD_TEST_REDIS;

const store = await openStore(folder());
const opened: Counters[] = [];
afterAll(async () => {
  for (const one of opened) await one.close();
  await store.close();
});

async function open(where: string): Promise<Counters> {
  const counters = await openCounters(where, store.engine, quiet);
  opened.push(counters);
  while (counters.alone) await Bun.sleep(5);
  return counters;
}

let keys = 0;
const fresh = () => `test-${process.pid}-${Date.now()}-${keys++}`;
const one = (key: string, below?: number, lasts = MINUTE): Count => ({
  key,
  amount: 1,
  span: { lasts },
  ...(below === undefined ? {} : { below }),
});

test("no window lets in one more than its limit, and none refuses while there is room", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }),
      (limit, lasts, gaps) => {
        let now = 1000;
        const counters = new MemoryCounters(() => now);
        let window: { start: number; count: number } | undefined;
        for (const gap of gaps) {
          now += gap;
          if (window && now >= window.start + lasts) window = undefined;
          const isFull = window !== undefined && window.count >= limit;
          const counted = counters.countNow([one("k", limit, lasts)], []);
          expect(counted.fits).toBe(!isFull);
          if (!isFull) window = { start: window?.start ?? now, count: (window?.count ?? 0) + 1 };
          expect(counted.counts[0]).toMatchObject({
            count: window?.count,
            until: (window as { start: number }).start + lasts,
          });
        }
      },
    ),
  );
});

test("a window with a fixed end ends there, however late it began", () => {
  let now = 5000;
  const counters = new MemoryCounters(() => now);
  const count: Count = { key: "k", amount: 3, span: { until: 6000 }, below: 10 };
  expect(counters.countNow([count], []).counts[0]).toEqual({ count: 3, until: 6000, window: 6000 });
  now = 5999;
  expect(counters.countNow([{ ...count, amount: 0 }], []).counts[0]?.count).toBe(3);
  now = 6000;
  expect(counters.countNow([{ ...count, amount: 0 }], []).counts[0]?.count).toBe(0);
});

test("what is given back after its window is over does not make room in the next one", () => {
  let now = 0;
  const counters = new MemoryCounters(() => now);
  const tokens = (amount: number, of?: number): Count => ({
    key: "k",
    amount,
    span: { lasts: 100 },
    ...(of === undefined ? {} : { of }),
  });
  const taken = counters.countNow([tokens(50)], []).counts[0];
  now = 150;
  counters.countNow([tokens(20)], []);
  expect(counters.countNow([tokens(-30, taken?.window)], []).counts[0]?.count).toBe(20);
  // More than was reserved was used all the same: it counts where the time is now.
  expect(counters.countNow([tokens(30, taken?.window)], []).counts[0]?.count).toBe(50);
});

test("windows that are over are forgotten, whoever they belonged to", () => {
  let now = 0;
  const counters = new MemoryCounters(() => now);
  for (let i = 0; i < 50_000; i++) {
    now++;
    counters.countNow([one(`k${i}`, 5, 100)], []);
  }
  expect(counters.tallies.size).toBeLessThan(2000);
});

const engines = ["memory", ...(address ? [address] : [])];

describe.each(engines.map((where) => [where.replace(/:.*/s, ""), where]))("counters in %s", (_name, where) => {
  test("all of a request is counted, or nothing", async () => {
    const counters = await open(where);
    const [a, b, place] = [fresh(), fresh(), fresh()];
    const ask = () => counters.count([one(a, 2), one(b, 5)], [{ key: place, id: fresh(), below: 9 }]);
    expect((await ask()).fits).toBe(true);
    expect((await ask()).fits).toBe(true);
    const refused = await ask();
    expect(refused.fits).toBe(false);
    expect(refused.counts.map(({ count }) => count)).toEqual([2, 2]);
    expect(refused.held).toEqual([2]);
    expect(refused.counts[0]?.until).toBeWithin(Date.now() + MINUTE - 5000, Date.now() + MINUTE + 1000);
  });

  test("a window that is over begins anew with the next count", async () => {
    const counters = await open(where);
    const key = fresh();
    const first = await counters.count([one(key, 1, 150)], []);
    expect((await counters.count([one(key, 1, 150)], [])).fits).toBe(false);
    while (Date.now() < (first.counts[0]?.until ?? 0) + 5) await Bun.sleep(5);
    const next = await counters.count([one(key, 1, 150)], []);
    expect(next.fits).toBe(true);
    expect(next.counts[0]?.window).not.toBe(first.counts[0]?.window);
    // A correction of the window before must not make room in this one.
    const corrected: Count = { ...one(key), amount: -1, of: first.counts[0]?.window ?? 0 };
    expect((await counters.count([corrected], [])).counts[0]?.count).toBe(1);
  });

  test("a place is free again when it is given up, and nobody else's is", async () => {
    const counters = await open(where);
    const key = fresh();
    const place = (id: string): Hold => ({ key, id, below: 2 });
    expect((await counters.count([], [place("a")])).held).toEqual([1]);
    expect((await counters.count([], [place("b")])).held).toEqual([2]);
    expect(await counters.count([], [place("c")])).toMatchObject({ fits: false, held: [2] });
    expect((await counters.count([], [{ key, id: "c" }])).held).toEqual([2]);
    expect((await counters.count([], [{ key, id: "a" }])).held).toEqual([1]);
    expect(await counters.count([], [place("c")])).toMatchObject({ fits: true, held: [2] });
    expect((await counters.count([], [{ key }])).held).toEqual([2]);
  });

  test("any sequence ends at what a list of its steps adds up to", async () => {
    const counters = await open(where);
    const step = fc.record({
      key: fc.integer({ min: 0, max: 2 }),
      amount: fc.integer({ min: -30, max: 50 }),
      below: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const run = fresh();
        const sums = new Map<number, number>();
        for (const { key, amount, below } of steps) {
          const sum = sums.get(key) ?? 0;
          const fits = below === undefined || sum < below;
          if (fits) sums.set(key, Math.max(0, sum + amount));
          const count = { ...one(`${run}-${key}`, below), amount };
          const counted = await counters.count([count], []);
          expect([counted.fits, counted.counts[0]?.count]).toEqual([fits, sums.get(key) ?? 0]);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("as many as the limit get in when many ask at once", async () => {
    const instances = await Promise.all([open(where), open(where), open(where)]);
    const shared = where === "memory" ? [instances[0] as Counters] : instances;
    const key = fresh();
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => (shared[i % shared.length] as Counters).count([one(key, 100)], [])),
    );
    expect(answers.filter(({ fits }) => fits)).toHaveLength(100);
  });
});

test.skipIf(!address)("an instance that is gone loses its places when its sign of life is due", async () => {
  const counters = await open(address as string);
  const client = new RedisClient(address as string);
  const key = fresh();
  await client.send("ZADD", [`codexd:${key}`, `${Date.now() + 200}`, "of-another-instance"]);
  const place: Hold = { key, id: "mine", below: 1 };
  expect((await counters.count([], [place])).fits).toBe(false);
  await Bun.sleep(250);
  expect((await counters.count([], [place])).fits).toBe(true);
  client.close();
});

describe.each(ENGINES)("a restart over $name", (engine: TestEngine) => {
  const day: Count = { key: "day", amount: 7, span: { lasts: 86_400_000 } };
  const month: Count = { key: "month", amount: 3, span: { until: Date.now() + 20 * 86_400_000 } };

  test("forgets minutes and places, and keeps days and months as they were", async () => {
    const place = await engine.place();
    const before = await openAt(place);
    const counting = await openCounters("memory", before.engine, quiet);
    const { counts } = await counting.count([day, month, one("minute")], [{ key: "places", id: "a", below: 1 }]);
    await counting.count([{ ...day, amount: -2 }], []);
    await counting.close();
    await before.close();
    const after = await openAt(place);
    const again = await openCounters("memory", after.engine, quiet);
    const read = [day, month, one("minute")].map((count) => ({ ...count, amount: 0 }));
    const known = await again.count(read, [{ key: "places" }]);
    expect(known.counts).toEqual([
      { ...counts[0], count: 5 } as Reading,
      counts[1] as Reading,
      { count: 0, until: 0, window: 0 },
    ]);
    expect(known.held).toEqual([0]);
    await again.close();
    await after.close();
  });

  test("that nobody announced loses no more than a second", async () => {
    const place = await engine.place();
    const killed = await openAt(place);
    const counting = await openCounters("memory", killed.engine, quiet);
    await counting.count([day], []);
    const rows = () => killed.engine.all<{ name: string; count: number }>("select name, count from counters");
    const deadline = Date.now() + 5000;
    while ((await rows()).length === 0 && Date.now() < deadline) await Bun.sleep(20);
    expect(await rows()).toEqual([{ name: "day", count: 7 }]);
    // Another process finds it, though this one never closed.
    const after = await openAt(place);
    const again = await openCounters("memory", after.engine, quiet);
    expect((await again.count([{ ...day, amount: 0 }], [])).counts[0]?.count).toBe(7);
    for (const each of [again, counting]) await each.close();
    for (const each of [after, killed]) await each.close();
  });

  test("with a store that cannot be written is told of once, and stops nobody", async () => {
    const broken = await openAt(await engine.place());
    const lines: string[] = [];
    const counting = await openCounters("memory", broken.engine, { ...quiet, warn: (line) => void lines.push(line) });
    await broken.engine.run("drop table counters");
    expect((await counting.count([day], [])).fits).toBe(true);
    await counting.close();
    expect(lines).toEqual(["counters cannot be kept over a restart now"]);
    await broken.close();
  });
});
