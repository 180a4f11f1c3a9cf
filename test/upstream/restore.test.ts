// What had to be changed on the way out is changed back on the way in, and nothing else is touched or even parsed.

import { expect, test } from "bun:test";
import { Event, type EventData } from "../../src/core/event.ts";
import type { Turn } from "../../src/core/turn.ts";
import { prepare } from "../../src/upstream/prepare.ts";
import type { Restore } from "../../src/upstream/restore.ts";
import { exchangeOf } from "./setting.ts";

const LONG = `call_${"x".repeat(100)}`;

function restoreOf(turn: Partial<Turn>): { restore: Restore; input: Record<string, unknown>[] } {
  const { restore, body } = prepare(exchangeOf(turn), { kind: "chatgpt", instructions: "Be helpful." });
  if (!restore) throw new Error("nothing was changed");
  return { restore, input: body.input as Record<string, unknown>[] };
}

const fn = (name: string) => ({ type: "function", name, parameters: { type: "object", properties: {} } });
const tools = [fn("top tool"), fn("fine"), { type: "namespace", name: "my space", tools: [fn("in it")] }];
const { restore } = restoreOf({ tools });
const restored = (data: EventData) => restore.event(Event.of(data)).data;

test("calls, top-level and in a namespace", () => {
  const item = { type: "function_call", name: "top_tool", call_id: "c", arguments: "{}" };
  expect(restored({ type: "response.output_item.done", item })).toMatchObject({ item: { ...item, name: "top tool" } });
  const inside = { type: "function_call", name: "in_it", namespace: "my_space", call_id: "c", arguments: "{}" };
  expect(restored({ type: "response.output_item.added", item: inside })).toMatchObject({
    item: { name: "in it", namespace: "my space" },
  });
  const done = { type: "response.function_call_arguments.done", name: "top_tool", arguments: "{}" };
  expect(restored(done)).toEqual({ ...done, name: "top tool" });
});

test("everything that a response repeats of its request", () => {
  const response = {
    id: "r",
    output: [{ type: "function_call", name: "top_tool" }],
    tools: [fn("top_tool"), fn("fine"), { type: "namespace", name: "my_space", tools: [fn("in_it")] }],
    tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "top_tool" }] },
  };
  for (const type of ["response.created", "response.completed"]) {
    expect(restored({ type, response })).toEqual({
      type,
      response: {
        id: "r",
        output: [{ type: "function_call", name: "top tool" }],
        tools,
        tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "top tool" }] },
      },
    });
  }
});

test("a shortened call id", () => {
  const input = [
    { type: "function_call", call_id: LONG, name: "f", arguments: "{}" },
    { type: "function_call_output", call_id: LONG, output: "" },
  ];
  const shortened = restoreOf({ input });
  const event = Event.of({
    type: "response.output_item.done",
    item: { type: "function_call", call_id: shortened.input[0]?.call_id },
  });
  expect(shortened.restore.event(event).data.item).toEqual({ type: "function_call", call_id: LONG });
});

test("other events stay the same object, even those that are not JSON", () => {
  const broken = (type: string) => new Event(type, new TextEncoder().encode(`event: ${type}\ndata: {{{\n\n`));
  const events = [
    broken("response.output_text.delta"),
    broken("response.output_item.done"),
    Event.of({ type: "response.output_item.done", item: { type: "function_call", name: "fine" } }),
    Event.of({ type: "response.completed", response: null }),
    Event.of({ type: "response.completed", response: { output: [], tools: [fn("fine")] } }),
  ];
  for (const event of events) expect(restore.event(event)).toBe(event);
});
