// Encrypted reasoning leaves with our seal and comes back to the place where it was; what is not ours is left out.

import { expect, test } from "bun:test";
import { accountMark, unseal } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { chunksOf, contextOf, decoded, type Json } from "./kit.ts";

const output = [
  { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "A" }], encrypted_content: "gAAAAcipher" },
  { type: "message", content: [{ type: "output_text", text: "x" }] },
  { type: "function_call", call_id: "c", name: "t", arguments: "{}" },
];
const context = () => ({ ...contextOf(), account: "work" });
const messageOf = (reply: unknown) => (reply as { choices: { message: Json }[] }).choices[0]?.message as Json;

test("out with the mark of the account, in again as the item before text and calls", () => {
  const message = messageOf(chat.reply({ output }, context()));
  const [detail] = message.reasoning_details as Json[];
  expect(detail).toMatchObject({ type: "reasoning.encrypted", id: "rs_1", format: "codexd-v1" });
  expect(unseal(detail?.data)).toEqual({ mark: accountMark("work"), id: "rs_1", content: "gAAAAcipher" });
  const { input } = decoded({ messages: [message, { role: "tool", tool_call_id: "c", content: "ok" }] }).turn;
  expect(input.map((item) => item.type)).toEqual(["reasoning", "message", "function_call", "function_call_output"]);
  expect(input[0]).toEqual({ type: "reasoning", summary: [], encrypted_content: detail?.data });
});

test("the stream tells all of them in one delta, because accumulators overwrite lists", () => {
  const events = [...output, { ...output[0], id: "rs_2" }].map((item, output_index) => ({
    type: "response.output_item.done",
    output_index,
    item,
  }));
  const chunks = chunksOf([...events, { type: "response.completed", response: {} }], context());
  const told = chunks.flatMap((chunk) =>
    chunk.choices[0]?.delta.reasoning_details ? [chunk.choices[0].delta.reasoning_details] : [],
  );
  expect(told.map((details) => details.map((one) => one.id))).toEqual([["rs_1", "rs_2"]]);
});

test("who wants no reasoning gets none of it", () => {
  expect(messageOf(chat.reply({ output }, { ...context(), reasoning: "none" }))).toEqual({
    role: "assistant",
    content: "x",
    refusal: null,
    tool_calls: [{ id: "c", type: "function", function: { name: "t", arguments: "{}" } }],
  });
});

test("reasoning text and foreign signatures in the history are left out", () => {
  const details = [
    { type: "reasoning.encrypted", data: "foreign" },
    { type: "reasoning.text", text: "A", signature: "other" },
  ];
  const message = {
    role: "assistant",
    content: "x",
    reasoning_content: "A",
    reasoning: "A",
    reasoning_details: details,
  };
  expect(decoded({ messages: [message] }).turn.input.map((item) => item.type)).toEqual(["message"]);
});
