// What a Messages client gets to see of an answer that no recording shows: refusals, citations, hidden thinking, odd calls.

import { expect, test } from "bun:test";
import { seal } from "codexd/plugin";
import { messages } from "../../../plugins/translate/messages/index.ts";
import type { Json } from "./data.ts";
import { accumulate, checkLife, context, encode, events, frames } from "./exchange.ts";

const completed = (response: Json = {}): Json => ({ type: "response.completed", response });
const text = (delta: string): Json => ({ type: "response.output_text.delta", output_index: 0, delta });
const run = (list: Json[], of = context()) => {
  const all = frames(encode(events(list), of));
  checkLife(all);
  return accumulate(all);
};
const thought = {
  type: "response.output_item.done",
  output_index: 0,
  item: { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "hm" }], encrypted_content: "c" },
};

test("the first frames open the message at once, with an estimate of the input", () => {
  const encoder = messages.encoder(
    context({}, { input: [{ type: "message", role: "user", content: "x".repeat(400) }] }),
  );
  const [created] = events([{ type: "response.created", response: { id: "resp_1", model: "gpt-5.5-1" } }]);
  const [start, ping] = frames(String(encoder.event(created as never)));
  expect(start).toMatchObject({
    type: "message_start",
    message: { model: "gpt-5.5-1", role: "assistant", content: [] },
  });
  const { input_tokens } = (start!.message as { usage: { input_tokens: number } }).usage;
  expect(input_tokens).toBeGreaterThan(90);
  expect(input_tokens).toBeLessThan(130);
  expect(ping?.type).toBe("ping");
});

test("a refusal is text with its own stop reason", () => {
  const { content, stop_reason } = run([
    { type: "response.refusal.delta", output_index: 0, delta: "I cannot" },
    completed(),
  ]);
  expect(content).toEqual([{ type: "text", text: "I cannot" }]);
  expect(stop_reason).toBe("refusal");
});

test("a cited page reaches the client as a citation of its text block", () => {
  const annotation = { type: "url_citation", url: "https://a.example", title: "A", start_index: 0, end_index: 3 };
  const { content } = run([
    text("abc"),
    { type: "response.output_text.annotation.added", output_index: 0, annotation },
    completed(),
  ]);
  expect(content).toMatchObject([
    {
      type: "text",
      text: "abc",
      citations: [{ type: "web_search_result_location", url: "https://a.example", title: "A" }],
    },
  ]);
});

test("a client that hides thinking still gets the signature it needs to go on", () => {
  const hidden = context({}, { reasoning: {} });
  expect(run([thought, completed()], hidden).content).toEqual([
    { type: "thinking", thinking: "", signature: seal("c", undefined, "rs_1") },
  ]);
});

test("a client that never asked for thinking gets none: its first block is the text", () => {
  const plain = context({ thinking: false }, { reasoning: {} });
  const said = { ...text("hello"), output_index: 1 };
  expect(run([thought, said, completed()], plain).content).toEqual([{ type: "text", text: "hello" }]);
});

test("hidden blocks hold up nothing", () => {
  const open = { type: "response.output_item.added", output_index: 0, item: { type: "mcp_call", id: "m" } };
  const encoder = messages.encoder(context());
  const list = events([open, { ...text("now"), output_index: 1 }]).map((event) => String(encoder.event(event) ?? ""));
  expect(list[1]).toContain('"text":"now"');
});

test("a custom tool's free text arrives as an input object", () => {
  const item = { type: "custom_tool_call", id: "ctc_1", call_id: "c1", name: "patch", input: "*** Begin\n" };
  expect(run([{ type: "response.output_item.done", item }, completed()]).content).toEqual([
    { type: "tool_use", id: "c1", name: "patch", input: { input: "*** Begin\n" } },
  ]);
});

test("usage counts the cache apart, and what was written to it", () => {
  const usage = {
    input_tokens: 100,
    output_tokens: 20,
    input_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
    output_tokens_details: { reasoning_tokens: 5 },
  };
  expect(run([text("x"), completed({ usage })]).usage).toEqual({
    input_tokens: 10,
    cache_creation_input_tokens: 30,
    cache_read_input_tokens: 60,
    output_tokens: 20,
    output_tokens_details: { thinking_tokens: 5 },
  });
});

test("text after a stop sequence stays unsaid even when it was already waiting", () => {
  const call = { type: "function_call", call_id: "c", name: "t", arguments: "{}" };
  const list = [
    text("one "),
    text("two ST"),
    { type: "response.output_item.done", output_index: 1, item: call },
    text("OP three"),
    completed(),
  ];
  const { content, stop_reason, stop_sequence } = run(list, context({ stop: ["STOP"] }));
  expect(content).toEqual([{ type: "text", text: "one two " }]);
  expect([stop_reason, stop_sequence]).toEqual(["stop_sequence", "STOP"]);
});

test("no more is held back than could begin a stop sequence", () => {
  const encoder = messages.encoder(context({ stop: ["STOP"] }));
  const said = events([text("fast S"), text("low")]).map((event) => String(encoder.event(event)));
  expect(said[0]).toContain('"text":"fast "');
  expect(said[1]).toContain('"text":"Slow"');
});

test("events that this dialect has no place for are not sent", () => {
  const list = events([{ type: "codex.rate_limits" }, { type: "response.novel" }, { type: "keepalive" }]);
  expect(encode(list)).toBe("");
});

test("nothing follows the end of a message", () => {
  const encoder = messages.encoder(context());
  const [done, late] = events([completed(), text("late")]);
  expect(String(encoder.event(done as never))).toContain("message_stop");
  expect(encoder.event(late as never)).toBeUndefined();
  expect(encoder.end()).toBeUndefined();
});
