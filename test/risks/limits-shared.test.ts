// Several instances on one Redis: limits are exact whoever is asked, a killed instance gives its places back, and no
// client notices when Redis goes away and comes back.

import { afterEach, describe, expect, test } from "bun:test";
import { type Server, startGateway, startSandbox } from "../binary.ts";
import { timed } from "../least.ts";
import { hasRedis, type Redis, startRedis } from "../redis.ts";
import { readAll } from "./ring.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

function keep<T extends AsyncDisposable>(one: T): T {
  opened.push(one);
  return one;
}

interface Group {
  redis: Redis;
  sandbox: Server;
  instances: Server[];
}

/** Instances with stores of their own: what they share is the Redis. */
async function group(limits: Record<string, number>, options: { instances?: number; keeps?: boolean } = {}) {
  const redis = keep(await startRedis(options));
  const sandbox = keep(await startSandbox());
  const config = {
    counters: redis.url,
    limits: { retries: 0 },
    upstreams: { up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ name: "key", apiKey: "sk-up" }] } },
    plugins: [
      {
        auth: {
          keys: [
            { id: "ci", key: "sk-shared-limits", ...limits },
            { id: "boss", key: "sk-of-the-boss", admin: true },
          ],
        },
      },
      "model-effort",
      "translate",
      "usage-log",
    ],
  };
  const instances = await Promise.all(
    Array.from({ length: options.instances ?? 2 }, async () => keep(await startGateway({ config }))),
  );
  await Promise.all(instances.map((one) => counting(one, "together")));
  return { redis, sandbox, instances } satisfies Group;
}

/** Waits until an instance says that it counts so. */
async function counting(instance: Server, how: "alone" | "together"): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    const ready = await fetch(`${instance.url}/readyz`);
    expect(ready.status).toBe(200);
    const { counters } = (await ready.json()) as { counters?: string };
    if ((counters === "alone") === (how === "alone")) return;
    await Bun.sleep(10);
  }
  throw new Error(`never counted ${how}:\n${instance.stderr()}`);
}

function ask(instance: Server | undefined, prompt = "SAY ok", init: RequestInit = {}): Promise<Response> {
  return fetch(`${instance?.base}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-shared-limits" },
    body: JSON.stringify({ model: "gpt-5.5", input: prompt, stream: true }),
    ...init,
  });
}

/** So many requests over all instances, some of them at once; the statuses. */
async function burst(instances: readonly Server[], requests: number, atOnce = 20): Promise<number[]> {
  const statuses: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < requests) {
        const instance = instances[next++ % instances.length];
        const answer = await ask(instance);
        statuses.push(answer.status);
        const { text, cut } = await readAll(answer);
        expect(cut).toBe(false);
        if (answer.status === 200) expect(text).toContain("response.completed");
      }
    }),
  );
  return statuses;
}

const admitted = (statuses: readonly number[]): number => statuses.filter((status) => status === 200).length;

describe.skipIf(!hasRedis)("instances on one Redis", () => {
  test("let in as many requests of a licence as its limit says, and not one more", async () => {
    const { instances } = await group({ requestsPerDay: 100 }, { instances: 3 });
    const statuses = await burst(instances, 300);
    expect([...new Set(statuses)].sort()).toEqual([200, 429]);
    expect(admitted(statuses)).toBe(100);
    const { headers } = await ask(instances[0]);
    expect(headers.get("x-ratelimit-remaining-requests")).toBe("0");
  });

  test("count tokens together: what one let through is known to the other at once", async () => {
    const { instances } = await group({ tokensPerDay: 60 });
    const used: number[] = [];
    for (let i = 0; used.length < 50; i++) {
      const answer = await ask(instances[i % 2], "USAGE 10 0 10 0 ;; SAY ok");
      await answer.text();
      if (answer.status !== 200) break;
      used.push(20);
    }
    expect(used).toHaveLength(3);
  });

  test("hold no more streams together than the limit says, and free those of an instance that was killed", async () => {
    const { instances } = await group({ streams: 4 });
    const [first, second] = instances;
    const hang = "SAY one two three ;; HANG 2";
    const held = await Promise.all([ask(first, hang), ask(first, hang), ask(second, hang), ask(second, hang)]);
    expect(held.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    // Held to the end: what nobody reads any more is closed by the collector.
    const read = held.map(readAll);
    for (const instance of instances) expect((await ask(instance)).status).toBe(429);
    await first?.kill9();
    const killed = performance.now();
    expect((await ask(second)).status).toBe(429);
    const more: Promise<unknown>[] = [];
    while (more.length < 2) {
      const answer = await ask(second, hang);
      if (answer.status === 200) more.push(readAll(answer));
      else await Bun.sleep(250);
      if (performance.now() - killed > 90_000) throw new Error("the places of the killed instance were never free");
    }
    expect(performance.now() - killed).toBeGreaterThan(8000);
    // Those of the living one are not free: it has told that it lives.
    expect((await ask(second)).status).toBe(429);
    await second?.kill9();
    await Promise.all([...read, ...more]);
  });

  test("stop, and what they held is free at once", async () => {
    const { instances } = await group({ streams: 1 });
    const leave = new AbortController();
    const held = await ask(instances[0], "SAY one two ;; HANG 1", { signal: leave.signal });
    expect((await ask(instances[1])).status).toBe(429);
    leave.abort();
    await held.text().catch(() => undefined);
    expect(await instances[0]?.stop()).toBe(0);
    expect((await ask(instances[1])).status).toBe(200);
  });
});

describe.skipIf(!hasRedis)("Redis goes away under load", () => {
  test.each([
    ["and comes back empty", false],
    ["and comes back with all it knew", true],
  ])("%s: no client notices, and the limit stands to the end", async (_how, keeps) => {
    const { redis, instances } = await group({ requestsPerDay: 600 }, { keeps });
    const before = await burst(instances, 200);
    expect(admitted(before)).toBe(200);
    const during = burst(instances, 200, 8);
    await redis.kill9();
    expect(admitted(await during)).toBe(200);
    await Promise.all(instances.map((one) => counting(one, "alone")));
    expect(await scraped(instances[0])).toContain("codexd_counters_alone 1");
    await redis.restart();
    await Promise.all(instances.map((one) => counting(one, "together")));
    const after = await burst(instances, 400);
    // An answer that was on its way when Redis was killed may be counted twice: at most one for each request at once.
    expect(admitted(after)).toBeWithin(200 - 8, 201 + 1);
    for (const { stderr } of instances) {
      expect(stderr().match(/Redis is away/g)).toHaveLength(1);
      expect(stderr().match(/Redis is back/g)).toHaveLength(1);
    }
  });

  test("and hangs: no answer waits for it longer than a moment", async () => {
    const { redis, instances } = await group({ requestsPerDay: 1000, streams: 50 });
    redis.pause();
    const took: number[] = [];
    for (let asked = 0; asked < 40; asked++)
      took.push(await timed(async () => expect(admitted(await burst(instances.slice(asked % 2), 1, 1))).toBe(1)));
    // Only the first at each instance: it waits for as long as any would.
    const sorted = took.toSorted((a, b) => a - b);
    expect(sorted.at(-1)).toBeGreaterThan(2 * (sorted[20] as number));
    await Promise.all(instances.map((one) => counting(one, "alone")));
    redis.resume();
    await Promise.all(instances.map((one) => counting(one, "together")));
    const { headers } = await ask(instances[0]);
    expect(headers.get("x-ratelimit-remaining-requests")).toBe("959");
  });
});

async function scraped(instance: Server | undefined): Promise<string> {
  return await (await fetch(`${instance?.url}/metrics`)).text();
}
