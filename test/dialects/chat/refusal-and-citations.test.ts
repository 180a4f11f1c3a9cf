// Refusals, citations and pictures: each in the field where Chat clients look for it.

import { expect, test } from "bun:test";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { chunksOf, contextOf, type Json, mustMatch } from "./kit.ts";

const cite = (url: string, from: number) => ({
  type: "url_citation",
  url,
  title: "t",
  start_index: from,
  end_index: from + 1,
});
const message = (...content: Json[]) => ({ type: "message", content });
const said = (text: string, ...annotations: Json[]) => ({ type: "output_text", text, annotations });
const completed = { type: "response.completed", response: {} };
const events = (...output: Json[]) => [
  ...output.map((item, at) => ({ type: "response.output_item.done", output_index: at, item })),
  completed,
];
const messageOf = (...output: Json[]) => {
  const reply = chat.reply({ output }, contextOf()) as { choices: { message: Json; finish_reason: string }[] };
  mustMatch("CreateChatCompletionResponse", reply);
  return reply.choices[0]?.message;
};

test("a refusal is no content", () => {
  const item = message({ type: "refusal", refusal: "no" });
  expect(messageOf(item)).toEqual({ role: "assistant", content: null, refusal: "no" });
  expect(chunksOf(events(item)).map((chunk) => chunk.choices[0]?.delta)).toEqual([
    { role: "assistant", content: "" },
    { refusal: "no" },
    {},
  ]);
});

test("citations count from the start of the whole content and come in one delta", () => {
  const items = [
    message(said("ab", cite("https://a", 0))),
    message(said("cd", cite("https://b", 1), { type: "file_citation", file_id: "f" })),
  ];
  const wanted = [cite("https://a", 0), cite("https://b", 3)].map(({ type, ...url_citation }) => ({
    type,
    url_citation,
  }));
  expect(messageOf(...items)?.annotations as unknown).toEqual(wanted);
  const told = chunksOf(events(...items)).flatMap((chunk) =>
    chunk.choices[0]?.delta.annotations ? [chunk.choices[0].delta.annotations as unknown] : [],
  );
  expect(told).toEqual([wanted]);
});

test("pictures are data URLs of their own type", () => {
  const items = [
    { type: "image_generation_call", id: "ig_1", result: "AA==", output_format: "webp" },
    { type: "image_generation_call", id: "ig_2", result: "BB==" },
  ];
  const wanted = ["data:image/webp;base64,AA==", "data:image/png;base64,BB=="].map((url, index) => ({
    type: "image_url",
    image_url: { url },
    index,
  }));
  expect(messageOf(...items)?.images as unknown).toEqual(wanted);
  expect(chunksOf(events(...items)).flatMap((chunk) => (chunk.choices[0]?.delta.images ?? []) as unknown[])).toEqual(
    wanted,
  );
});
