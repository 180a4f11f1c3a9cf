// Redis goes away under the counters: nobody waits for it, and what was counted meanwhile is not lost when it is back.

import { afterEach, expect, test } from "bun:test";
import type { Count, Counters } from "../../src/store/counters/counters.ts";
import { RedisCounters } from "../../src/store/counters/redis.ts";
import { timed } from "../least.ts";
import { hasRedis, type Redis, startRedis } from "../redis.ts";

const said: string[] = [];
const say = (line: string, fields?: Record<string, unknown>) =>
  void said.push(`${line} ${JSON.stringify(fields ?? {})}`);
const log = { info: say, warn: say };
const opened: Counters[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  said.length = 0;
});

function instance(redis: Redis): Counters {
  const counters = new RedisCounters(redis.url, log);
  opened.push(counters);
  return counters;
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (holds()) return;
    await Bun.sleep(10);
  }
  throw new Error(`never came: ${what}`);
}
const joined = (...all: Counters[]) => until(() => all.every(({ alone }) => !alone), "Redis for every instance");

const request: Count = { key: "k", amount: 1, span: { lasts: 600_000 }, below: 1000 };
const countOf = async (counters: Counters) => (await counters.count([{ ...request, amount: 0 }], [])).counts[0]?.count;
async function ask(counters: Counters, times: number): Promise<void> {
  for (let i = 0; i < times; i++) expect((await counters.count([request], [])).fits).toBe(true);
}

test.skipIf(!hasRedis).each([
  ["empty", false],
  ["with all it knew", true],
])("Redis is killed and comes back %s: the sum of all instances stands", async (_how, keeps) => {
  await using redis = await startRedis({ keeps });
  const [a, b] = [instance(redis), instance(redis)];
  await joined(a, b);
  await ask(a, 10);
  await ask(b, 5);
  await ask(a, 1);
  await redis.kill9();
  await ask(a, 4);
  await ask(b, 3);
  expect([a.alone, b.alone]).toEqual([true, true]);
  await redis.restart();
  await joined(a, b);
  // 16 were known to a and 15 to b, then 4 and 3 were counted apart. What an instance brings is there before its next question is answered.
  for (const one of [a, b]) await countOf(one);
  expect(await countOf(a)).toBe(23);
  expect(await countOf(b)).toBe(23);
  await ask(b, 1);
  expect(await countOf(a)).toBe(24);
  expect(said.filter((line) => line.includes("Redis is away"))).toHaveLength(2);
  expect(said.filter((line) => line.includes("Redis is back"))).toHaveLength(2);
});

test.skipIf(!hasRedis)(
  "an instance that knew nothing of a window before the restart does not undo the others",
  async () => {
    await using redis = await startRedis();
    const [a, b] = [instance(redis), instance(redis)];
    await joined(a, b);
    await ask(a, 10);
    await redis.kill9();
    await ask(b, 2);
    await ask(a, 1);
    await redis.restart();
    await joined(a, b);
    await ask(b, 1);
    expect(await countOf(a)).toBe(14);
  },
);

test.skipIf(!hasRedis)("a Redis that hangs costs a request a moment once, and counts nothing twice", async () => {
  await using redis = await startRedis();
  const counters = instance(redis);
  await joined(counters);
  await ask(counters, 3);
  redis.pause();
  const first = await timed(() => ask(counters, 1));
  const rest = await timed(() => ask(counters, 50));
  // Each that waited would take as long as the first one.
  expect(rest).toBeLessThan(10 * first);
  redis.resume();
  await joined(counters);
  expect(await countOf(counters)).toBe(54);
  expect(await redis.client.send("HGET", ["codexd:k", "count"])).toBe("54");
});

test.skipIf(!hasRedis)("tokens given back are not taken again by who last saw them", async () => {
  await using redis = await startRedis();
  const [a, b] = [instance(redis), instance(redis)];
  await joined(a, b);
  await a.count([{ ...request, amount: 500 }], []);
  await b.count([{ ...request, amount: -400 }], []);
  expect(await countOf(a)).toBe(100);
});

test.skipIf(!hasRedis)("places that were held before the restart are held after it", async () => {
  await using redis = await startRedis();
  const [a, b] = [instance(redis), instance(redis)];
  await joined(a, b);
  await a.count([], [{ key: "places", id: "one", below: 2 }]);
  await redis.kill9();
  await ask(a, 1);
  await a.count([], [{ key: "places", id: "two", below: 2 }]);
  await redis.restart();
  await joined(a, b);
  expect(await b.count([], [{ key: "places", id: "three", below: 2 }])).toMatchObject({ fits: false, held: [2] });
  await a.count([], [{ key: "places", id: "one" }]);
  expect((await b.count([], [{ key: "places", id: "three", below: 2 }])).fits).toBe(true);
});

test.skipIf(!hasRedis)("a Redis that is not there at the start stops nobody, and is joined when it comes", async () => {
  await using redis = await startRedis();
  await redis.kill9();
  const counters = instance(redis);
  await ask(counters, 2);
  expect(counters.alone).toBe(true);
  await redis.restart();
  await joined(counters);
  expect(await countOf(counters)).toBe(2);
});

test.skipIf(!hasRedis)("the address of Redis is in no line of the log, for it may have a password", async () => {
  await using redis = await startRedis();
  const address = redis.url.replace("//", "//user:secret-of-redis@");
  await redis.kill9();
  const counters = new RedisCounters(address, log);
  opened.push(counters);
  await until(() => said.length > 0, "a line");
  expect(said.join("\n")).toContain(new URL(redis.url).host);
  expect(said.join("\n")).not.toContain("secret-of-redis");
});

test.skipIf(!hasRedis).each([
  ["stalls", 0],
  ["is killed", 1],
])(
  "under load, each time Redis %s nothing is forgotten, and what was on its way is counted twice at most",
  async (_what, kills) => {
    await using redis = await startRedis();
    const instances = [instance(redis), instance(redis), instance(redis)];
    await joined(...instances);
    const WORKERS = 4 * instances.length;
    let asked = 0;
    let isOver = false;
    async function work(counters: Counters): Promise<void> {
      while (!isOver) {
        await counters.count([{ ...request, below: Number.MAX_SAFE_INTEGER }], []);
        if (++asked % 5 === 0) await Bun.sleep(1);
      }
    }
    const workers = Array.from({ length: WORKERS }, (_, i) => work(instances[i % instances.length] as Counters));
    for (let round = 0; round < 3; round++) {
      await Bun.sleep(50);
      if (kills) await redis.kill9();
      else redis.pause();
      await Bun.sleep(200 * (round + 1));
      if (kills) await redis.restart();
      else redis.resume();
      await joined(...instances);
    }
    isOver = true;
    await Promise.all(workers);
    for (const each of instances) await countOf(each);
    await joined(...instances);
    for (const each of instances) await countOf(each);
    const counted = Number(await redis.client.send("HGET", ["codexd:k", "count"]));
    expect(counted - asked).toBeWithin(0, kills * 3 * WORKERS + 1);
  },
);
