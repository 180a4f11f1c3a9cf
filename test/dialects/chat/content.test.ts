// Content parts keep what they carry: detail, file names, cache breakpoints, images in tool results.

import { expect, test } from "bun:test";
import { decoded, type Json } from "./kit.ts";

const user = (...content: unknown[]) => decoded({ messages: [{ role: "user", content }] });
const result = (content: unknown) =>
  decoded({ messages: [{ role: "tool", tool_call_id: "c", content }] }).turn.input[0]?.output;

test("images pass by URL, by data URL, and in the short form that some clients send", () => {
  const parts = user(
    { type: "image_url", image_url: { url: "https://a/b.png" } },
    { type: "image_url", image_url: "data:image/png;base64,AA==" },
  ).turn.input[0];
  expect(parts?.content).toEqual([
    { type: "input_image", image_url: "https://a/b.png" },
    { type: "input_image", image_url: "data:image/png;base64,AA==" },
  ]);
});

test("a file passes by id too", () => {
  expect(user({ type: "file", file: { file_id: "file-1" } }).turn.input[0]?.content).toEqual([
    { type: "input_file", file_id: "file-1" },
  ]);
});

test("a part of the Responses API passes as it is", () => {
  const part = { type: "input_text", text: "t" };
  expect(user(part).turn.input[0]?.content).toEqual([part]);
});

test("a cache breakpoint travels; Anthropic's cache mark has no place and is told", () => {
  const { turn, dropped } = user({
    type: "text",
    text: "t",
    prompt_cache_breakpoint: { mode: "explicit" },
    cache_control: { type: "ephemeral" },
  });
  expect(turn.input[0]?.content).toEqual([
    { type: "input_text", text: "t", prompt_cache_breakpoint: { mode: "explicit" } },
  ]);
  expect(dropped).toEqual(["messages[].content[].cache_control"]);
});

test("a tool result of parts keeps its texts and images", () => {
  const parts: Json[] = [
    { type: "text", text: "seen" },
    { type: "image_url", image_url: { url: "data:image/png;base64,AA==", detail: "low" } },
  ];
  expect(result(parts)).toEqual([
    { type: "input_text", text: "seen" },
    { type: "input_image", image_url: "data:image/png;base64,AA==", detail: "low" },
  ]);
});

test("a tool result without content is an empty one", () => {
  expect([result(undefined), result([]), result("")]).toEqual(["", "", ""]);
});
