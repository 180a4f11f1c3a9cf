// The sandbox as a Chat Completions provider: valid chunks, the same script, and none of the other wire's endpoints.
import { describe, expect, test } from "bun:test";
import Ajv from "ajv/dist/2020.js";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import { errorOf, HAS_DATA, type Json, OPENAI, post, readData } from "./client.ts";

const CHAT = "http://localhost/v1/chat/completions";
const user = (content: unknown) => ({ role: "user", content });

const ask = (messages: Json[], more: Json = {}) =>
  post(createSandbox({ wire: "chat" }), CHAT, { model: "some-model", messages, ...more });
const whole = async (text: string, more: Json = {}) => (await (await ask([user(text)], more)).json()) as Json;

async function chunks(messages: Json[], more: Json = {}): Promise<Json[]> {
  const text = await (await ask(messages, { stream: true, ...more })).text();
  const lines = text.split("\n\n").filter(Boolean);
  expect(lines.every((line) => line.startsWith("data: "))).toBe(true);
  expect(lines.at(-1)).toBe("data: [DONE]");
  return lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)) as Json);
}

const deltas = (stream: Json[]) =>
  stream.flatMap((chunk) => (chunk.choices as Json[]).map((choice) => choice.delta as Json));
const joined = (stream: Json[], key: string) =>
  deltas(stream)
    .map((delta) => delta[key] ?? "")
    .join("");

function validator(file: string) {
  return new Ajv({ strict: false, validateFormats: false }).compile(JSON.parse(readData(`schemas/${file}`)));
}

const SCRIPTS = [
  "hello there",
  'CALL a {"x":1} ;; CALL b {}',
  "REFUSE no",
  "REASON a | b ;; SAY x",
  "INCOMPLETE content_filter ;; SAY x",
  "CITE https://e.com/ E",
];

describe.skipIf(!HAS_DATA)("official schemas", () => {
  const chunk = HAS_DATA ? validator("openai.CreateChatCompletionStreamResponse.schema.json") : undefined;
  const completion = HAS_DATA ? validator("openai.CreateChatCompletionResponse.schema.json") : undefined;
  test.each(SCRIPTS)("%p is valid, streamed and whole", async (script) => {
    for (const each of await chunks([user(script)], { stream_options: { include_usage: true } })) {
      if (!chunk?.(each)) throw new Error(`${JSON.stringify(chunk?.errors?.slice(0, 3))}\n${JSON.stringify(each)}`);
    }
    const answer = await whole(script);
    if (!completion?.(answer))
      throw new Error(`${JSON.stringify(completion?.errors?.slice(0, 3))}\n${JSON.stringify(answer)}`);
  });
});

describe("chat completions", () => {
  test("text is echoed under one id, with one finish reason and usage only when asked", async () => {
    const stream = await chunks([{ role: "system", content: "be brief" }, user("hello big world")]);
    expect(joined(stream, "content")).toBe("hello big world");
    expect(new Set(stream.map((chunk) => chunk.id)).size).toBe(1);
    expect(
      stream.flatMap((chunk) => chunk.choices.map((choice: Json) => choice.finish_reason)).filter(Boolean),
    ).toEqual(["stop"]);
    expect(stream.some((chunk) => "usage" in chunk)).toBe(false);
    const counted = await chunks([user("hi")], { stream_options: { include_usage: true } });
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
  });

  test("parallel calls are numbered, whole and streamed agree", async () => {
    const script = 'CALL a {"x":1} ;; CALL b {"y":2} ;; CUSTOM c raw text';
    const calls = deltas(await chunks([user(script)])).flatMap((delta) => (delta.tool_calls ?? []) as Json[]);
    const streamed = [0, 1, 2].map((index) =>
      calls
        .filter((call) => call.index === index)
        .map((call) => call.function?.arguments ?? call.custom?.input)
        .join(""),
    );
    expect(streamed).toEqual(['{"x":1}', '{"y":2}', "raw text"]);
    const message = (await whole(script)).choices[0];
    expect(message.finish_reason).toBe("tool_calls");
    expect(message.message.content).toBeNull();
    expect(message.message.tool_calls.map((call: Json) => call.function?.name ?? call.custom.name)).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("a tool's output is told back, also after THEN", async () => {
    const call = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
    const turn = (script: string) => [
      user(script),
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: "42" },
    ];
    expect(joined(await chunks(turn("CALL f {}")), "content")).toBe("tool said: 42");
    expect(joined(await chunks(turn("CALL f {} ;; THEN SAY done")), "content")).toBe("done");
    expect((await errorOf(ask(turn("x").slice(0, 2)))).body.error.message).toContain("call_1");
  });

  test("reasoning, structured output and the token limit", async () => {
    expect(joined(await chunks([user("REASON deep ;; SAY x")]), "reasoning_content")).toBe("deep");
    const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
    const format = { response_format: { type: "json_schema", json_schema: { name: "s", schema } } };
    expect(JSON.parse((await whole("hi", format)).choices[0].message.content)).toEqual({ n: 1 });
    expect((await whole("LONG 99", { max_completion_tokens: 5 })).choices[0].finish_reason).toBe("length");
  });

  test("it fails as told, before and during", async () => {
    expect((await errorOf(ask([user("FAIL rate_limit_exceeded before 3")]))).status).toBe(429);
    const text = await (await ask([user("FAIL server_error during 1")], { stream: true })).text();
    expect(text).toContain('data: {"error":{');
    expect(text).not.toContain("[DONE]");
  });

  test("the other wire is not there", async () => {
    const sandbox = createSandbox({ wire: "chat" });
    expect((await post(sandbox, OPENAI, { model: "m", input: "hi" })).status).toBe(404);
    expect((await post(sandbox, `${OPENAI}/compact`, { model: "m", input: "hi" })).status).toBe(404);
    expect((await errorOf(ask([user("hi")], { input: "x" }))).status).toBe(400);
    expect((await sandbox.fetch(new Request("http://localhost/v1/models"))).status).toBe(200);
  });
});
