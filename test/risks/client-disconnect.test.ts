// A client that leaves ends its upstream at once, costs one receipt, and leaves the server whole.

import { expect, test } from "bun:test";
import { ring } from "./ring.ts";

test("every upstream of a client that left is cancelled, while streaming and while waiting", async () => {
  await using it = await ring();
  const leave = async (directive: string, after: "headers" | "start") => {
    const abort = new AbortController();
    const asked = it.ask(directive, {}, { signal: abort.signal }).catch(() => undefined);
    if (after === "headers") {
      const response = (await asked) as Response;
      await (response.body as ReadableStream<Uint8Array>).getReader().read();
    } else await it.until((stats) => stats.open > 0, "a request upstream");
    const left = performance.now();
    abort.abort();
    await it.until((stats) => stats.open === 0, "the end of the upstream's request");
    return performance.now() - left;
  };
  const times: number[] = [];
  for (let round = 0; round < 10; round++) times.push(await leave("SLOW 20\nLONG 2000", "headers"));
  times.push(await leave("HANG before", "start"));
  const stats = await it.stats();
  expect(stats.cancelled + stats.dropped).toBe(11);
  console.log(`cancelled after ${times.map((time) => Math.round(time)).join(", ")} ms`);
  const receipts = await it.settled(11);
  expect(receipts.map((receipt) => receipt.outcome)).toEqual(Array(11).fill("aborted"));
  expect((await it.ask("still here")).status).toBe(200);
}, 60_000);
