// The frames of a stream: one identity, the role first, no empty keys, one finish, the usage only when asked, `[DONE]` last.

import { expect, test } from "bun:test";
import { Failure } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { chunksOf, contextOf, decoded, encoded, framesOf, mustMatch } from "./kit.ts";

const created = {
  type: "response.created",
  response: { id: "resp_abc", model: "gpt-5.2", created_at: 1_700_000_001.7 },
};
const delta = (text: string) => ({
  type: "response.output_text.delta",
  output_index: 0,
  content_index: 0,
  delta: text,
});
const usage = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 2 },
  total_tokens: 15,
};
const completed = { type: "response.completed", response: { usage, service_tier: "priority" } };
const withUsage = () => contextOf(decoded({ stream: true, stream_options: { include_usage: true } }));

test("role first, text as it comes, one finish, then [DONE]", () => {
  const { text } = encoded([created, delta("Hel"), delta("lo"), completed]);
  const { chunks, done } = framesOf(text);
  expect(chunks.map((chunk) => [chunk.choices[0]?.delta, chunk.choices[0]?.finish_reason])).toEqual([
    [{ role: "assistant", content: "" }, null],
    [{ content: "Hel" }, null],
    [{ content: "lo" }, null],
    [{}, "stop"],
  ]);
  expect(done).toBe(true);
});

test("every chunk has the same id, time and model, taken from the upstream's response", () => {
  for (const chunk of chunksOf([created, delta("x"), completed], withUsage())) {
    expect(chunk).toMatchObject({
      id: "chatcmpl-abc",
      object: "chat.completion.chunk",
      created: 1_700_000_001,
      model: "gpt-5.2",
    });
    mustMatch("CreateChatCompletionStreamResponse", chunk);
  }
});

test("the usage chunk comes last, without choices, and only when asked", () => {
  expect(chunksOf([created, completed]).some((chunk) => "usage" in chunk)).toBe(false);
  const last = chunksOf([created, completed], withUsage()).at(-1);
  expect(last?.choices).toEqual([]);
  expect(last?.usage).toEqual({
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    prompt_tokens_details: { cached_tokens: 4 },
    completion_tokens_details: { reasoning_tokens: 2 },
  });
});

test("the service tier that was really used is told at the end", () => {
  expect(chunksOf([created, completed]).at(-1)?.service_tier).toBe("priority");
});

test("text of any kind survives the frame: line ends, quotes, lone surrogates, the words of the protocol", () => {
  const texts = ["\n\n", "\r", '"', "\\", "\u2028", "data: [DONE]", "\ud83d", "\ude00", "</think>", "\u0000"];
  const said = chunksOf([created, ...texts.map(delta), completed]).map(
    (chunk) => chunk.choices[0]?.delta.content ?? "",
  );
  expect(said.join("")).toBe(texts.join(""));
});

test("events without a place write nothing", () => {
  const encoder = chat.encoder(contextOf());
  for (const type of ["response.in_progress", "response.web_search_call.searching", "codex.rate_limits", "brand.new"]) {
    expect(encoded([{ type }]).each[0]).toEqual([]);
  }
  expect(encoder.end()).toBe("data: [DONE]\n\n");
});

test("a failure in the stream is one error frame and [DONE], once", () => {
  const encoder = chat.encoder(contextOf());
  const failure = new Failure("stream_broken", { code: "stream_error", message: "the upstream cut the stream" });
  expect(encoder.fail(failure)).toBe(
    'data: {"error":{"message":"the upstream cut the stream","type":"server_error","param":null,"code":"stream_error"}}\n\ndata: [DONE]\n\n',
  );
  expect(encoder.end()).toBeUndefined();
});

test("the heartbeat is a comment: a named event would kill chat clients", () => {
  expect(chat.heartbeat(contextOf())).toBe(": keepalive\n\n");
});
