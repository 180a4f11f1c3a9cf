// The official Anthropic SDK judges our frames and failures: its parser, its accumulator, its error classes.

import { expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { Failure, type FailureKind } from "codexd/plugin";
import { messages } from "../../../plugins/translate/messages/index.ts";
import { bytes, HAS_DATA, type Json, lines } from "./data.ts";
import { accumulate, context, encode, events, frames, read } from "./exchange.ts";

/** A client whose only server is this answer. */
const client = (answer: () => Response) =>
  new Anthropic({ apiKey: "k", baseURL: "http://127.0.0.1:1", maxRetries: 0, fetch: async () => answer() });

const sse = (stream: string) => new Response(stream, { headers: { "content-type": "text/event-stream" } });
const ask = { model: "gpt-5.5", max_tokens: 100, messages: [{ role: "user" as const, content: "h" }] };

const streams = lines("recordings/index.jsonl")
  .filter((row) => row.dialect === "responses" && row.stream === true && row.malformed !== true)
  .map((row) => `recordings/${row.file}`)
  .filter((path) => read(bytes(path)).some((event) => /^response\.(?:completed|incomplete)$/.test(event.type)));

test.skipIf(!HAS_DATA)("the SDK accumulates every recorded stream to the same message", async () => {
  for (const path of streams) {
    const stream = encode(read(bytes(path)));
    const message = await client(() => sse(stream))
      .messages.stream(ask)
      .finalMessage();
    const ours = accumulate(frames(stream));
    expect(message.content as unknown as Json[], path).toEqual(ours.content);
    expect(message.stop_reason as unknown, path).toBe(ours.stop_reason);
    expect(message.usage.output_tokens, path).toBe(Number(ours.usage.output_tokens));
    expect(message.usage.input_tokens, path).toBe(Number(ours.usage.input_tokens));
  }
});

test("a unary reply has what the SDK's types promise", async () => {
  const output = [{ type: "message", content: [{ type: "output_text", text: "hi" }] }];
  const reply = messages.reply({ output, usage: { input_tokens: 3, output_tokens: 1 } }, context());
  const message = await client(() => Response.json(reply)).messages.create(ask);
  expect(message).toMatchObject({
    type: "message",
    role: "assistant",
    content: [{ type: "text", text: "hi" }],
    stop_reason: "end_turn",
  });
});

test.each([
  ["invalid_request", Anthropic.BadRequestError],
  ["authentication", Anthropic.AuthenticationError],
  ["permission", Anthropic.PermissionDeniedError],
  ["unknown_model", Anthropic.NotFoundError],
  ["rate_limit", Anthropic.RateLimitError],
  ["overloaded", Anthropic.InternalServerError],
] as [FailureKind, new (...args: never[]) => Error][])("a %s failure is the SDK's own class", async (kind, type) => {
  const failure = new Failure(kind, { code: "c", message: "what is wrong" });
  const { status, headers, body } = messages.failure(failure, { codexClient: false, requestId: "req_7" });
  const refused = client(() => Response.json(body, { status, headers: headers ?? {} })).messages.create(ask);
  const thrown = await refused.catch((error: unknown) => error as InstanceType<typeof Anthropic.APIError>);
  expect(thrown).toBeInstanceOf(type);
  expect(thrown).toMatchObject({ requestID: "req_7", message: expect.stringContaining("what is wrong") });
});

test("a failure inside a stream is thrown, not swallowed", async () => {
  const opened = encode(events([{ type: "response.output_text.delta", output_index: 0, delta: "half" }]));
  const broken = messages
    .encoder(context())
    .fail(new Failure("stream_broken", { code: "stream_error", message: "the upstream left" }));
  const stream = client(() => sse(opened + String(broken))).messages.stream(ask);
  await expect(stream.finalMessage()).rejects.toThrow("the upstream left");
});

test("the SDK pages through the models", async () => {
  const all = ["a", "b", "c"].map((slug) => ({ slug, source: "live" as const, listed: true, upstreams: [] }));
  const paging = new Anthropic({
    apiKey: "k",
    baseURL: "http://127.0.0.1:1",
    fetch: async (url) => Response.json(messages.models?.(all, new URL(String(url)).searchParams)),
  });
  const ids: string[] = [];
  for await (const model of paging.models.list({ limit: 2 })) ids.push(model.id);
  expect(ids).toEqual(["a", "b", "c"]);
});
