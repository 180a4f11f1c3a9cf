// Messages become items in their order: instructions stay in place, text comes before calls, empty things are left out.

import { expect, test } from "bun:test";
import { decoded, type Json } from "./kit.ts";

const input = (...messages: Json[]) => decoded({ messages }).turn.input;
const text = (said: string) => [{ type: "input_text", text: said }];

test("system and developer messages become developer items in place, also late ones", () => {
  expect(
    input(
      { role: "system", content: "S" },
      { role: "user", content: "a" },
      { role: "developer", content: [{ type: "text", text: "D" }] },
    ),
  ).toEqual([
    { type: "message", role: "developer", content: text("S") },
    { type: "message", role: "user", content: text("a") },
    { type: "message", role: "developer", content: text("D") },
  ]);
});

test("an assistant's text and refusal come before its calls", () => {
  const call = { id: "c", type: "function", function: { name: "t", arguments: "{}" } };
  expect(input({ role: "assistant", content: "hm", refusal: "no", tool_calls: [call] })).toEqual([
    {
      type: "message",
      role: "assistant",
      content: [
        { type: "output_text", text: "hm" },
        { type: "refusal", refusal: "no" },
      ],
    },
    { type: "function_call", call_id: "c", name: "t", arguments: "{}" },
  ]);
});

test("an assistant message without text is no empty message, whichever way it is empty", () => {
  for (const content of [null, undefined, "", [], [{ type: "text", text: "" }]]) {
    expect(input({ role: "user", content: "q" }, { role: "assistant", content })).toHaveLength(1);
  }
});

test("citations of an earlier answer go back with its text", () => {
  const annotation = {
    type: "url_citation",
    url_citation: { url: "https://a", title: "t", start_index: 0, end_index: 1 },
  };
  expect(input({ role: "assistant", content: "x", annotations: [annotation] })[0]?.content).toEqual([
    {
      type: "output_text",
      text: "x",
      annotations: [{ type: "url_citation", url: "https://a", title: "t", start_index: 0, end_index: 1 }],
    },
  ]);
});

test("a name has no place in a turn and is told once, however many messages have one", () => {
  const named = { role: "user", name: "bob", content: "hi" };
  expect(decoded({ messages: [named, named] }).dropped).toEqual(["messages[].name"]);
});

test("arguments that are no string are kept as JSON; calls without an id get theirs elsewhere", () => {
  expect(input({ role: "assistant", tool_calls: [{ function: { name: "t", arguments: { a: 1 } } }] })).toEqual([
    { type: "function_call", name: "t", arguments: '{"a":1}' },
  ]);
});

test("what we do not know on a message is no reason to refuse it", () => {
  expect(input({ role: "user", content: "q", brand_new: true })).toHaveLength(1);
});
