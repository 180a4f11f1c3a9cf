// Clients that read slowly hold back their upstream instead of filling the server's memory.

import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { ring } from "./ring.ts";

const READERS = 20;
const rss = async (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(await Bun.file(`/proc/${pid}/status`).text())?.[1]) * 1024;

/** Opens a stream and reads nothing of it. */
function stalled(base: string, directive: string): Promise<Socket> {
  const target = new URL(`${base}/v1/responses`);
  const body = JSON.stringify({ model: "gpt-5.5", input: directive, stream: true });
  return new Promise((resolve, reject) => {
    const socket = connect(Number(target.port), target.hostname, () => {
      socket.write(
        `POST ${target.pathname} HTTP/1.1\r\nHost: ${target.host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    });
    socket.once("readable", () => {
      socket.pause();
      resolve(socket);
    });
    socket.on("error", reject);
  });
}

test("stalled readers do not grow the memory, and the upstream's read pauses", async () => {
  await using it = await ring();
  const warm = await Promise.all(Array.from({ length: READERS }, () => it.ask("LONG 500")));
  await Promise.all(warm.map((response) => response.text()));
  const before = await rss(it.gateway.pid);
  const sockets = await Promise.all(Array.from({ length: READERS }, () => stalled(it.gateway.base, "LONG 200000")));
  // Each answer is about 40 MiB of events: unbounded, this would show within a second or two.
  let last = -1;
  for (let waits = 0; waits < 40; waits++) {
    await Bun.sleep(100);
    const now = await rss(it.gateway.pid);
    if (waits > 15 && Math.abs(now - last) < 256 * 1024) break;
    last = now;
  }
  const perStream = ((await rss(it.gateway.pid)) - before) / READERS;
  const { open } = await it.stats();
  console.log(`${Math.round(perStream / 1024)} KiB per stalled stream, ${open} still open upstream`);
  expect(open).toBe(READERS);
  // Kernel socket buffers are not in this number; what remains is chunks in flight.
  expect(perStream).toBeLessThan(2 * 1024 * 1024);
  for (const socket of sockets) socket.destroy();
  await it.until((stats) => stats.open === 0, "the end of the stalled streams");
  expect((await it.settled(READERS * 2)).filter((receipt) => receipt.outcome === "aborted")).toHaveLength(READERS);
}, 180_000);
