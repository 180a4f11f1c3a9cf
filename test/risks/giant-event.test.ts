// An event without end does not fill the memory: the stream closes with the dialect's error.

import { expect, test } from "bun:test";
import { readAll, ring, typesOf } from "./ring.ts";

const rss = async (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(await Bun.file(`/proc/${pid}/status`).text())?.[1]) * 1024;

test("an event over the limit ends the stream with an error, and memory stays bounded", async () => {
  await using it = await ring();
  await readAll(await it.ask("warm up"));
  const before = await rss(it.gateway.pid);
  const { text } = await readAll(await it.ask("SAY one\nGIANT 65536"));
  expect(typesOf(text).at(-1)).toBe("response.failed");
  expect(text.length).toBeLessThan(1024 * 1024);
  const grown = (await rss(it.gateway.pid)) - before;
  console.log(`grew by ${Math.round(grown / 1024 / 1024)} MiB for an event of 64 MiB`);
  expect(grown).toBeLessThan(160 * 1024 * 1024);
  expect((await it.ask("still here")).status).toBe(200);
}, 60_000);
