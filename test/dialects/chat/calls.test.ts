// Calls: announced once, numbered from 0, interleaved when they run in parallel, custom ones in the form they were declared in.

import { expect, test } from "bun:test";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { chunksOf, contextOf, decoded, type Json, mustMatch, seen } from "./kit.ts";

const added = (at: number, item: Json) => ({ type: "response.output_item.added", output_index: at, item });
const args = (at: number, delta: string) => ({
  type: "response.function_call_arguments.delta",
  output_index: at,
  delta,
});
const done = (at: number, item: Json) => ({ type: "response.output_item.done", output_index: at, item });
const call = (id: string, name: string, input: string) => ({
  type: "function_call",
  call_id: id,
  name,
  arguments: input,
});
const completed = { type: "response.completed", response: {} };
const patch = { type: "custom_tool_call", call_id: "cp", name: "patch", input: "" };

test("parallel calls interleave and keep their numbers", () => {
  const chunks = chunksOf([
    added(1, call("a", "x", "")),
    added(2, call("b", "y", "")),
    args(1, "1"),
    args(2, "2"),
    args(1, "1"),
    done(2, call("b", "y", "22")),
    done(1, call("a", "x", "11")),
    completed,
  ]);
  expect(seen(chunks)).toMatchObject({
    calls: [
      { id: "a", name: "x", input: "11" },
      { id: "b", name: "y", input: "22" },
    ],
    finish: ["tool_calls"],
  });
  const announced = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []).filter((one) => one.id);
  expect(announced.map((one) => [one.index, one.id, one.type])).toEqual([
    [0, "a", "function"],
    [1, "b", "function"],
  ]);
  for (const chunk of chunks) mustMatch("CreateChatCompletionStreamResponse", chunk);
});

test("a custom tool declared in the Chat form is called as custom", () => {
  const context = contextOf(decoded({ tools: [{ type: "custom", custom: { name: "patch" } }] }));
  const deltas = chunksOf(
    [added(0, patch), { type: "response.custom_tool_call_input.delta", output_index: 0, delta: "p" }, completed],
    context,
  );
  expect(deltas.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])).toEqual([
    { index: 0, id: "cp", type: "custom", custom: { name: "patch", input: "" } },
    { index: 0, custom: { input: "p" } },
  ]);
  const reply = chat.reply({ output: [{ ...patch, input: "p" }] }, context);
  mustMatch("CreateChatCompletionResponse", reply);
  expect(reply).toMatchObject({
    choices: [{ message: { tool_calls: [{ id: "cp", type: "custom", custom: { name: "patch", input: "p" } }] } }],
  });
});

test("a custom tool in the flat form, or declared as a function, is called as a function", () => {
  for (const tool of [
    { type: "custom", name: "patch" },
    { type: "function", function: { name: "patch" } },
  ]) {
    const chunks = chunksOf([done(0, { ...patch, input: "p" }), completed], contextOf(decoded({ tools: [tool] })));
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])).toEqual([
      { index: 0, id: "cp", type: "function", function: { name: "patch", arguments: "p" } },
    ]);
  }
});

test("a custom call in the history keeps the form it was given in", () => {
  const tool_calls = [{ id: "cp", type: "custom", custom: { name: "patch", input: "p" } }];
  const messages = [
    { role: "assistant", content: null, tool_calls },
    { role: "tool", tool_call_id: "cp", content: "ok" },
  ];
  expect(decoded({ messages, tools: [{ type: "custom", custom: { name: "patch" } }] }).turn.input).toEqual([
    { type: "custom_tool_call", call_id: "cp", name: "patch", input: "p" },
    { type: "custom_tool_call_output", call_id: "cp", output: "ok" },
  ]);
});

test("a megabyte of arguments arrives whole", () => {
  const piece = "x".repeat(1024);
  const chunks = chunksOf([
    added(0, call("a", "t", "")),
    ...Array.from({ length: 1024 }, () => args(0, piece)),
    completed,
  ]);
  expect(seen(chunks).calls[0]?.input.length).toBe(1024 * 1024);
});
