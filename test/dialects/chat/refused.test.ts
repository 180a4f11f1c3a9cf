// A wrong request is a 400 that names the field, what was found there and what is legal.

import { expect, test } from "bun:test";
import { type Failure, failureOf } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { decoded, type Json } from "./kit.ts";

function refused(body: Json): Failure {
  try {
    decoded(body);
  } catch (thrown) {
    return failureOf(thrown);
  }
  throw new Error(`not refused: ${JSON.stringify(body)}`);
}

const user = (content: unknown) => ({ messages: [{ role: "user", content }] });

const cases: [name: string, body: Json, param: string, says: string][] = [
  ["no model", { model: undefined }, "model", "found nothing"],
  ["no messages", { messages: undefined }, "messages", "found nothing"],
  ["messages as a string", { messages: "hi" }, "messages", "non-empty array of messages"],
  ["no message", { messages: [] }, "messages", "found an empty array"],
  ["a message as a string", { messages: ["hi"] }, "messages[0]", "must be an object"],
  [
    "an unknown role",
    { messages: [{ role: "robot", content: "x" }] },
    "messages[0].role",
    "system, user, assistant, tool",
  ],
  ["no content", { messages: [{ role: "user" }] }, "messages[0].content", "a string or a non-empty array"],
  [
    "an unknown part",
    user([{ type: "video_url" }]),
    "messages[0].content[0].type",
    "text, image_url, input_audio, file",
  ],
  [
    "an image without a URL",
    user([{ type: "image_url", image_url: {} }]),
    "messages[0].content[0].image_url.url",
    "non-empty string",
  ],
  ["a file without content", user([{ type: "file", file: {} }]), "messages[0].content[0].file", "file_data"],
  ["more than one choice", { n: 2 }, "n", "must be 1"],
  ["stream as a string", { stream: "true" }, "stream", "true or false"],
  ["temperature as a string", { temperature: "hot" }, "temperature", "a number"],
  ["tools as an object", { tools: {} }, "tools", "an array"],
  [
    "a function without a name",
    { tools: [{ type: "function", function: {} }] },
    "tools[0].function.name",
    "non-empty string",
  ],
  ["a tool without a type", { tools: [{}] }, "tools[0].type", "non-empty string"],
  ["an unknown choice", { tool_choice: "any" }, "tool_choice", "none, auto, required"],
  ["an unknown format", { response_format: { type: "xml" } }, "response_format.type", "json_schema"],
  [
    "a schema without a name",
    { response_format: { type: "json_schema", json_schema: {} } },
    "response_format.json_schema.name",
    "non-empty string",
  ],
  ["an unknown summary", { reasoning: { summary: "long" } }, "reasoning.summary", "concise"],
  [
    "a call without a function",
    { messages: [{ role: "assistant", tool_calls: [{ id: "c", type: "function" }] }] },
    "messages[0].tool_calls[0].function",
    "found nothing",
  ],
];

test.each(cases)("%s", (_name, body, param, says) => {
  const failure = refused(body);
  expect(failure).toMatchObject({ kind: "invalid_request", param, status: 400 });
  expect(failure.message).toContain(says);
  expect(failure.message).toContain(param);
  expect(chat.failure(failure, { codexClient: false, requestId: "r" })).toMatchObject({
    status: 400,
    body: { error: { type: "invalid_request_error", param } },
  });
});
