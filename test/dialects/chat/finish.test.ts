// The finish reason: calls first, then what cut the answer short, else stop.

import { expect, test } from "bun:test";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { contextOf, type Json } from "./kit.ts";

const finish = (response: Json) =>
  (chat.reply(response, contextOf()) as { choices: { finish_reason: string }[] }).choices[0]?.finish_reason;
const incomplete = (reason: string, output: Json[] = []) =>
  finish({ status: "incomplete", incomplete_details: { reason }, output });
const call = { type: "function_call", call_id: "c", name: "t", arguments: "{}" };

test("by reason", () => {
  expect(finish({ output: [] })).toBe("stop");
  expect(incomplete("max_output_tokens")).toBe("length");
  expect(incomplete("content_filter")).toBe("content_filter");
  expect(incomplete("brand_new")).toBe("stop");
});

test("any call wins", () => {
  expect(finish({ output: [call] })).toBe("tool_calls");
  expect(incomplete("max_output_tokens", [call])).toBe("tool_calls");
});

test("an empty answer has empty content, one with only calls has none", () => {
  const content = (output: Json[]) =>
    (chat.reply({ output }, contextOf()) as { choices: { message: Json }[] }).choices[0]?.message.content;
  expect(content([]) as unknown).toBe("");
  expect(content([call]) as unknown).toBeNull();
});
