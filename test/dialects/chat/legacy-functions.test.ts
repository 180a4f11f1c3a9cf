// Clients that still speak of functions send and get `function_call`, and their history pairs up without ids.

import { expect, test } from "bun:test";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { chunksOf, contextOf, decoded, mustMatch } from "./kit.ts";

const body = {
  functions: [{ name: "wx", parameters: { type: "object", properties: {} } }],
  function_call: { name: "wx" },
  messages: [
    { role: "user", content: "q" },
    { role: "assistant", content: null, function_call: { name: "wx", arguments: "{}" } },
    { role: "function", name: "wx", content: "5C" },
  ],
};

test("declarations, choice and history", () => {
  const { turn } = decoded(body);
  expect(turn.tools).toEqual([
    { type: "function", name: "wx", parameters: { type: "object", properties: {} }, strict: false },
  ]);
  expect(turn.tool_choice).toEqual({ type: "function", name: "wx" });
  expect(turn.parallel_tool_calls).toBe(false);
  expect(turn.input.slice(1)).toEqual([
    { type: "function_call", call_id: "call_1", name: "wx", arguments: "{}" },
    { type: "function_call_output", call_id: "call_1", output: "5C" },
  ]);
});

test("made-up ids are the same on the next turn, or the prompt cache would never hit", () => {
  const next = decoded({ ...body, messages: [...body.messages, { role: "user", content: "and?" }] });
  expect(next.turn.input.slice(0, 3)).toEqual(decoded(body).turn.input);
});

test("the answer", () => {
  const call = { type: "function_call", call_id: "c", name: "wx", arguments: "{}" };
  const chunks = chunksOf(
    [
      { type: "response.output_item.added", output_index: 0, item: { ...call, arguments: "" } },
      { type: "response.function_call_arguments.delta", output_index: 0, delta: "{}" },
      { type: "response.completed", response: {} },
    ],
    contextOf(decoded(body)),
  );
  expect(chunks.slice(1).map((chunk) => chunk.choices[0]?.delta)).toEqual([
    { function_call: { name: "wx", arguments: "" } },
    { function_call: { arguments: "{}" } },
    {},
  ]);
  expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("function_call");
  const reply = chat.reply({ output: [call] }, contextOf(decoded(body)));
  mustMatch("CreateChatCompletionResponse", reply);
  expect(reply).toMatchObject({
    choices: [{ message: { function_call: { name: "wx", arguments: "{}" } }, finish_reason: "function_call" }],
  });
});
