// The official OpenAI SDK, unchanged, against the binary: every class of error, and answers that are left.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import type { ResponseCreateParamsNonStreaming } from "openai/resources/responses/responses";
import { KEY, MODEL, type Setting, startSetting } from "./setting.ts";

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
      const error = await respond("SAY hi", { prompt: { id: "pmpt_1" } }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error).toMatchObject({ param: "prompt" });
    });

    test("errors: an earlier answer that is not kept is not found, instead of being left out of the conversation", async () => {
      const error = await respond("SAY hi", { previous_response_id: "resp_1" }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error).toMatchObject({ code: "previous_response_not_found", param: "previous_response_id" });
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
});
