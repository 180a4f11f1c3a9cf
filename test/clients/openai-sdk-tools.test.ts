// The official OpenAI SDK, unchanged, against the binary: tools of every kind, in chat and in responses.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { zodFunction } from "openai/helpers/zod";
import type { ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources/chat/completions";
import type { ResponseInputItem, Tool } from "openai/resources/responses/responses";
import { z } from "zod";
import { KEY, MODEL, type Setting, startSetting } from "./setting.ts";

const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const chatTools: ChatCompletionTool[] = [
  { type: "function", function: { name: "weather", parameters: weather } },
  { type: "custom", custom: { name: "shout", description: "Takes any text." } },
];
const tools: Tool[] = [
  { type: "function", name: "weather", parameters: weather, strict: false },
  { type: "custom", name: "shout", description: "Takes any text." },
];
const user = (content: string): ChatCompletionMessageParam => ({ role: "user", content });

describe.each(["chatgpt", "openai"] as const)("openai SDK before an upstream of kind %s", (kind) => {
  let setting: Setting;
  let openai: OpenAI;
  beforeAll(async () => {
    setting = await startSetting("responses", { kind, retries: 0 });
    openai = new OpenAI({ baseURL: `${setting.base}/v1`, apiKey: KEY, maxRetries: 0 });
  });
  afterAll(() => setting[Symbol.asyncDispose]());
  beforeEach(() => setting.forget());

  const one = 'CALL weather {"city":"Oslo"}';
  const two = `${one}\nCALL weather {"city":"Rome"}`;

  test.each([
    ["a single call", one],
    ["parallel calls", two],
  ])("tools: chat makes %s and takes the results", async (_, prompt) => {
    const messages = [user(prompt)];
    const first = await openai.chat.completions.create({ model: MODEL, messages, tools: chatTools });
    const calls = first.choices[0]!.message.tool_calls!;
    expect(first.choices[0]?.finish_reason).toBe("tool_calls");
    expect(calls.map((call) => call.type === "function" && JSON.parse(call.function.arguments).city)).toEqual(
      ["Oslo", "Rome"].slice(0, prompt.split("\n").length),
    );
    const results = calls.map(({ id }, index) => ({
      role: "tool" as const,
      tool_call_id: id,
      content: `result ${index}`,
    }));
    const last = await openai.chat.completions.create({
      model: MODEL,
      messages: [...messages, first.choices[0]!.message, ...results],
      tools: chatTools,
    });
    for (const { content } of results) expect(last.choices[0]?.message.content).toContain(content);
  });

  test("tools: chat streams interleaved parallel calls", async () => {
    const stream = openai.chat.completions.stream({
      model: MODEL,
      messages: [user(`${two}\nINTERLEAVE`)],
      tools: chatTools,
    });
    const { tool_calls } = await stream.finalMessage();
    expect(tool_calls?.map((call) => call.type === "function" && call.function.arguments)).toEqual([
      '{"city":"Oslo"}',
      '{"city":"Rome"}',
    ]);
  });

  test("tools: chat runs a whole loop by itself", async () => {
    const asked: string[] = [];
    const runner = openai.chat.completions.runTools({
      model: MODEL,
      messages: [user(two)],
      tools: [
        zodFunction({
          name: "weather",
          parameters: z.object({ city: z.string() }),
          function: ({ city }) => {
            asked.push(city);
            return `sunny in ${city}`;
          },
        }),
      ],
    });
    expect(await runner.finalContent()).toContain("sunny in Rome");
    expect(asked).toEqual(["Oslo", "Rome"]);
  });

  test("tools: chat calls a custom tool with plain text", async () => {
    const messages = [user("CUSTOM shout no json, just text")];
    const first = await openai.chat.completions.create({ model: MODEL, messages, tools: chatTools });
    const [call] = first.choices[0]!.message.tool_calls!;
    expect(call).toMatchObject({ type: "custom", custom: { name: "shout", input: "no json, just text" } });
    const result = { role: "tool" as const, tool_call_id: call!.id, content: "LOUD" };
    const last = await openai.chat.completions.create({
      model: MODEL,
      messages: [...messages, first.choices[0]!.message, result],
      tools: chatTools,
    });
    expect(last.choices[0]?.message.content).toContain("LOUD");
  });

  test.each([
    ["a single call", one],
    ["parallel calls", two],
    ["a custom call", "CUSTOM shout plain text"],
  ])("tools: responses makes %s and takes the results", async (_, prompt) => {
    const input: ResponseInputItem[] = [{ role: "user", content: prompt }];
    const first = await openai.responses.stream({ model: MODEL, input, tools }).finalResponse();
    const calls = first.output.filter(({ type }) => type === "function_call" || type === "custom_tool_call");
    expect(calls).toHaveLength(prompt.split("\n").length);
    const results = calls.map((call, index) => {
      if (call.type === "custom_tool_call") expect(call).toMatchObject({ name: "shout", input: "plain text" });
      return {
        type: call.type === "custom_tool_call" ? "custom_tool_call_output" : "function_call_output",
        call_id: "call_id" in call ? call.call_id : "",
        output: `result ${index}`,
      } as ResponseInputItem;
    });
    const last = await openai.responses.create({
      model: MODEL,
      input: [...input, ...(first.output as ResponseInputItem[]), ...results],
      tools,
    });
    for (const index of results.keys()) expect(last.output_text).toContain(`result ${index}`);
  });
});
