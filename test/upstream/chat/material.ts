// What the tests of the chat wire share: recordings, a reader in front of them, and a plain account of what a stream says.
import Ajv from "ajv/dist/2020.js";
import type { Event } from "../../../src/core/event.ts";
import { countingMint } from "../../../src/core/mint.ts";
import { SseReader } from "../../../src/core/sse.ts";
import type { Turn } from "../../../src/core/turn.ts";
import { ChatReader, chatBody, type ReaderOptions } from "../../../src/upstream/chat.ts";
import { dataPresent, dataText, recordings as recorded } from "../../data.ts";

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON, read by path
export type Json = Record<string, any>;

export { dataPresent as HAS_DATA, dataText as readData } from "../../data.ts";

export const recordings = (stream: boolean) => recorded("chat", stream);

export function validator(file: string): (value: unknown) => string | undefined {
  if (!dataPresent) return () => undefined;
  const schema = JSON.parse(dataText(`schemas/${file}.schema.json`)) as Json;
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  return (value) => {
    if (validate(value)) return undefined;
    return `${JSON.stringify(validate.errors?.slice(0, 4))}\n${JSON.stringify(value).slice(0, 600)}`;
  };
}

export function turnOf(more: Partial<Turn> = {}): Turn {
  return { model: "some-model", input: [{ type: "message", role: "user", content: "hi" }], ...more };
}

export function readerFor(turn: Turn = turnOf(), more: Partial<ReaderOptions> = {}): ChatReader {
  const { undo } = chatBody(turn, { kind: "compatible" });
  return new ChatReader({ mint: countingMint(), turn, undo, failures: { upstream: "test", now: 0 }, ...more });
}

/** Everything that a stream of bytes becomes, read in steps of `size` bytes. */
export function readBytes(bytes: Uint8Array, size: number, reader = readerFor()): Json[] {
  const sse = new SseReader();
  const events: Event[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    for (const chunk of sse.push(bytes.slice(at, at + size))) events.push(...reader.push(chunk));
  }
  for (const chunk of sse.end()) events.push(...reader.push(chunk));
  events.push(...reader.end());
  return events.map((event) => event.data);
}

export function readChunks(chunks: Json[], reader = readerFor()): Json[] {
  return [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()].map((event) => event.data);
}

export const delta = (change: Json, finish: string | null = null): Json => ({
  ...{ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_700_000_001, model: "some-model" },
  choices: [{ index: 0, delta: change, finish_reason: finish }],
});

/** What an answer says, whichever wire it came over. */
export interface Said {
  text: string;
  reasoning: string;
  refusal: string;
  calls: { id: string | undefined; name: string; arguments: unknown }[];
  finish: string;
  usage: { input: number; cached: number; output: number; reasoning: number; total: number } | undefined;
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return text;
  }
};

/** The straightforward reading of well-behaved chunks, as any client does it. */
export function saidByChat(chunks: Json[]): Said {
  const said: Said = { text: "", reasoning: "", refusal: "", calls: [], finish: "", usage: undefined };
  const calls: { id: string; name: string; arguments: string }[] = [];
  for (const chunk of chunks) {
    if (chunk.usage) said.usage = usageOf(chunk.usage);
    const choice = (chunk.choices as Json[]).find((one) => one.index === 0);
    if (!choice) continue;
    const one = (choice.delta ?? choice.message ?? {}) as Json;
    said.text += one.content ?? one.audio?.transcript ?? "";
    said.reasoning += one.reasoning_content ?? "";
    said.refusal += one.refusal ?? "";
    const legacy = one.function_call ? [{ index: 0, function: one.function_call }] : [];
    for (const [at, call] of ((one.tool_calls ?? legacy) as Json[]).entries()) {
      const place = call.index ?? at;
      calls[place] ??= { id: call.id, name: "", arguments: "" };
      const known = calls[place];
      known.name += call.function.name ?? "";
      known.arguments += call.function.arguments ?? "";
    }
    said.finish = choice.finish_reason ?? said.finish;
  }
  said.calls = calls.map((call) => ({ ...call, arguments: parsed(call.arguments) }));
  return said;
}

function usageOf(usage: Json): Said["usage"] {
  return {
    input: usage.prompt_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
    output: usage.completion_tokens,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    total: usage.total_tokens,
  };
}

/** The same account of a Response object. */
export function saidByResponse(response: Json): Said {
  const output = response.output as Json[];
  const parts = output.flatMap((item) => (item.type === "message" ? (item.content as Json[]) : []));
  const usage = response.usage as Json | null;
  return {
    text: parts.map((part) => part.text ?? "").join(""),
    reasoning: output.flatMap((item) => (item.summary ?? []).map((part: Json) => part.text)).join(""),
    refusal: parts.map((part) => part.refusal ?? "").join(""),
    calls: output
      .filter((item) => item.type === "function_call" || item.type === "custom_tool_call")
      .map((item) => ({ id: item.call_id, name: item.name, arguments: item.input ?? parsed(item.arguments) })),
    finish: response.incomplete_details?.reason ?? response.status,
    usage: usage
      ? {
          input: usage.input_tokens,
          cached: usage.input_tokens_details.cached_tokens,
          output: usage.output_tokens,
          reasoning: usage.output_tokens_details.reasoning_tokens,
          total: usage.total_tokens,
        }
      : undefined,
  };
}
