// More than 256 streams really are open upstream at once: Bun's own cap on requests is lifted in the binary.

import { expect, test } from "bun:test";
import { readAll, ring, typesOf } from "./ring.ts";

const STREAMS = 1000;

test(`${STREAMS} streams are held at once, and none is lost`, async () => {
  await using it = await ring({ config: { limits: { streams: STREAMS + 10 } } });
  const client = new Worker(new URL("./many-client.ts", import.meta.url).href);
  const finished = new Promise<{ completed: number; problems: string[] }>((resolve, reject) => {
    client.onmessage = ({ data }) => resolve(data);
    client.onerror = (error) => reject(new Error(error.message));
  });
  client.postMessage({ url: `${it.gateway.base}/v1/responses`, streams: STREAMS });
  const { completed, problems } = await finished;
  client.terminate();
  const stats = await it.stats();
  console.log(`${completed} completed, at most ${stats.maxOpen} open upstream`);
  expect(problems).toEqual([]);
  expect(completed).toBe(STREAMS);
  expect(stats.maxOpen).toBeGreaterThan(900);
  expect((await it.settled(STREAMS)).filter((receipt) => receipt.outcome === "ok")).toHaveLength(STREAMS);
}, 120_000);

test("one stream more than the limit is a 503 with Retry-After, and those open go on", async () => {
  await using it = await ring({ config: { limits: { streams: 3 } } });
  const open = await Promise.all([1, 2, 3].map(() => it.ask("SLOW 40\nLONG 80")));
  const refused = await it.ask("one more");
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect((await refused.json()) as object).toMatchObject({ error: { code: "server_is_overloaded" } });
  for (const response of open) expect(typesOf((await readAll(response)).text).at(-1)).toBe("response.completed");
  expect((await it.ask("again")).status).toBe(200);
}, 30_000);
