// Reasoning is shown under the name that the client looks for, in think tags, or not at all; stream and unary reply agree.

import { expect, test } from "bun:test";
import type { ReasoningStyle } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { chunksOf, contextOf, type Delta, type Json } from "./kit.ts";

const thought = (at: number, delta: string) => ({
  type: "response.reasoning_summary_text.delta",
  output_index: at,
  summary_index: 0,
  delta,
});
const text = (at: number, delta: string) => ({
  type: "response.output_text.delta",
  output_index: at,
  content_index: 0,
  delta,
});
const events = [
  thought(0, "A"),
  thought(1, "B"),
  text(2, "x"),
  thought(3, "C"),
  text(4, "y"),
  { type: "response.completed", response: {} },
];
const item = (kind: "reasoning" | "message", said: string) =>
  kind === "reasoning"
    ? { type: kind, summary: [{ type: "summary_text", text: said }] }
    : { type: kind, content: [{ type: "output_text", text: said }] };
const output = [
  item("reasoning", "A"),
  item("reasoning", "B"),
  item("message", "x"),
  item("reasoning", "C"),
  item("message", "y"),
];

const expected: Record<ReasoningStyle, { content: string; reasoning_content?: string; reasoning?: string }> = {
  both: { content: "xy", reasoning_content: "A\n\nB\n\nC", reasoning: "A\n\nB\n\nC" },
  reasoning_content: { content: "xy", reasoning_content: "A\n\nB\n\nC" },
  reasoning: { content: "xy", reasoning: "A\n\nB\n\nC" },
  think: { content: "<think>A\n\nB</think>x<think>C</think>y" },
  none: { content: "xy" },
};

for (const [style, wanted] of Object.entries(expected) as [ReasoningStyle, (typeof expected)[ReasoningStyle]][]) {
  test(style, () => {
    const streamed: Record<string, string> = {};
    for (const chunk of chunksOf(events, contextOf(undefined, { reasoning: style }))) {
      const delta = chunk.choices[0]?.delta as Delta;
      for (const name of ["content", "reasoning_content", "reasoning"] as const) {
        if (delta[name] !== undefined) streamed[name] = (streamed[name] ?? "") + delta[name];
      }
    }
    expect(streamed).toEqual(wanted);
    const reply = chat.reply({ output }, contextOf(undefined, { reasoning: style })) as {
      choices: { message: Json }[];
    };
    expect(reply.choices[0]?.message).toEqual({ role: "assistant", refusal: null, ...wanted });
  });
}

test("think tags close before a call and at the end", () => {
  const think = () => contextOf(undefined, { reasoning: "think" });
  const call = {
    type: "response.output_item.done",
    item: { type: "function_call", call_id: "c", name: "t", arguments: "{}" },
  };
  const end = { type: "response.completed", response: {} };
  const said = (list: Parameters<typeof chunksOf>[0]) =>
    chunksOf(list, think())
      .map((chunk) => chunk.choices[0]?.delta.content ?? "")
      .join("");
  expect(said([thought(0, "A"), call, end])).toBe("<think>A</think>");
  expect(said([thought(0, "A"), end])).toBe("<think>A</think>");
});
