// The official SDK, which checks ids and order of a stream, must be content with the sandbox without any gateway.
import { afterAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { serveSandbox } from "../../src/upstream/sandbox/serve.ts";

const served = serveSandbox();
afterAll(() => served.stop());
const client = new OpenAI({ apiKey: "sk-test", baseURL: `${served.url}/v1`, maxRetries: 0 });
const model = "gpt-5.5";

describe("responses", () => {
  test("create and the stream helper agree", async () => {
    const input = "REASON a | b ;; SAY hello from the sandbox";
    const whole = await client.responses.create({ model, input, reasoning: { summary: "auto" } });
    expect(whole.output_text).toBe("hello from the sandbox");
    const stream = client.responses.stream({ model, input, reasoning: { summary: "auto" } });
    const seen: string[] = [];
    for await (const event of stream) seen.push(event.type);
    const final = await stream.finalResponse();
    expect(final.output_text).toBe("hello from the sandbox");
    expect(final.output.map((item) => item.type)).toEqual(["reasoning", "message"]);
    expect(seen.at(-1)).toBe("response.completed");
  });

  test("parallel, interleaved and custom calls are accumulated", async () => {
    const input =
      'INTERLEAVE ;; CALL a {"x":"a long enough argument"} ;; CALL b {"y":"another long argument"} ;; CUSTOM c free text';
    const final = await client.responses.stream({ model, input }).finalResponse();
    const calls = final.output.map((item) =>
      item.type === "function_call" ? item.arguments : item.type === "custom_tool_call" && item.input,
    );
    expect(calls).toEqual(['{"x":"a long enough argument"}', '{"y":"another long argument"}', "free text"]);
  });

  test("errors are the SDK's own classes", async () => {
    const classes = {
      rate_limit_exceeded: OpenAI.RateLimitError,
      model_not_found: OpenAI.NotFoundError,
      token_expired: OpenAI.AuthenticationError,
      invalid_prompt: OpenAI.BadRequestError,
      forbidden: OpenAI.PermissionDeniedError,
      server_error: OpenAI.InternalServerError,
    };
    for (const [code, kind] of Object.entries(classes)) {
      const error = await client.responses.create({ model, input: `FAIL ${code}` }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error, code).toBeInstanceOf(kind);
    }
  });
});

describe("chat", () => {
  test("create, the stream helper and a tool round trip", async () => {
    const messages = [{ role: "user" as const, content: 'CALL f {"x":1}' }];
    const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    const final = await stream.finalChatCompletion();
    const message = final.choices[0]?.message;
    const call = message?.tool_calls?.[0];
    expect(call?.type === "function" && call.function.arguments).toBe('{"x":1}');
    expect(final.usage?.total_tokens).toBeGreaterThan(0);
    const output = { role: "tool" as const, tool_call_id: call?.id ?? "", content: "42" };
    const next = await client.chat.completions.create({
      model,
      messages: [...messages, message ?? { role: "assistant" }, output],
    });
    expect(next.choices[0]?.message.content).toBe("tool said: 42");
  });
});

test("models are listed", async () => {
  const ids = (await client.models.list()).data.map((each) => each.id);
  expect(ids).toContain("gpt-5.1-codex-max");
});
