// One exchange of the messages dialect without a server: decode a body, encode events, read the frames back.

import { countingMint, type Decoded, Event, type ReplyContext, type Turn } from "codexd/plugin";
import { messages } from "../../../plugins/translate/messages/index.ts";
import { SseReader } from "../../../src/core/sse.ts";
import type { Json } from "./data.ts";

export interface Frame {
  type: string;
  [field: string]: unknown;
}

export interface Block {
  type: string;
  [field: string]: unknown;
}

/** The message that the frames of a stream accumulate to. */
export interface Accumulated {
  content: Block[];
  stop_reason: unknown;
  stop_sequence: unknown;
  usage: Json;
}

export function decode(body: Json, headers: Record<string, string> = {}): Decoded {
  return messages.decode({
    body: { model: "gpt-5.5", max_tokens: 1000, messages: [{ role: "user", content: "h" }], ...body },
    path: "/v1/messages",
    params: {},
    headers: new Headers(headers),
    query: new URLSearchParams(),
    mint: countingMint(),
  });
}

/** What a client that shows thinking asked for, unless told otherwise. */
export function context(wants: Json = {}, turn: Partial<Turn> = {}, account?: string): ReplyContext {
  return {
    id: "req_1",
    turn: { model: "gpt-5.5", input: [], reasoning: { summary: "auto" }, ...turn },
    askedModel: "gpt-5.5",
    wants: { names: {}, stop: [], thinking: true, ...wants },
    reasoning: "both",
    codexClient: false,
    stream: true,
    principal: { id: "local" },
    headers: new Headers(),
    mint: countingMint(),
    ...(account === undefined ? {} : { account }),
  };
}

export function encode(events: readonly Event[], of: ReplyContext = context()): string {
  const encoder = messages.encoder(of);
  const chunks = events.map((event) => encoder.event(event)).filter((chunk) => chunk !== undefined);
  return [...chunks, encoder.end() ?? ""].join("");
}

export function events(list: readonly Json[]): Event[] {
  return list.map((data) => Event.of(data as { type: string }));
}

/** Reads frames strictly: an `event:` line and one `data:` line each, the same type in both. */
export function frames(stream: string): Frame[] {
  return stream
    .split("\n\n")
    .filter((frame) => frame !== "")
    .map((frame) => {
      const [first = "", second = "", ...more] = frame.split("\n");
      if (!first.startsWith("event: ") || !second.startsWith("data: ") || more.length > 0)
        throw new Error(`not a frame: ${frame}`);
      const data = JSON.parse(second.slice("data: ".length)) as Frame;
      if (data.type !== first.slice("event: ".length)) throw new Error(`event and data disagree: ${frame}`);
      return data;
    });
}

/** Throws when blocks overlap, jump or stay open, or when the message ends in any way but one. */
export function checkLife(list: readonly Frame[]): void {
  const fail = (why: string, frame: Frame | undefined): never => {
    throw new Error(`${why}: ${JSON.stringify(frame)}`);
  };
  let open: number | undefined;
  let next = 0;
  let ended = 0;
  for (const [at, frame] of list.entries()) {
    if (ended === 2) fail("after message_stop", frame);
    if (ended === 1 && frame.type !== "message_stop") fail("after message_delta", frame);
    if ((at === 0) !== (frame.type === "message_start")) fail("message_start is first, and only there", frame);
    if ((at === 1) !== (frame.type === "ping")) fail("one ping, after message_start", frame);
    switch (frame.type) {
      case "message_start":
      case "ping":
        break;
      case "content_block_start":
        if (open !== undefined) fail("blocks overlap", frame);
        if (frame.index !== next) fail(`expected index ${next}`, frame);
        open = next++;
        break;
      case "content_block_delta":
        if (frame.index !== open) fail("delta of a block that is not open", frame);
        break;
      case "content_block_stop":
        if (frame.index !== open) fail("stop of a block that is not open", frame);
        open = undefined;
        break;
      case "message_delta":
        if (open !== undefined) fail("a block is still open", frame);
        ended = 1;
        break;
      case "message_stop":
        if (ended !== 1) fail("no message_delta", frame);
        ended = 2;
        break;
      default:
        fail("unknown event", frame);
    }
  }
  if (ended !== 2) fail("no message_stop", list.at(-1));
}

export function accumulate(list: readonly Frame[]): Accumulated {
  const out: Accumulated = { content: [], stop_reason: null, stop_sequence: null, usage: {} };
  let json = "";
  for (const frame of list) {
    const block = out.content.at(-1);
    if (frame.type === "content_block_start") {
      out.content.push({ ...(frame.content_block as Block) });
      json = "";
    } else if (frame.type === "content_block_delta" && block) {
      const delta = frame.delta as Record<string, unknown>;
      if (delta.type === "text_delta") block.text = String(block.text) + String(delta.text);
      else if (delta.type === "thinking_delta") block.thinking = String(block.thinking) + String(delta.thinking);
      else if (delta.type === "signature_delta") block.signature = delta.signature;
      else if (delta.type === "citations_delta")
        block.citations = [...((block.citations as unknown[]) ?? []), delta.citation];
      else json += String(delta.partial_json);
    } else if (frame.type === "content_block_stop" && block?.input !== undefined) {
      block.input = json === "" ? {} : JSON.parse(json);
    } else if (frame.type === "message_delta") {
      Object.assign(out, frame.delta);
      out.usage = frame.usage as Json;
    }
  }
  return out;
}

/** The events of a recorded stream, read whole or in pieces of `size` bytes. */
export function read(stream: Uint8Array, size: number = stream.length): Event[] {
  const reader = new SseReader();
  const out: Event[] = [];
  for (let at = 0; at < stream.length; at += size) out.push(...reader.push(stream.slice(at, at + size)));
  return [...out, ...reader.end()];
}
