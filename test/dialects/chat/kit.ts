// What the tests of the chat dialect share: events in, chunks out, and the official schemas to hold them against.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { countingMint, type Decoded, Event, type EventData, type ReplyContext } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";

export const DATA = process.env.CODEXD_TEST_DATA ?? join(import.meta.dir, "../../../../shared/data");

export type Json = Record<string, unknown>;

export interface Delta {
  role?: string;
  content?: string;
  refusal?: string;
  reasoning_content?: string;
  reasoning?: string;
  tool_calls?: {
    index: number;
    id?: string;
    type?: string;
    function?: { name?: string; arguments?: string };
    custom?: { name?: string; input?: string };
  }[];
  function_call?: { name?: string; arguments?: string };
  annotations?: {
    type: string;
    url_citation: { url: string; title: string; start_index: number; end_index: number };
  }[];
  images?: { image_url: { url: string }; index: number }[];
  reasoning_details?: { type: string; data: string; id?: string; format: string }[];
}

export interface ChatChunk {
  id: string;
  created: number;
  model: string;
  service_tier?: string;
  choices: { index: number; delta: Delta; finish_reason: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number } & Json;
}

/** A request with the given fields, decoded. */
export function decoded(body: Json): Decoded {
  return chat.decode({
    body: { model: "gpt-x", messages: [{ role: "user", content: "q" }], ...body },
    path: "/v1/chat/completions",
    params: {},
    headers: new Headers(),
    query: new URLSearchParams(),
    mint: countingMint(),
  });
}

export function contextOf(from: Decoded = decoded({}), more: Partial<ReplyContext> = {}): ReplyContext {
  return {
    id: "request",
    turn: from.turn,
    askedModel: from.turn.model,
    wants: from.wants ?? {},
    reasoning: "both",
    codexClient: false,
    stream: from.stream,
    principal: { id: "test" },
    headers: new Headers(),
    mint: countingMint(),
    ...more,
  };
}

/** The frames of a stream: its chunks, and whether `[DONE]` closed it. */
export function framesOf(text: string): { chunks: ChatChunk[]; done: boolean } {
  const frames = text.split("\n\n").filter((frame) => frame !== "");
  const data = frames.map((frame) => {
    if (!frame.startsWith("data: ") || frame.includes("\n")) throw new Error(`not one data line: ${frame}`);
    return frame.slice(6);
  });
  return {
    chunks: data.filter((one) => one !== "[DONE]").map((one) => JSON.parse(one) as ChatChunk),
    done: data.at(-1) === "[DONE]" && data.indexOf("[DONE]") === data.length - 1,
  };
}

/** Everything the encoder writes for these events, and what each event brought. */
export function encoded(
  events: (EventData | Event)[],
  context: ReplyContext = contextOf(),
): { text: string; each: ChatChunk[][] } {
  const encoder = chat.encoder(context);
  const written = events.map((event) => String(encoder.event(event instanceof Event ? event : Event.of(event)) ?? ""));
  return { text: written.join("") + String(encoder.end() ?? ""), each: written.map((one) => framesOf(one).chunks) };
}

export function chunksOf(events: EventData[], context?: ReplyContext): ChatChunk[] {
  return framesOf(encoded(events, context).text).chunks;
}

/** A client's view of a stream: what its deltas add up to. */
export interface Seen {
  content: string;
  refusal: string;
  reasoning: string;
  calls: { id: string; name: string; input: string }[];
  images: string[];
  annotations: string[];
  finish: string[];
  usage: ChatChunk["usage"];
}

export function seen(chunks: ChatChunk[]): Seen {
  const all: Seen = {
    content: "",
    refusal: "",
    reasoning: "",
    calls: [],
    images: [],
    annotations: [],
    finish: [],
    usage: undefined,
  };
  for (const chunk of chunks) {
    if (chunk.usage) all.usage = chunk.usage;
    for (const { delta, finish_reason } of chunk.choices) {
      all.content += delta.content ?? "";
      all.refusal += delta.refusal ?? "";
      all.reasoning += delta.reasoning_content ?? "";
      for (const call of delta.tool_calls ?? []) {
        const said = call.function ?? { name: call.custom?.name, arguments: call.custom?.input };
        const known = all.calls[call.index];
        if (known) known.input += said.arguments ?? "";
        else all.calls[call.index] = { id: call.id ?? "", name: said.name ?? "", input: said.arguments ?? "" };
      }
      for (const image of delta.images ?? []) all.images[image.index] = image.image_url.url;
      for (const one of delta.annotations ?? []) all.annotations.push(one.url_citation.url);
      if (finish_reason !== null) all.finish.push(finish_reason);
    }
  }
  return all;
}

const validators = new Map<string, ValidateFunction>();

const HAS_SCHEMAS = existsSync(join(DATA, "schemas"));
if (!HAS_SCHEMAS) console.warn(`not held against the official schemas: no data at ${DATA} (set CODEXD_TEST_DATA)`);

/** Throws when a value breaks the official schema of this name. */
export function mustMatch(
  schema: "CreateChatCompletionResponse" | "CreateChatCompletionStreamResponse",
  value: unknown,
): void {
  if (!HAS_SCHEMAS) return;
  let validate = validators.get(schema);
  if (!validate) {
    const ajv = new Ajv2020({ strict: false, allErrors: false });
    addFormats(ajv);
    ajv.addFormat("unixtime", true);
    validate = ajv.compile(JSON.parse(readFileSync(join(DATA, "schemas", `openai.${schema}.schema.json`), "utf8")));
    validators.set(schema, validate);
  }
  if (!validate(value)) throw new Error(`${JSON.stringify(validate.errors)} in ${JSON.stringify(value).slice(0, 500)}`);
}

/** A vector's input, by its id. */
export function vector(id: string): Json {
  for (const line of readFileSync(join(DATA, "vectors.jsonl"), "utf8").split("\n")) {
    if (line.includes(`"id": "${id}"`)) return (JSON.parse(line) as { input: Json }).input;
  }
  throw new Error(`no vector ${id}`);
}
