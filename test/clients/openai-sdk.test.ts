// The official OpenAI SDK, unchanged, against the binary: every kind of answer, in chat and in responses.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import type { ResponseCreateParamsNonStreaming, ResponseInputItem, Tool } from "openai/resources/responses/responses";
import { z } from "zod";
import { KEY, MODEL, type Setting, startSetting } from "./setting.ts";

const PNG =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools: Tool[] = [{ type: "function", name: "weather", parameters: weather, strict: false }];
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
