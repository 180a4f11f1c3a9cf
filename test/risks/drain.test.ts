// A server that is told to stop finishes what it has, refuses what is new, and ends what is too slow with an error frame.

import { expect, test } from "bun:test";
import { readAll, ring, typesOf } from "./ring.ts";

test("SIGTERM with 100 streams: all finish, the exit code is 0, and each has its receipt", async () => {
  await using it = await ring();
  const open = await Promise.all(Array.from({ length: 100 }, () => it.ask("SLOW 100\nLONG 30")));
  let ended = 0;
  const reading = open.map(async (one) => {
    const read = await readAll(one);
    ended++;
    return read;
  });
  it.gateway.signal("SIGTERM");
  // The listener closes while they go on: nobody new gets in.
  const init = { keepalive: false, headers: { connection: "close" } };
  while (
    await fetch(`${it.gateway.url}/healthz`, init).then(
      () => true,
      () => false,
    )
  )
    await Bun.sleep(10);
  expect(ended).toBeLessThan(100);
  for (const { text } of await Promise.all(reading)) expect(typesOf(text).at(-1)).toBe("response.completed");
  expect(await it.gateway.exited).toBe(0);
  expect(it.receipts().filter((receipt) => receipt.outcome === "ok")).toHaveLength(100);
}, 30_000);

test("a stream that outlives the drain time ends with the dialect's error frame, and the exit code is 0", async () => {
  await using it = await ring({ config: { limits: { drain: "500ms" } } });
  const endless = [
    await it.ask("SLOW 100\nLONG 5000"),
    await it.post("/v1/chat/completions", {
      model: "gpt-5.5",
      stream: true,
      messages: [{ role: "user", content: "SLOW 100\nLONG 5000" }],
    }),
  ];
  const reading = endless.map(readAll);
  it.gateway.signal("SIGTERM");
  const [responses, chat] = await Promise.all(reading);
  expect(typesOf(responses?.text ?? "").at(-1)).toBe("response.failed");
  expect(responses?.text).toContain("server_shutting_down");
  expect(chat?.text).toContain('"code":"server_shutting_down"');
  expect(await it.gateway.exited).toBe(0);
  expect(it.receipts().map((receipt) => receipt.code)).toEqual(["server_shutting_down", "server_shutting_down"]);
}, 30_000);

test("readyz turns 503 before the listener closes, on a connection that is already open", async () => {
  await using it = await ring();
  const slow = await it.ask("SLOW 100\nLONG 10");
  const reading = readAll(slow);
  const seen = new Set<number>();
  it.gateway.signal("SIGTERM");
  while (!seen.has(0)) {
    const status = await fetch(`${it.gateway.url}/readyz`).then(
      (response) => response.status,
      () => 0,
    );
    seen.add(status);
  }
  await reading;
  expect(seen).toContain(503);
  expect(await it.gateway.exited).toBe(0);
}, 30_000);

test("a second signal ends at once", async () => {
  // Whoever waited for its streams would wait for minutes.
  await using it = await ring({ config: { limits: { drain: "10m" } } });
  const reading = readAll(await it.ask("SLOW 100\nLONG 5000"));
  it.gateway.signal("SIGTERM");
  await it.gateway.printed(/shutting down/);
  it.gateway.signal("SIGTERM");
  await it.gateway.exited;
  expect((await reading).cut).toBe(true);
}, 30_000);
