// Traces show where time and tokens go, and nothing of what was said; a collector that is away changes nothing for clients.

import { expect, test } from "bun:test";
import { startCollector } from "../telemetry/collector.ts";
import { type Ring, readAll, ring } from "./ring.ts";

const ADMIN = "an-admin-licence-of-the-tests";
const headers = { authorization: `Bearer ${ADMIN}` };
const plugins = [
  { auth: { keys: [{ id: "boss", key: ADMIN, admin: true }] } },
  ...["model-effort", "translate", "usage-log", "compact"],
];
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

const spansIn = async (it: Ring, result: string): Promise<number> => {
  const text = await (await fetch(`${it.gateway.url}/metrics`)).text();
  return Number(new RegExp(`^codexd_spans_total\\{result="${result}"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
};

test("one span for each exchange, by the conventions, below the caller's, and its trace in the log", async () => {
  await using collector = startCollector();
  const telemetry = { otlp: collector.url, headers: { "x-key": "collector-key" }, service: "gate" };
  const gateway = { env: { CODEXD_LOG_FORMAT: "json" } };
  await using it = await ring({ kind: "chatgpt", gateway, config: { plugins, telemetry } });
  const traceparent = `00-${TRACE}-${PARENT}-01`;
  const ask = (directive: string, more: Record<string, string> = {}, body = {}) =>
    it.ask(directive, body, { headers: { ...headers, ...more } }).then(readAll);
  await ask("SAY a secret-prompt\nUSAGE 1000 500 20 5", { traceparent, tracestate: "x=1" }, { session_id: "talk" });
  await ask("FAIL context_length_exceeded", {}, { stream: false });
  await ask("hello", { traceparent: `00-${TRACE}-${PARENT}-00` });
  await ask("hello", {}, { model: "no-such-model" });
  const [first, failed, refused] = await collector.until(3);
  expect(first).toMatchObject({
    ...{ name: "chat gpt-5.5", kind: 3, traceId: TRACE, parentSpanId: PARENT, traceState: "x=1", status: {} },
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-5.5",
      "gen_ai.response.model": "gpt-5.5",
      "gen_ai.conversation.id": "talk",
      "gen_ai.usage.input_tokens": 1000,
      "gen_ai.usage.output_tokens": 20,
      "gen_ai.usage.cache_read.input_tokens": 500,
      "server.address": "127.0.0.1",
      "server.port": it.sandbox.port,
      "http.response.status_code": 200,
      "codexd.licence": "boss",
      "codexd.account": "login",
    },
    resource: { "service.name": "gate" },
  });
  expect(first?.attributes).not.toHaveProperty("error.type");
  expect(failed).toMatchObject({ status: { code: 2 }, attributes: { "error.type": "context_length_exceeded" } });
  expect(failed).not.toHaveProperty("parentSpanId");
  expect(refused).toMatchObject({ status: { code: 2 }, attributes: { "error.type": "model_not_found" } });
  const receipts = await it.settled(4);
  expect(collector.spans.map(({ attributes }) => attributes["codexd.request.id"])).toEqual(
    receipts.filter((_receipt, at) => at !== 2).map(({ id }) => id),
  );
  expect(await it.gateway.stop()).toBe(0);
  expect([collector.spans.length, collector.faults]).toEqual([3, []]);
  expect(collector.headers[0]?.get("x-key")).toBe("collector-key");
  expect(collector.bodies.join()).not.toContain("secret-prompt");
  const log = it.gateway.stderr();
  expect(log).not.toContain("collector-key");
  // The one that nobody wants to see can be found in the log all the same.
  expect(log.match(new RegExp(`"message":"exchange".*"traceId":"${TRACE}"`, "g"))).toHaveLength(2);
  expect(log).toContain(`"spanId":"${first?.spanId}"`);
}, 60_000);

test("what is under way when the server is asked to end is exported before it does", async () => {
  await using collector = startCollector();
  await using it = await ring({ config: { telemetry: { otlp: collector.url } } });
  for (let count = 0; count < 20; count++) await readAll(await it.ask("SAY hi"));
  expect(await it.gateway.stop()).toBe(0);
  expect([collector.spans.length, collector.faults]).toEqual([20, []]);
});

test("a collector that hangs, and one that is not there, cost their spans and nothing else", async () => {
  await using collector = startCollector();
  for (let count = 0; count < 50; count++) collector.answers.push(() => new Promise<Response>(() => undefined));
  for (const otlp of [collector.url, "http://127.0.0.1:1"]) {
    await using it = await ring({ config: { telemetry: { otlp } } });
    for (let count = 0; count < 10; count++) {
      const { text, cut } = await readAll(await it.ask("SAY hi"));
      expect([otlp, cut, text.includes("response.completed")]).toEqual([otlp, false, true]);
    }
    await it.settled(10);
    expect(await spansIn(it, "exported")).toBe(0);
    const began = performance.now();
    expect(await it.gateway.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(6000);
  }
}, 60_000);

test("without the setting no exchange has a trace", async () => {
  await using it = await ring({ gateway: { env: { CODEXD_LOG_FORMAT: "json" } } });
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01` };
  await readAll(await it.ask("SAY hi", {}, { headers }));
  await it.settled(1);
  expect(await it.gateway.stop()).toBe(0);
  expect(it.gateway.stderr()).not.toContain("traceId");
});
