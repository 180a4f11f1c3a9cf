// The upstream against the scripted backend, which is as strict as the real one and fails in all its ways.

import { describe, expect, test } from "bun:test";
import type { Event } from "../../src/core/event.ts";
import { Failure } from "../../src/core/failure.ts";
import type { Item } from "../../src/core/turn.ts";
import { faultOfEvent } from "../../src/upstream/failure.ts";
import type { Services } from "../../src/upstream/index.ts";
import { FAILURES } from "../../src/upstream/sandbox/failures.ts";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import { askWith, captures, codexExchange, eventsOf, exchangeOf, HAS_DATA, thrownBy, upstreamAt } from "./setting.ts";

function sandboxed(services: Partial<Services> = {}) {
  const sandbox = createSandbox();
  const transport = (url: string, init: RequestInit) => sandbox.fetch(new Request(url, init));
  return upstreamAt("http://sandbox.invalid/backend-api/codex", {}, { transport, ...services });
}

const user = (text: string): Item => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
const texts = (items: Item[]) =>
  items.flatMap((item) => (item.content as { text: string }[]) ?? []).map((part) => part.text);
const doneItems = (events: Event[]) =>
  events.filter(({ type }) => type === "response.output_item.done").map(({ data }) => data.item as Item);

test("a turn of any client is taken and answered", async () => {
  const turn = {
    input: [{ role: "system", content: "Be brief." }, user("hello")],
    temperature: 1,
    store: true,
    stream: false,
    metadata: {},
  };
  const events = await eventsOf(await askWith(sandboxed(), exchangeOf(turn)));
  expect(events.at(-1)?.type).toBe("response.completed");
  expect(texts(doneItems(events))).toEqual(["hello"]);
});

test.skipIf(!HAS_DATA)("every request of the real Codex CLI is answered to its end", async () => {
  const upstream = sandboxed();
  for (const capture of captures()) {
    const events = await eventsOf(await askWith(upstream, codexExchange(capture)));
    expect(events.at(-1)?.type, capture.file).toBe("response.completed");
  }
});

test("a tool with a name of its own is called by it, and its output goes back", async () => {
  const name = "read file (fast)";
  const tools = [{ type: "function", name, parameters: {} }];
  const upstream = sandboxed();
  const input = [user('CALL read_file__fast_ {"path":"a"}')];
  const [call] = doneItems(await eventsOf(await askWith(upstream, exchangeOf({ input, tools }))));
  expect(call).toMatchObject({ type: "function_call", name, arguments: '{"path":"a"}' });
  const output = { type: "function_call_output", call_id: call?.call_id, output: "it says hello" };
  const events = await eventsOf(
    await askWith(upstream, exchangeOf({ input: [...input, call as Item, output], tools })),
  );
  expect(texts(doneItems(events)).join()).toContain("it says hello");
});

describe("a failure", () => {
  // What only a status tells is lost inside a stream: there the same words are an error of the upstream.
  const byStatus = new Set([
    "token_expired",
    "token_invalidated",
    "deactivated_workspace",
    "challenge",
    "forbidden",
    "not_found",
    "too_large",
  ]);
  const aliases = new Set(["401", "402", "403", "404", "413", "cloudflare"]);
  for (const code of FAILURES.filter((one) => one !== "error")) {
    test(`${code} has the same code before and in the stream`, async () => {
      const before = (await thrownBy(askWith(sandboxed(), exchangeOf({ input: [user(`FAIL ${code}`)] })))) as Failure;
      expect(before).toBeInstanceOf(Failure);
      expect(before.kind).not.toBe("internal");
      expect(before.message).not.toBe("");
      const events = await eventsOf(await askWith(sandboxed(), exchangeOf({ input: [user(`FAIL ${code} during 2`)] })));
      const failures = events.map((event) => faultOfEvent(event)).filter((failure) => failure !== undefined);
      expect(failures).toHaveLength(1);
      if (byStatus.has(code) || aliases.has(code)) return;
      expect(failures[0]?.code).toBe(before.code);
    });
  }
});

test("a stream that ends early ends without its last event, one that breaks is a failure", async () => {
  const cut = await eventsOf(await askWith(sandboxed(), exchangeOf({ input: [user("CUT 1 ;; SAY one two three")] })));
  expect(cut.at(-1)?.type).toBe("response.output_text.delta");
  const dropped = thrownBy(async () =>
    eventsOf(await askWith(sandboxed(), exchangeOf({ input: [user("DROP 1 ;; SAY one two three")] }))),
  );
  expect(await dropped).toMatchObject({ kind: "stream_broken" });
});

test("one that stops sending is cut at the limit", async () => {
  const limits = { connect: 50, firstByte: 50, idle: 50 };
  const hang = (how: string) =>
    thrownBy(async () => eventsOf(await askWith(sandboxed({ limits }), exchangeOf({ input: [user(`HANG ${how}`)] }))));
  expect(await hang("before")).toMatchObject({ code: "upstream_timeout" });
  expect(await hang("1")).toMatchObject({ code: "upstream_timeout" });
});

test("compaction and catalogue of the sandbox are read", async () => {
  const upstream = sandboxed();
  const exchange = exchangeOf({ input: [user("remember the word plum")] }, { operation: "compact" });
  const { body } = await upstream.compact(upstream.prepare(exchange), exchange, exchange.signal);
  expect((body as { output: Item[] }).output.some((item) => String(item.type).startsWith("compaction"))).toBe(true);
  const catalogue = await upstream.catalogue();
  expect(catalogue?.models.map(({ slug }) => slug)).toContain("gpt-5.5");
  expect(catalogue?.etag).toBeString();
});
