// Every recorded Responses stream, told as Chat, is valid and adds up to what the recording itself says it said.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Event, Item } from "codexd/plugin";
import { ChatCompletionStream } from "openai/lib/ChatCompletionStream";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { SseReader } from "../../../src/core/sse.ts";
import { contextOf, DATA, decoded, framesOf, type Json, mustMatch, type Seen, seen } from "./kit.ts";

const HAS_DATA = existsSync(DATA);
if (!HAS_DATA) console.warn(`skipped: no recorded data at ${DATA} (set CODEXD_TEST_DATA)`);

interface Row {
  file: string;
  dialect: string;
  stream: boolean;
  malformed?: boolean;
}

const rows: Row[] = HAS_DATA
  ? readFileSync(join(DATA, "recordings/index.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Row)
      .filter((row) => row.dialect === "responses" && !row.malformed)
  : [];
const streams = rows.filter((row) => row.stream);
const unary = rows.filter((row) => !row.stream);

/** Edited by hand before it was published: its deltas say another sentence than its finished item. What was said cannot be unsaid. */
const UNSAID: Record<string, string> = {
  "vercel-ai/responses/openai-shell-container.1__stream.sse": "The command ran successfully.",
};

const wanting = () => contextOf(decoded({ stream: true, stream_options: { include_usage: true } }));

function bytesOf(file: string): Uint8Array {
  return new Uint8Array(readFileSync(join(DATA, "recordings", file)));
}

/** The chat stream of a recording, read in pieces of `size` bytes. */
function told(bytes: Uint8Array, size: number): string {
  const reader = new SseReader();
  const encoder = chat.encoder(wanting());
  let text = "";
  const write = (events: Event[]) => {
    for (const event of events) text += String(encoder.event(event) ?? "");
  };
  for (let at = 0; at < bytes.length; at += size) write(reader.push(bytes.slice(at, at + size)));
  write(reader.end());
  return text + String(encoder.end() ?? "");
}

/** What the recording says, from its finished items alone: an account of its own, not the fold's. */
function expected(file: string): Seen | undefined {
  const events = readFileSync(join(DATA, "recordings", file), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)) as Json);
  const terminal = events.find((event) => event.type === "response.completed" || event.type === "response.incomplete");
  if (!terminal) return undefined;
  const items = events.filter((event) => event.type === "response.output_item.done").map((event) => event.item as Item);
  return accountOf(items, terminal.response as Json);
}

function accountOf(items: Item[], response: Json): Seen {
  const texts = (list: unknown, field: string) =>
    ((list ?? []) as Json[]).map((part) => (part[field] as string | undefined) ?? "");
  const of = (type: string) => items.filter((item) => item.type === type);
  const thoughts = of("reasoning").flatMap((item) => {
    const summary = texts(item.summary, "text");
    return summary.length > 0 ? summary : texts(item.content, "text");
  });
  const calls = items
    .filter((item) => item.type === "function_call" || item.type === "custom_tool_call")
    .map((item) => ({
      id: item.call_id as string,
      name: item.name as string,
      input: (item.arguments ?? item.input) as string,
    }));
  const parts = of("message").flatMap((item) => item.content as Json[]);
  const cut = (response.incomplete_details as { reason?: string } | null)?.reason === "max_output_tokens";
  const usage = response.usage as Json & { input_tokens: number; output_tokens: number; total_tokens: number };
  return {
    content: texts(parts, "text").join(""),
    refusal: texts(parts, "refusal").join(""),
    reasoning: thoughts.filter((one) => one !== "").join("\n\n"),
    calls,
    images: of("image_generation_call").map(
      (item) => `data:image/${item.output_format ?? "png"};base64,${item.result}`,
    ),
    annotations: parts
      .flatMap((part) => (part.annotations ?? []) as Json[])
      .filter((one) => one.type === "url_citation")
      .map((one) => one.url as string),
    finish: [calls.length > 0 ? "tool_calls" : cut ? "length" : "stop"],
    usage: usage && {
      prompt_tokens: usage.input_tokens,
      completion_tokens: usage.output_tokens,
      total_tokens: usage.total_tokens,
      prompt_tokens_details: expect.objectContaining(usage.input_tokens_details as Json),
      completion_tokens_details: expect.objectContaining(usage.output_tokens_details as Json),
    },
  };
}

/** What the official SDK's own accumulator makes of a stream. */
async function accumulated(text: string): Promise<Json> {
  const lines = framesOf(text).chunks.map((chunk) => `${JSON.stringify(chunk)}\n`);
  const body = new ReadableStream({
    start(controller) {
      for (const line of lines) controller.enqueue(new TextEncoder().encode(line));
      controller.close();
    },
  });
  return (await ChatCompletionStream.fromReadableStream(body).finalChatCompletion()) as unknown as Json;
}

describe.skipIf(!HAS_DATA)("recorded streams", () => {
  test("there are as many as the data says", () => {
    expect(streams.length).toBeGreaterThanOrEqual(114);
  });

  test.each(streams.map((row) => row.file))("%s", async (file) => {
    const bytes = bytesOf(file);
    const text = told(bytes, bytes.length);
    const { chunks, done } = framesOf(text);
    for (const chunk of chunks) mustMatch("CreateChatCompletionStreamResponse", chunk);
    expect(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.created} ${chunk.model}`)).size).toBe(1);
    expect(done).toBe(true);
    const all = seen(chunks);
    const account = expected(file);
    // A stream that failed has no finish of its own: the server closes it with the failure.
    if (!account) {
      expect(all.finish).toEqual([]);
      return;
    }
    expect(all).toEqual({ ...account, content: UNSAID[file] ?? account.content });
    const whole = (await accumulated(text)) as { choices: { message: Json; finish_reason: string }[] };
    const message = whole.choices[0]?.message as Json;
    expect(whole.choices[0]?.finish_reason).toBe(all.finish[0] as string);
    expect(message.content ?? "").toBe(all.content);
    expect(((message.tool_calls as Json[] | undefined) ?? []).map((one) => one.id)).toEqual(
      all.calls.map((one) => one.id),
    );
  });

  test("cut into single bytes they say the same, byte for byte", () => {
    for (const { file } of streams) {
      const bytes = bytesOf(file);
      if (bytes.length > 200_000) continue;
      expect(told(bytes, 1)).toBe(told(bytes, bytes.length));
    }
  });

  test("a unary answer says the same as the stream", () => {
    for (const { file } of streams) {
      const bytes = bytesOf(file);
      const reader = new SseReader();
      const events = [...reader.push(bytes), ...reader.end()];
      const terminal = events.find(
        (event) => event.type === "response.completed" || event.type === "response.incomplete",
      );
      if (!terminal) continue;
      const output = events
        .filter((event) => event.type === "response.output_item.done")
        .map((event) => event.data.item);
      const completion = chat.reply({ ...(terminal.data.response as Json), output }, wanting()) as {
        choices: { message: Json; finish_reason: string }[];
      };
      mustMatch("CreateChatCompletionResponse", completion);
      const streamed = seen(framesOf(told(bytes, bytes.length)).chunks);
      const message = completion.choices[0]?.message as Json;
      if (!UNSAID[file]) expect(message.content ?? "").toBe(streamed.content);
      expect(message.reasoning_content ?? "").toBe(streamed.reasoning);
      expect(completion.choices[0]?.finish_reason).toBe(streamed.finish[0] as string);
    }
  });

  test("recorded unary responses give valid completions with their own text and calls", () => {
    let count = 0;
    for (const { file } of unary) {
      const response = JSON.parse(new TextDecoder().decode(bytesOf(file))) as Json;
      if (!Array.isArray(response.output) || response.object !== "response") continue;
      const completion = chat.reply(response, wanting()) as { choices: { message: Json; finish_reason: string }[] };
      mustMatch("CreateChatCompletionResponse", completion);
      const account = accountOf(response.output as Item[], response);
      const message = completion.choices[0]?.message as Json;
      expect(message.content ?? "").toBe(account.content);
      expect(message.reasoning_content ?? "").toBe(account.reasoning);
      expect(((message.tool_calls as Json[] | undefined) ?? []).map((one) => one.id)).toEqual(
        account.calls.map((one) => one.id),
      );
      expect(completion.choices[0]?.finish_reason).toBe(account.finish[0] as string);
      count++;
    }
    expect(count).toBeGreaterThan(50);
  });
});
