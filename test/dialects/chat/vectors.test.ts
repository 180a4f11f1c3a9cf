// Every chat vector of the shared data, its words made into assertions.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { type EventData, Failure, type Item } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { chunksOf, contextOf, DATA, decoded, encoded, type Json, mustMatch, seen, vector } from "./kit.ts";

const HAS_DATA = existsSync(DATA);
if (!HAS_DATA) console.warn(`skipped: no recorded data at ${DATA} (set CODEXD_TEST_DATA)`);

const events = (id: string) => vector(id).events as EventData[];
const call = (id: string, name: string, args: string) => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id, type: "function", function: { name, arguments: args } }],
});
const parameters = { type: "object", properties: {} };
const tool = (name: string) => ({ type: "function", function: { name, parameters } });

describe.skipIf(!HAS_DATA)("chat vectors", () => {
  test("chat-req-001 a tool round trip with null content", () => {
    const { input } = decoded(vector("chat-req-001")).turn;
    expect(input).toEqual([
      { type: "message", role: "developer", content: [{ type: "input_text", text: "S" }] },
      { type: "message", role: "user", content: [{ type: "input_text", text: "weather?" }] },
      { type: "function_call", call_id: "call_a", name: "wx", arguments: '{"c":"Oslo"}' },
      { type: "function_call_output", call_id: "call_a", output: "5C" },
    ]);
  });

  test("chat-req-007 a tool result that only looks like parts stays the identical string", () => {
    for (const content of vector("chat-req-007").cases as string[]) {
      const { input } = decoded({
        messages: [call("c", "t", "{}"), { role: "tool", tool_call_id: "c", content }],
        tools: [tool("t")],
      }).turn;
      expect(input[1]).toEqual({ type: "function_call_output", call_id: "c", output: content });
    }
  });

  test("chat-req-008 unknown or incomplete tool result parts become text with their JSON", () => {
    const body = vector("chat-req-008");
    const sent = ((body.messages as Json[])[1] as Json).content as Json[];
    const output = decoded(body).turn.input[1]?.output as Item[];
    expect(output.map((part) => part.type)).toEqual(["input_text", "input_text"]);
    expect(output.map((part) => JSON.parse(part.text as string))).toEqual(sent);
  });

  test("chat-req-009 a tool result of null or an object is its JSON", () => {
    const outputs = (vector("chat-req-009").cases as unknown[]).map((content) => {
      return decoded({ messages: [call("c", "t", "{}"), { role: "tool", tool_call_id: "c", content }] }).turn.input[1]
        ?.output;
    });
    expect(outputs).toEqual(["null", '{"ok":true,"n":2}']);
  });

  test("chat-req-010 text, image with detail, file and audio of a user message", () => {
    expect(decoded(vector("chat-req-010")).turn.input[0]?.content).toEqual([
      { type: "input_text", text: "t" },
      { type: "input_image", image_url: "data:image/png;base64,AA==", detail: "low" },
      { type: "input_file", file_data: "data:application/pdf;base64,QQ==", filename: "a.pdf" },
      { type: "input_audio", input_audio: { data: "UQ==", format: "mp3" } },
    ]);
  });

  test("chat-req-011 a long tool name is the same in tools, history and choice, for one place to shorten it", () => {
    const { tools, input, tool_choice } = decoded(vector("chat-req-011")).turn;
    const name = tools?.[0]?.name as string;
    expect(name.length).toBeGreaterThan(64);
    expect(input[1]).toMatchObject({ name, call_id: "call_long" });
    expect(tool_choice).toEqual({ type: "function", name });
  });

  test("chat-req-012 mcp names arrive whole and distinct, for one place to shorten them", () => {
    const names = decoded(vector("chat-req-012")).turn.tools?.map((one) => one.name);
    expect(new Set(names).size).toBe(2);
    expect(names?.every((name) => name?.startsWith("mcp__") && name.endsWith("__run"))).toBe(true);
  });

  test("chat-req-013 history of a custom tool in the form of functions becomes custom calls", () => {
    const { input, tool_choice } = decoded(vector("chat-req-013")).turn;
    expect(input).toHaveLength(5);
    expect(input[2]).toEqual({
      type: "custom_tool_call",
      call_id: "cp",
      name: "apply_patch",
      input: "*** Begin Patch\n+x\n*** End Patch",
    });
    expect(input[3]).toEqual({ type: "custom_tool_call_output", call_id: "cp", output: "done" });
    expect(tool_choice).toEqual({ type: "custom", name: "apply_patch" });
  });

  test("chat-req-015 a name declared as custom and as function is a function", () => {
    const { input, tools } = decoded(vector("chat-req-015")).turn;
    expect(input.map((item) => item.type)).toEqual(["function_call", "function_call_output"]);
    expect(tools?.map((one) => one.type)).toEqual(["function"]);
  });

  test("chat-req-018 json_schema becomes text.format with the schema as it came", () => {
    const body = vector("chat-req-018");
    const { turn } = decoded(body);
    const asked = (body.response_format as { json_schema: Json }).json_schema;
    expect(turn.text?.format).toEqual({ type: "json_schema", name: "ans", strict: true, schema: asked.schema });
    expect(turn).not.toHaveProperty("response_format");
  });

  test("chat-req-020 reasoning_effort asks for a summary too", () => {
    expect(decoded(vector("chat-req-020")).turn.reasoning).toEqual({ effort: "high", summary: "auto" });
  });

  test("chat-req-023 service tier and verbosity arrive", () => {
    const { turn } = decoded(vector("chat-req-023"));
    expect(turn.service_tier).toBe("priority");
    expect(turn.text?.verbosity).toBe("low");
  });

  test("chat-res-002 without response.created the request's model is told", () => {
    const chunks = chunksOf(events("chat-res-002"), contextOf(decoded({ model: "gpt-x" })));
    expect(chunks.map((chunk) => chunk.model)).toEqual(["gpt-x", "gpt-x"]);
  });

  test("chat-res-004 a call is announced once, then only its arguments", () => {
    const { each } = encoded(events("chat-res-004"));
    const announced = each[0]?.at(-1)?.choices[0]?.delta;
    expect(announced).toEqual({
      tool_calls: [{ index: 0, id: "c1", type: "function", function: { name: "t", arguments: "" } }],
    });
    expect(each[1]?.[0]?.choices[0]?.delta).toEqual({ tool_calls: [{ index: 0, function: { arguments: '{"q":1}' } }] });
  });

  test("chat-res-006 a call that comes whole is told in one chunk", () => {
    const chunks = chunksOf(events("chat-res-006")).filter((chunk) => chunk.choices[0]?.delta.tool_calls);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.tool_calls)).toEqual([
      [{ index: 0, id: "c", type: "function", function: { name: "p", arguments: "full" } }],
    ]);
  });

  test("chat-res-007 an id that comes late is not a second call", () => {
    const { each } = encoded(events("chat-res-007"));
    expect(each[1]?.map((chunk) => chunk.choices[0]?.delta)).toEqual([
      { tool_calls: [{ index: 0, function: { arguments: '{"s":1}' } }] },
    ]);
  });

  test("chat-res-009 summary parts are parted by a blank line", () => {
    expect(seen(chunksOf(events("chat-res-009"))).reasoning).toBe("A\n\nB");
  });

  test("chat-res-010 the same picture is sent once, another one with its own type", () => {
    const { each } = encoded(events("chat-res-010"));
    const urls = each.map((chunks) =>
      chunks.flatMap((chunk) => chunk.choices[0]?.delta.images ?? []).map((one) => one.image_url.url),
    );
    expect(urls).toEqual([["data:image/png;base64,QQ=="], [], ["data:image/jpeg;base64,Qg=="]]);
  });

  test("chat-res-012 all summary parts and all text parts of a unary answer are kept", () => {
    const reply = chat.reply(vector("chat-res-012").response as Json, contextOf());
    mustMatch("CreateChatCompletionResponse", reply);
    expect(reply).toMatchObject({
      choices: [{ message: { content: "xy", reasoning_content: "A\n\nB" }, finish_reason: "stop" }],
    });
  });

  test("chat-res-013 a custom call goes back as a function and comes in again as a custom call", () => {
    const { original_request, response } = vector("chat-res-013") as { original_request: Json; response: Json };
    const reply = chat.reply(response, contextOf(decoded(original_request))) as { choices: { message: Json }[] };
    const message = reply.choices[0]?.message as Json;
    expect(message).toMatchObject({
      tool_calls: [{ id: "cp", function: { name: "apply_patch", arguments: "patch" } }],
    });
    expect(reply).toMatchObject({ choices: [{ finish_reason: "tool_calls" }] });
    const messages = [{ role: "user", content: "q" }, message, { role: "tool", tool_call_id: "cp", content: "ok" }];
    const { input } = decoded({ ...original_request, messages }).turn;
    expect(input.slice(1)).toEqual([
      { type: "custom_tool_call", call_id: "cp", name: "apply_patch", input: "patch" },
      { type: "custom_tool_call_output", call_id: "cp", output: "ok" },
    ]);
  });

  test("chat-res-014 refusal and citation survive", () => {
    const all = seen(chunksOf(events("chat-res-014")));
    expect(all.refusal).toBe("no");
    expect(all.annotations).toEqual(["https://a"]);
  });

  test("err-001 a usage limit is a 429 whatever the upstream's status", () => {
    const { body } = vector("err-001") as { body: { error: { resets_at: number } } };
    const failure = new Failure("rate_limit", {
      code: "usage_limit_reached",
      message: "The usage limit has been reached",
      retryAfter: 300,
      upstream: { status: 400, planType: "plus", resetsAt: body.error.resets_at },
    });
    expect(chat.failure(failure, { codexClient: false, requestId: "r" })).toEqual({
      status: 429,
      body: {
        error: { message: failure.message, type: "usage_limit_reached", param: null, code: "usage_limit_reached" },
      },
    });
    expect(chat.failure(failure, { codexClient: true, requestId: "r" }).body).toMatchObject({
      error: { plan_type: "plus", resets_at: body.error.resets_at, resets_in_seconds: 300 },
    });
  });
});
