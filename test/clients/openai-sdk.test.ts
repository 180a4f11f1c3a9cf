// The official OpenAI SDK, unchanged, against the binary: everything that its users do, in chat and in responses.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import type { ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources/chat/completions";
import type { ResponseCreateParamsNonStreaming, ResponseInputItem, Tool } from "openai/resources/responses/responses";
import { z } from "zod";
import { KEY, MODEL, type Setting, startSetting } from "./setting.ts";

const PNG =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
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

  const chat = (prompt: string, more: object = {}) =>
    openai.chat.completions.create({ model: MODEL, messages: [user(prompt)], ...more });
  const respond = (prompt: string, more: Partial<ResponseCreateParamsNonStreaming> = {}) =>
    openai.responses.create({ model: MODEL, input: prompt, ...more });

  describe("create", () => {
    test("text: chat answers with content, finish reason and usage", async () => {
      const answer = await chat("SAY Good morning. ;; USAGE 100 40 20 5");
      expect(answer.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "Good morning." } });
      expect(answer.usage).toMatchObject({
        prompt_tokens: 100,
        completion_tokens: 20,
        total_tokens: 120,
        prompt_tokens_details: { cached_tokens: 40 },
        completion_tokens_details: { reasoning_tokens: 5 },
      });
    });

    test("text: responses answers with output, status and usage", async () => {
      const answer = await respond("SAY Good morning. ;; USAGE 100 40 20 5");
      expect(answer).toMatchObject({ status: "completed", output_text: "Good morning.", error: null });
      expect(answer.usage).toMatchObject({ input_tokens: 100, output_tokens: 20, total_tokens: 120 });
    });

    test("an answer that was cut short by its limit says so", async () => {
      expect((await chat("SAY Part ;; INCOMPLETE")).choices[0]?.finish_reason).toBe("length");
      expect(await respond("SAY Part ;; INCOMPLETE")).toMatchObject({
        status: "incomplete",
        incomplete_details: { reason: "max_output_tokens" },
      });
    });

    test("a refusal arrives as one", async () => {
      expect((await chat("REFUSE I would rather not.")).choices[0]?.message.refusal).toBe("I would rather not.");
      const [item] = (await respond("REFUSE I would rather not.")).output;
      expect(item).toMatchObject({ content: [{ type: "refusal", refusal: "I would rather not." }] });
    });
  });

  describe("stream", () => {
    test("chat: pieces add up to the final completion", async () => {
      const stream = openai.chat.completions.stream({ model: MODEL, messages: [user("LONG 40")] });
      let pieces = "";
      stream.on("content", (delta) => {
        pieces += delta;
      });
      expect(await stream.finalContent()).toBe(pieces);
      expect((await stream.finalChatCompletion()).choices[0]?.finish_reason).toBe("stop");
      expect(pieces.split(" ").length).toBeGreaterThanOrEqual(40);
    });

    test("chat: a usage chunk comes when it was asked for, and only then", async () => {
      const usages = async (more: object) => {
        const stream = await openai.chat.completions.create({
          model: MODEL,
          messages: [user("SAY hi")],
          stream: true,
          ...more,
        });
        return (await Array.fromAsync(stream)).filter(({ usage }) => usage);
      };
      expect(await usages({})).toEqual([]);
      expect(await usages({ stream_options: { include_usage: false } })).toEqual([]);
      const [usage, ...more] = await usages({ stream_options: { include_usage: true } });
      expect(usage?.choices).toEqual([]);
      expect(usage?.usage?.total_tokens).toBeGreaterThan(0);
      expect(more).toEqual([]);
    });

    test("responses: pieces add up to the final response", async () => {
      const stream = openai.responses.stream({ model: MODEL, input: "LONG 40" });
      let pieces = "";
      stream.on("response.output_text.delta", ({ delta }) => {
        pieces += delta;
      });
      const final = await stream.finalResponse();
      expect(final.output_text).toBe(pieces);
      expect(final).toMatchObject({ status: "completed" });
      expect(final.usage?.total_tokens).toBeGreaterThan(0);
    });

    test("responses: events that only the CLI knows do not reach the SDK", async () => {
      const stream = openai.responses.stream({ model: MODEL, input: "PRIVATE ;; SAY hi" });
      expect((await stream.finalResponse()).output_text).toBe("hi");
    });
  });

  describe("tools", () => {
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

  describe("structured output", () => {
    const Town = z.object({ name: z.string(), people: z.number() });
    const say = 'SAY {"name":"Oslo","people":700000}';

    test("json_schema: chat parses it", async () => {
      const answer = await openai.chat.completions.parse({
        model: MODEL,
        messages: [user(say)],
        response_format: zodResponseFormat(Town, "town"),
      });
      expect(answer.choices[0]?.message.parsed).toEqual({ name: "Oslo", people: 700_000 });
    });

    test("json_schema: responses parses it", async () => {
      const answer = await openai.responses.parse({
        model: MODEL,
        input: say,
        text: { format: zodTextFormat(Town, "town") },
      });
      expect(answer.output_parsed).toEqual({ name: "Oslo", people: 700_000 });
    });

    test("json_schema: the schema reaches the model, which obeys it unasked", async () => {
      const answer = await openai.chat.completions.parse({
        model: MODEL,
        messages: [user("Tell me about a town.")],
        response_format: zodResponseFormat(Town, "town"),
      });
      expect(Town.safeParse(answer.choices[0]?.message.parsed).success).toBe(true);
    });
  });

  describe.each([
    ["a data URL", PNG],
    ["an address", "https://example.com/cat.png"],
  ])("an image as %s", (_, url) => {
    const sent = async () => JSON.stringify((await setting.asked()).at(-1)?.body.input);

    test("image: chat passes it on", async () => {
      const content = [
        { type: "text" as const, text: "SAY seen" },
        { type: "image_url" as const, image_url: { url } },
      ];
      const answer = await openai.chat.completions.create({ model: MODEL, messages: [{ role: "user", content }] });
      expect(answer.choices[0]?.message.content).toBe("seen");
      expect(await sent()).toContain(url);
    });

    test("image: responses passes it on", async () => {
      const content = [
        { type: "input_text" as const, text: "SAY seen" },
        { type: "input_image" as const, image_url: url, detail: "auto" as const },
      ];
      const answer = await openai.responses.create({ model: MODEL, input: [{ role: "user", content }] });
      expect(answer.output_text).toBe("seen");
      expect(await sent()).toContain(url);
    });
  });

  describe("reasoning", () => {
    const prompt = 'REASON First this. | Then that. ;; CALL weather {"city":"Oslo"} ;; THEN SAY Done.';

    test("reasoning: chat shows it, streamed and whole", async () => {
      const whole = await chat("REASON First this. ;; SAY Done.", { reasoning_effort: "high" });
      expect(whole.choices[0]?.message).toMatchObject({ content: "Done.", reasoning_content: "First this." });
      const stream = await openai.chat.completions.create({
        model: MODEL,
        messages: [user("REASON First this. ;; SAY Done.")],
        stream: true,
      });
      const deltas = (await Array.fromAsync(stream)).map(({ choices }) => choices[0]?.delta as object | undefined);
      const shown = deltas.map((delta) => (delta as { reasoning_content?: string })?.reasoning_content ?? "");
      expect(shown.join("")).toBe("First this.");
      expect((await setting.asked())[0]?.body).toMatchObject({ reasoning: { effort: "high" } });
    });

    test("reasoning: responses gives summaries, and takes the sealed reasoning back", async () => {
      const request = {
        model: MODEL,
        reasoning: { effort: "high" as const, summary: "auto" as const },
        include: ["reasoning.encrypted_content" as const],
        store: false,
        tools,
      };
      const input: ResponseInputItem[] = [{ role: "user", content: prompt }];
      const first = await openai.responses.stream({ ...request, input }).finalResponse();
      const [reasoning, call] = first.output;
      expect(reasoning).toMatchObject({
        type: "reasoning",
        summary: [{ text: "First this." }, { text: "Then that." }],
      });
      if (reasoning?.type !== "reasoning" || call?.type !== "function_call")
        throw new Error("not a call with reasoning");
      expect(reasoning.encrypted_content).toBeString();
      const result = { type: "function_call_output" as const, call_id: call.call_id, output: "sunny" };
      const last = await openai.responses.create({
        ...request,
        input: [...input, ...(first.output as ResponseInputItem[]), result],
      });
      expect(last.output_text).toBe("Done.");
      const replayed = (await setting.asked()).at(-1)?.body.input?.find(({ type }) => type === "reasoning");
      expect(replayed?.encrypted_content).toBeString();
    });
  });

  describe("errors", () => {
    const failures = [
      ["FAIL invalid_prompt", OpenAI.BadRequestError, 400, "invalid_prompt"],
      ["FAIL context_length_exceeded", OpenAI.BadRequestError, 400, "context_length_exceeded"],
      ["FAIL usage_limit_reached", OpenAI.RateLimitError, 429, "usage_limit_reached"],
      ["FAIL rate_limit_exceeded before 7", OpenAI.RateLimitError, 429, "rate_limit_exceeded"],
      ["FAIL insufficient_quota", OpenAI.RateLimitError, 429, "insufficient_quota"],
      ["FAIL server_error", OpenAI.InternalServerError, 502, "upstream_error"],
      ["FAIL server_is_overloaded", OpenAI.InternalServerError, 503, "server_is_overloaded"],
      ["FAIL token_expired", OpenAI.InternalServerError, 503, "upstream_auth_failed"],
    ] as const;

    test.each(failures)(
      "errors: %s is a typed error in chat, whole and streamed",
      async (prompt, type, status, code) => {
        for (const stream of [false, true]) {
          const error = await chat(prompt, { stream }).catch((caught: unknown) => caught);
          expect(error).toBeInstanceOf(type);
          expect(error).toMatchObject({ status, code });
        }
      },
    );

    test.each(failures)(
      "errors: %s is a typed error in responses, whole and streamed",
      async (prompt, type, status, code) => {
        for (const stream of [false, true]) {
          const error = await openai.responses
            .create({ model: MODEL, input: prompt, stream })
            .catch((caught: unknown) => caught);
          expect(error).toBeInstanceOf(type);
          expect(error).toMatchObject({ status, code });
        }
      },
    );

    const headersOf = async (prompt: string) => {
      const error = (await chat(prompt).catch((caught: unknown) => caught)) as InstanceType<typeof OpenAI.APIError>;
      return [error.headers?.get("retry-after"), error.headers?.get("x-should-retry")];
    };

    test("errors: a limit says when to come back, and a long one that waiting is no use", async () => {
      expect(Number((await headersOf("FAIL rate_limit_exceeded before 7"))[0])).toBeWithin(6, 8);
      const [wait, retry] = await headersOf("FAIL usage_limit_reached");
      expect(Number(wait)).toBeGreaterThan(60);
      expect(retry).toBe("false");
    });

    test("errors: the SDK's own retries stop at a long limit and pass a short one", async () => {
      const patient = openai.withOptions({ maxRetries: 2 });
      const ask = (content: string) => patient.chat.completions.create({ model: MODEL, messages: [user(content)] });
      expect(await ask("FAIL usage_limit_reached").catch((caught: unknown) => caught)).toBeInstanceOf(
        OpenAI.RateLimitError,
      );
      expect((await setting.stats()).requests).toBe(1);
      const recovered = await ask("FAIL rate_limit_exceeded before 1 times 1 ;; SAY recovered");
      expect(recovered.choices[0]?.message.content).toBe("recovered");
    });

    test("errors: a wrong licence is an authentication error", async () => {
      const stranger = openai.withOptions({ apiKey: "sk-wrong" });
      for (const request of [
        stranger.responses.create({ model: MODEL, input: "SAY hi" }),
        stranger.chat.completions.create({ model: MODEL, messages: [user("SAY hi")] }),
        stranger.models.list(),
      ]) {
        const error = await request.catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
        expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
      }
    });

    test("errors: what a licence does not allow is a permission error", async () => {
      await using narrow = await startSetting("responses", {
        kind,
        licence: { dialects: ["chat"], models: ["gpt-5.4*"] },
      });
      const client = openai.withOptions({ baseURL: `${narrow.base}/v1` });
      const dialect = await client.responses
        .create({ model: MODEL, input: "SAY hi" })
        .catch((caught: unknown) => caught);
      expect(dialect).toBeInstanceOf(OpenAI.PermissionDeniedError);
      expect(dialect).toMatchObject({ status: 403, code: "dialect_not_allowed" });
      const model = await client.chat.completions
        .create({ model: MODEL, messages: [user("SAY hi")] })
        .catch((caught: unknown) => caught);
      expect(model).toBeInstanceOf(OpenAI.PermissionDeniedError);
      expect(model).toMatchObject({ status: 403, code: "model_not_allowed" });
    });

    test("errors: an unknown model is not found in chat and a bad request in responses", async () => {
      const inChat = await chat("SAY hi", { model: "gpt-nowhere" }).catch((caught: unknown) => caught);
      expect(inChat).toBeInstanceOf(OpenAI.NotFoundError);
      expect(inChat).toMatchObject({ code: "model_not_found" });
      const inResponses = await respond("SAY hi", { model: "gpt-nowhere" }).catch((caught: unknown) => caught);
      expect(inResponses).toBeInstanceOf(OpenAI.BadRequestError);
      expect(inResponses).toMatchObject({ code: "model_not_found" });
    });

    test("errors: what this server cannot do is said, not ignored", async () => {
      const error = await respond("SAY hi", { previous_response_id: "resp_1" }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(String(error)).toContain("previous_response_id");
    });

    test("errors: a stream that breaks ends in an error, not in a short answer", async () => {
      const stream = await openai.chat.completions.create({
        model: MODEL,
        messages: [user("SLOW 20 ;; LONG 40 ;; DROP 5")],
        stream: true,
      });
      const error = await Array.fromAsync(stream).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(OpenAI.APIError);
      expect(error).toMatchObject({ code: "stream_error" });
      const final = await openai.responses
        .stream({ model: MODEL, input: "SLOW 20 ;; LONG 40 ;; DROP 5" })
        .finalResponse();
      expect(final).toMatchObject({ status: "failed", error: { code: "stream_error" } });
    });

    test("errors: a server that went away is a connection error", async () => {
      await using gone = await startSetting("responses", { kind });
      const client = openai.withOptions({ baseURL: `${gone.base}/v1` });
      const stream = await client.responses.create({ model: MODEL, input: "SLOW 20 ;; LONG 2000", stream: true });
      const reading = Array.fromAsync(stream).catch((caught: unknown) => caught);
      await gone.gateway.kill9();
      expect(await reading).toBeInstanceOf(Error);
      const next = await client.responses.create({ model: MODEL, input: "SAY hi" }).catch((caught: unknown) => caught);
      expect(next).toBeInstanceOf(OpenAI.APIConnectionError);
    });
  });

  describe("abort", () => {
    test.each(["chat", "responses"])("abort: %s cancels the upstream's work", async (dialect) => {
      const stream =
        dialect === "chat"
          ? await openai.chat.completions.create({
              model: MODEL,
              messages: [user("SLOW 20 ;; LONG 2000")],
              stream: true,
            })
          : await openai.responses.create({ model: MODEL, input: "SLOW 20 ;; LONG 2000", stream: true });
      await setting.until(({ open }) => open === 1);
      stream.controller.abort();
      expect(await setting.until(({ open }) => open === 0)).toMatchObject({ cancelled: 1, finished: 0 });
    });

    test.each(["chat", "responses"])("abort: %s cancels it before the answer too", async (dialect) => {
      const controller = new AbortController();
      const { signal } = controller;
      const request =
        dialect === "chat"
          ? openai.chat.completions.create({ model: MODEL, messages: [user("HANG before")] }, { signal })
          : openai.responses.create({ model: MODEL, input: "HANG before" }, { signal });
      const outcome = request.catch((caught: unknown) => caught);
      await setting.until(({ open }) => open === 1);
      controller.abort();
      expect(await outcome).toBeInstanceOf(OpenAI.APIUserAbortError);
      expect(await setting.until(({ open }) => open === 0)).toMatchObject({ cancelled: 1 });
    });
  });

  describe("models and sessions", () => {
    test("models: they are listed, and each can be looked up", async () => {
      const models = await Array.fromAsync(openai.models.list());
      expect(models.map(({ id }) => id)).toContain(MODEL);
      expect(await openai.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: "model" });
      expect(await openai.models.retrieve("gpt-nowhere").catch((caught: unknown) => caught)).toBeInstanceOf(
        OpenAI.NotFoundError,
      );
    });

    test("session_id goes to the upstream as the cache key, and nowhere else", async () => {
      await chat("SAY hi", { session_id: "conversation-7" });
      await respond("SAY hi", { session_id: "conversation-7" } as object);
      for (const { body } of await setting.asked()) {
        expect(body).toMatchObject({ prompt_cache_key: "conversation-7" });
        expect(body).not.toHaveProperty("session_id");
      }
    });
  });
});
