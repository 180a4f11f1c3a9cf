// A collector that is slow, away or full costs spans, never memory and never a turn; what is lost is counted.
import { expect, test } from "bun:test";
import { Exporter } from "../../src/server/telemetry/exporter.ts";
import { spanOf } from "../../src/server/telemetry/span.ts";
import { traceOf } from "../../src/server/telemetry/trace.ts";
import { receipt } from "../store/receipt.ts";
import { type Collector, startCollector } from "./collector.ts";

function setting(collector: Collector, path = "") {
  const counts = { exported: 0, dropped: 0 };
  const lines: string[] = [];
  const note = (message: string) => void lines.push(message);
  const exporter = new Exporter({ otlp: collector.url + path, headers: { "x-team": "a" }, service: "test" }, "1.2.3", {
    log: { debug: note, info: note, warn: note, error: note },
    counted: (result, spans) => {
      counts[result] += spans;
    },
  });
  const add = (count: number) => {
    for (let index = 0; index < count; index++)
      exporter.add(spanOf(receipt({ at: Date.now() }), traceOf(new Headers()), undefined));
  };
  return { exporter, counts, lines, add };
}

test("everything arrives once, whichever way the address is written", async () => {
  for (const path of ["", "/", "/v1/traces"]) {
    await using collector = startCollector();
    const { exporter, counts, add } = setting(collector, path);
    add(700);
    await exporter.close();
    expect([path, collector.spans.length, collector.faults]).toEqual([path, 700, []]);
    expect(counts).toEqual({ exported: 700, dropped: 0 });
    expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(700);
    expect(collector.headers[0]?.get("x-team")).toBe("a");
    expect(collector.spans[0]?.resource).toMatchObject({ "service.name": "test", "service.version": "1.2.3" });
  }
});

test("a collector that is busy for a moment gets them after it", async () => {
  await using collector = startCollector();
  const busy = () => new Response(null, { status: 503, headers: { "retry-after": "0" } });
  collector.answers.push(busy, busy);
  const { exporter, counts, add } = setting(collector);
  add(512);
  await collector.until(512);
  await exporter.close();
  expect([counts, collector.bodies.length]).toEqual([{ exported: 512, dropped: 0 }, 3]);
});

test("what it refuses is not sent again, and told once", async () => {
  await using collector = startCollector();
  const refuse = () => new Response(null, { status: 401 });
  collector.answers.push(refuse, refuse);
  const { exporter, counts, lines, add } = setting(collector);
  add(1024);
  await exporter.close();
  expect(counts).toEqual({ exported: 0, dropped: 1024 });
  expect(lines).toEqual(["traces cannot be exported and are dropped"]);
});

test("while it says nothing the queue stays within its bound, and the end waits only a moment", async () => {
  await using collector = startCollector();
  collector.answers.push(() => new Promise<Response>(() => undefined));
  const { exporter, counts, add } = setting(collector);
  add(512);
  while (collector.bodies.length === 0) await Bun.sleep(5);
  add(10_000);
  expect(counts.dropped).toBe(10_000 - 4096);
  const began = performance.now();
  await exporter.close();
  expect(performance.now() - began).toBeLessThan(4000);
  expect(counts.dropped + counts.exported).toBe(10_512);
});

test("a caller's traceparent is taken when it is sound, and its wish not to be seen too", () => {
  const of = (traceparent: string, state?: string) =>
    traceOf(new Headers({ traceparent, ...(state === undefined ? {} : { tracestate: state }) }));
  const [traceId, parentId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  expect(of(`00-${traceId}-${parentId}-01`, "a=1")).toMatchObject({ traceId, parentId, sampled: true, state: "a=1" });
  expect(of(`00-${traceId}-${parentId}-00`).sampled).toBe(false);
  expect(of(`cc-${traceId}-${parentId}-01-more`)).toMatchObject({ traceId, parentId });
  for (const broken of [
    ...["", "nonsense", `00-${traceId}-${parentId}-01-more`, `ff-${traceId}-${parentId}-01`],
    ...[`00-${"0".repeat(32)}-${parentId}-01`, `00-${traceId}-${"0".repeat(16)}-01`],
    `00-${traceId.toUpperCase()}-${parentId}-01`,
  ]) {
    const trace = of(broken);
    expect([broken, trace.traceId === traceId, trace.parentId, trace.sampled]).toEqual([
      broken,
      false,
      undefined,
      true,
    ]);
  }
});
