// Thousands of streams, half of them given up by their clients, leave neither memory nor descriptors behind.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { type Ring, readAll, ring } from "../risks/ring.ts";

/** Of each kind. `CODEXD_SOAK=10000` is the full size. */
const STREAMS = Number(process.env.CODEXD_SOAK ?? 2000);
const AT_ONCE = 20;
const ROUNDS = 10;

async function pool(count: number, one: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const PATHS = [
  ["/v1/responses", (text: string) => ({ model: "gpt-5.5", input: text, stream: true })],
  [
    "/v1/chat/completions",
    (text: string) => ({ model: "gpt-5.5", messages: [{ role: "user", content: text }], stream: true }),
  ],
  [
    "/v1/messages",
    (text: string) => ({ model: "gpt-5.5", max_tokens: 99, messages: [{ role: "user", content: text }], stream: true }),
  ],
  ["/v1beta/models/gpt-5.5:streamGenerateContent?alt=sse", (text: string) => ({ contents: [{ parts: [{ text }] }] })],
] as const;

function start(it: Ring, at: number, text: string, init: RequestInit = {}): Promise<Response> {
  const [path, body] = PATHS[at % PATHS.length] as (typeof PATHS)[number];
  return it.post(path, body(`${text} ;; SAY number ${at}`), init);
}

const finished = (it: Ring, at: number) =>
  start(it, at, "LONG 30").then(async (answer) => void (await readAll(answer)));

async function aborted(it: Ring, at: number): Promise<void> {
  const client = new AbortController();
  const response = await start(it, at, "SLOW 20 ;; LONG 200", { signal: client.signal });
  await response.body?.getReader().read();
  client.abort();
}

/** Kilobytes that are really the process's own. */
function residentOf(pid: number): number {
  return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Growth per stream in bytes between the halves of the run; medians, because a collector comes and goes as it likes. */
function growthOf(samples: readonly number[], perSample: number): number {
  const half = Math.floor(samples.length / 2);
  const median = (part: readonly number[]) => part.toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0;
  return ((median(samples.slice(half)) - median(samples.slice(0, half))) * 1024) / (half * perSample);
}

test.skipIf(process.platform !== "linux")(
  `soak: ${STREAMS} finished and ${STREAMS} aborted streams (on Linux: memory is read from /proc)`,
  async () => {
    await using it = await ring({ config: { limits: { streams: 5000 } }, gateway: { env: { CODEXD_LOG: "warn" } } });
    const { pid } = it.gateway;
    const perRound = STREAMS / ROUNDS;
    const warm = Math.max(200, perRound);
    await pool(warm, (at) => finished(it, at));
    await pool(warm, (at) => aborted(it, at));
    await it.until(({ open }) => open === 0, "the warm-up is over");
    const before = descriptorsOf(pid);
    const samples: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await pool(perRound, (at) => finished(it, at));
      await pool(perRound, (at) => aborted(it, at));
      await it.until(({ open }) => open === 0, "every upstream stream is let go");
      samples.push(residentOf(pid));
    }
    const growth = growthOf(samples, perRound * 2);
    let after = descriptorsOf(pid);
    for (let tries = 0; tries < 200 && after > before; tries++) {
      await Bun.sleep(50);
      after = descriptorsOf(pid);
    }
    process.stdout.write(
      `soak: ${STREAMS} finished + ${STREAMS} aborted; RSS ${samples.map((kb) => Math.round(kb / 1024)).join(" ")} MiB, ` +
        `${Math.round(growth)} bytes per stream; descriptors ${before} -> ${after}\n`,
    );
    expect(after).toBeLessThanOrEqual(before);
    // A leaked exchange, with its headers and its turn, costs more than this; the collector's own swing at this size less.
    expect(growth).toBeLessThan(8 * 1024);
    const receipts = await it.settled((warm + STREAMS) * 2);
    const count = (outcome: string) => receipts.filter((one) => one.outcome === outcome).length;
    expect([count("ok"), count("aborted"), receipts.length]).toEqual([
      warm + STREAMS,
      warm + STREAMS,
      (warm + STREAMS) * 2,
    ]);
    const metrics = await (await fetch(`${it.gateway.url}/metrics`)).text();
    expect(metrics).toContain("codexd_exchanges_open 0\n");
  },
  300_000,
);
