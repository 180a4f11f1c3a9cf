// Clients that leave at any moment, whatever the upstream is doing just then: a receipt for each, and nothing left open on either side.

import { expect, test } from "bun:test";
import { readAll, ring } from "./ring.ts";

const EXCHANGES = 240;
const AT_ONCE = 24;

const DIRECTIVES = [
  ...["hello", "SLOW 20\nLONG 20", "SILENT 300\nSAY x", "SLOW 20\nLONG 20\nDROP 4", "DROP 0", "LONG 9\nCUT 3"],
  ...["HANG before", "SLOW 10\nLONG 5\nHANG 2", "FAIL server_is_overloaded before", "FAIL server_error before times 1"],
  ...["FAIL context_length_exceeded during", "LONG 20\nFAIL server_is_overloaded during 3", "RAW {x", "GIANT 300"],
];
const limits = { hold: "120ms", heartbeat: "100ms", firstByte: "1s", idle: "1s" };
const model = "gpt-5.5";

type Ask = (content: string, stream: boolean) => [path: string, body: object];
const DIALECTS: Ask[] = [
  (input, stream) => ["/v1/responses", { model, input, stream }],
  (content, stream) => ["/v1/chat/completions", { model, stream, messages: [{ role: "user", content }] }],
  (content, stream) => ["/v1/messages", { model, stream, max_tokens: 9, messages: [{ role: "user", content }] }],
  (text, stream) => [
    `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    { contents: [{ role: "user", parts: [{ text }] }] },
  ],
];

test("whenever a client leaves, its exchange has one receipt and its upstream is let go", async () => {
  await using it = await ring({ config: { limits } });
  const dice = diceOf(7);
  const ids = Array.from({ length: EXCHANGES }, (_, at) => `exchange-${at}`);
  const waiting = [...ids];
  let stayed = 0;
  const one = async (id: string) => {
    const [path, body] = pick(DIALECTS, dice())(pick(DIRECTIVES, dice()), dice() < 0.7);
    // Half of them leave, most of those early: there the phases are short.
    const leaves = dice() < 0.5 ? AbortSignal.timeout(Math.ceil(dice() ** 2 * 500)) : undefined;
    if (!leaves) stayed++;
    const init = { headers: { "x-request-id": id }, ...(leaves && { signal: leaves }) };
    await it.post(path, body, init).then(readAll, () => undefined);
  };
  const client = async () => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await one(id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  await it.until(({ open }) => open === 0, "no stream open upstream");
  const metrics = await (await fetch(`${it.gateway.url}/metrics`)).text();
  expect(metrics).toContain("codexd_exchanges_open 0\n");
  const counts = [...metrics.matchAll(/^codexd_exchanges_total\{.*\} (\d+)$/gm)];
  const settled = counts.reduce((sum, [, count]) => sum + Number(count), 0);
  // A request whose client left before it was sent never arrived.
  expect(settled).toBeGreaterThan(stayed + 10);
  expect(settled).toBeLessThanOrEqual(EXCHANGES);
  const receipts = await it.settled(settled);
  expect(receipts).toHaveLength(settled);
  expect(new Set(receipts.map(({ id }) => id)).size).toBe(settled);
  expect(receipts.filter(({ code }) => code === "internal_error")).toEqual([]);
  expect(await it.gateway.stop()).toBe(0);
  expect(it.gateway.stderr()).not.toMatch(/unhandled|AbortError|TypeError/i);
}, 60_000);

function pick<Value>(values: readonly Value[], at: number): Value {
  return values[Math.floor(at * values.length)] as Value;
}

/** The same numbers between 0 and 1 in every run. */
function diceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}
