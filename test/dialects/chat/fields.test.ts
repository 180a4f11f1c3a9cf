// Every request field has its place in the turn, or is told as dropped; null is absent; the unknown travels.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DATA, decoded, type Json } from "./kit.ts";

test("fields that mean the same keep their name and value", () => {
  const same = {
    temperature: 0.2,
    top_p: 0.9,
    store: true,
    metadata: { a: "b" },
    user: "u",
    safety_identifier: "s",
    service_tier: "flex",
    prompt_cache_retention: "24h",
    truncation: "auto",
  };
  expect(decoded(same).turn).toMatchObject(same);
  expect(decoded(same).dropped).toEqual([]);
});

test("the token limit takes its name in the turn, and the client's word for it is kept", () => {
  for (const name of ["max_tokens", "max_completion_tokens"]) {
    const { turn, wants, dropped } = decoded({ [name]: 5 });
    expect(turn.max_output_tokens).toBe(5);
    expect(turn).not.toHaveProperty(name);
    expect(wants?.names).toMatchObject({ max_output_tokens: name });
    expect(dropped).toEqual([]);
  }
});

test("fields that only some upstreams take travel to where that is known", () => {
  const asking = {
    stop: ["END"],
    seed: 1,
    logit_bias: { 50256: -100 },
    presence_penalty: 0.1,
    frequency_penalty: 0.1,
    prediction: { type: "content", content: "x" },
  };
  expect(decoded(asking).turn).toMatchObject(asking);
  expect(decoded(asking).dropped).toEqual([]);
});

test("fields whose answer could not come back are told as dropped", () => {
  const asking = {
    logprobs: true,
    top_logprobs: 2,
    modalities: ["text", "audio"],
    audio: { voice: "alloy", format: "wav" },
  };
  const { turn, dropped } = decoded(asking);
  expect(dropped?.sort()).toEqual(Object.keys(asking).sort());
  for (const name of Object.keys(asking)) expect(turn).not.toHaveProperty(name);
});

test("a field that asks for nothing is left out without a word", () => {
  const idle = {
    stop: [],
    logit_bias: {},
    logprobs: false,
    top_logprobs: 0,
    presence_penalty: 0,
    frequency_penalty: 0,
    modalities: ["text"],
    n: 1,
  };
  expect(decoded(idle)).toEqual(decoded({}));
});

test("null is absent, in every field", () => {
  const names = [
    "stream",
    "stream_options",
    "n",
    "tools",
    "tool_choice",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "reasoning_effort",
    "verbosity",
    "temperature",
    "stop",
    "seed",
    "user",
    "metadata",
    "functions",
    "function_call",
    "parallel_tool_calls",
    "service_tier",
    "web_search_options",
    "prompt_cache_key",
    "brand_new",
  ];
  const body = Object.fromEntries(names.map((name) => [name, null]));
  expect(decoded(body)).toEqual(decoded({}));
});

test("a field that nobody knows travels", () => {
  expect(decoded({ brand_new: { a: 1 } }).turn.brand_new).toEqual({ a: 1 });
});

test("a field that would overwrite the messages does not", () => {
  const { turn, dropped } = decoded({ input: "other" });
  expect(turn.input).toHaveLength(1);
  expect(dropped).toEqual(["input"]);
});

test("stream and its usage chunk only when asked", () => {
  expect(decoded({}).stream).toBe(false);
  expect(decoded({ stream: true }).stream).toBe(true);
  expect(decoded({ stream: true, stream_options: { include_usage: true } }).wants?.usage).toBe(true);
  expect(decoded({ stream: true }).wants?.usage).toBe(false);
});

test("prompt_cache_key is the native session", () => {
  expect(decoded({ prompt_cache_key: "k" })).toMatchObject({ session: "k", turn: { prompt_cache_key: "k" } });
  expect(decoded({})).not.toHaveProperty("session");
});

test("effort and summary: asked for by default, not when reasoning is off, as said when said", () => {
  expect(decoded({}).turn.reasoning).toEqual({ summary: "auto" });
  expect(decoded({ reasoning_effort: "none" }).turn.reasoning).toEqual({ effort: "none" });
  expect(decoded({ reasoning: { effort: "low", summary: { type: "detailed" } } }).turn.reasoning).toEqual({
    effort: "low",
    summary: "detailed",
  });
});

test("response_format of each type", () => {
  expect(decoded({ response_format: { type: "text" } }).turn.text).toEqual({ format: { type: "text" } });
  expect(decoded({ response_format: { type: "json_object" }, verbosity: "low" }).turn.text).toEqual({
    format: { type: "json_object" },
    verbosity: "low",
  });
  const schema = { $schema: "http://json-schema.org/draft-07/schema#", type: "object" };
  const json_schema = { schema, name: "n", description: "d", strict: null };
  expect(decoded({ response_format: { type: "json_schema", json_schema } }).turn.text?.format).toEqual({
    type: "json_schema",
    name: "n",
    description: "d",
    schema,
  });
});

test.skipIf(!existsSync(DATA))("every request that the official SDK was seen to send is understood", () => {
  const file = join(DATA, "captures/openai-sdk/19-chat-sampling-params-accepted-chat.json");
  const { body } = JSON.parse(readFileSync(file, "utf8")) as { body: Json };
  const { turn, dropped } = decoded(body);
  expect(dropped?.sort()).toEqual(["max_tokens", "messages[].name"]);
  expect(turn).toMatchObject({
    max_output_tokens: 500,
    stop: ["END"],
    seed: 1,
    presence_penalty: 0.1,
    frequency_penalty: 0.1,
  });
});
