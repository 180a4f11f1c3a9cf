// A Chat client on a Chat provider: through turn and events and back, both ends see what they would see without us.
import { describe, expect, test } from "bun:test";
import { chat } from "../../../plugins/translate/chat/index.ts";
import type { Event } from "../../../src/core/event.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { ReplyContext } from "../../../src/core/hooks.ts";
import { countingMint } from "../../../src/core/mint.ts";
import { SseReader } from "../../../src/core/sse.ts";
import type { Turn } from "../../../src/core/turn.ts";
import { chatBody } from "../../../src/upstream/chat.ts";
import { checkChatRequest } from "./chat-request.ts";
import { HAS_DATA, type Json, readData, readerFor, recordings, saidByChat, turnOf } from "./material.ts";

const requests = [true, false].flatMap((stream) => recordings(stream).filter((row) => row.request));

function turnOfChat(body: Json): Turn {
  const input = { path: "", params: {}, headers: new Headers(), query: new URLSearchParams(), mint: countingMint() };
  return chat.decode({ body, ...input }).turn;
}

/** The request without what means the same when it is absent, and without what a turn has no place for. */
function plain(body: Json): Json {
  const { stream: _, stream_options: __, n: ___, logprobs: ____, functions, function_call, ...rest } = body;
  for (const field of ["seed", "stop", "presence_penalty", "frequency_penalty", "prediction", "audio", "modalities"]) {
    delete rest[field];
  }
  if (rest.response_format?.type === "text") delete rest.response_format;
  if (functions) rest.tools = functions.map((one: Json) => ({ type: "function", function: one }));
  if (function_call) rest.tool_choice = function_call;
  // The older form has no parallel calls, which the newer one has to say.
  if (functions) rest.parallel_tool_calls = false;
  rest.messages = rest.messages.filter(
    (one: Json) => one.role !== "assistant" || one.content || one.tool_calls || one.refusal,
  );
  rest.messages = rest.messages.map(plainMessage);
  return rest;
}

function plainMessage({ annotations: _, ...message }: Json): Json {
  if (message.refusal === null) delete message.refusal;
  // Two words for the same role, and for no text.
  if (message.role === "developer") message.role = "system";
  if (message.role === "assistant") message.content ||= null;
  if (!Array.isArray(message.content)) return message;
  const parts = message.content.map(({ cache_control: _c, prompt_cache_breakpoint: _p, ...part }: Json) => part);
  return { ...message, content: parts.length === 1 && parts[0]?.type === "text" ? parts[0].text : parts };
}

describe.skipIf(!HAS_DATA)("recorded requests", () => {
  test("there are enough of them", () => expect(requests.length).toBeGreaterThan(400));

  test.each(requests.map((row) => row.request as string))("%s", (file) => {
    const recorded = JSON.parse(readData(`recordings/${file}`)) as Json;
    const asked = (recorded.body ?? recorded) as Json;
    let turn: Turn;
    try {
      turn = turnOfChat(structuredClone(asked));
    } catch (thrown) {
      // What the dialect itself refuses never reaches an upstream.
      expect(thrown).toBeInstanceOf(Failure);
      return;
    }
    const { body, dropped } = chatBody(turn, { kind: "openai" });
    checkChatRequest(body as Json);
    expect(plain(body as Json)).toEqual(plain(asked));
    expect(dropped).toEqual([]);
  });
});

describe.skipIf(!HAS_DATA)("recorded streams, to a Chat client", () => {
  test.each(recordings(true).map((row) => row.file))("%s", (file) => {
    const text = readData(`recordings/${file}`);
    const asked = saidByChat(chunksOf(text));
    const told = saidByChat(chunksOf(throughTheDialect(new TextEncoder().encode(text))));
    expect(told).toEqual(asked);
  });
});

function chunksOf(text: string): Json[] {
  const lines = text.split(/\r?\n/).filter((line) => line.startsWith("data:") && !line.includes("[DONE]"));
  return lines.map((line) => JSON.parse(line.slice(5)) as Json);
}

function throughTheDialect(bytes: Uint8Array): string {
  const turn = turnOf();
  const reader = readerFor(turn);
  const context = {
    id: "r",
    turn,
    askedModel: turn.model,
    wants: { usage: true, custom: [], legacy: false },
    reasoning: "reasoning_content",
  };
  const encoder = chat.encoder({
    ...context,
    codexClient: false,
    stream: true,
    mint: countingMint(),
  } as unknown as ReplyContext);
  const sse = new SseReader();
  const out: string[] = [];
  const take = (events: Event[]) => {
    for (const event of events) out.push((encoder.event(event) as string | undefined) ?? "");
  };
  for (const chunk of [...sse.push(bytes), ...sse.end()]) take(reader.push(chunk));
  take(reader.end());
  return out.join("");
}
