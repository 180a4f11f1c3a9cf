// The four dialects as a client uses them: how it asks, reads a stream or a whole answer, and what it holds to be an end.

import { dataPresent } from "../data.ts";
import { type ChatChunk, framesOf, seen } from "../dialects/chat/kit.ts";
import { type Answer, faults, parse } from "../dialects/gemini/play.ts";
import { checkLife, frames as messageFrames, accumulate as messageOf } from "../dialects/messages/exchange.ts";
import { chatFinish, chatUsage, one, saidByAnswers, saidByCompletion, saidByMessage } from "./answers.ts";
import type { Json } from "./gateway.ts";
import { eventsOf, inputOf, type Said, saidByEvents, saidByResponse } from "./said.ts";
import { fault } from "./schemas.ts";

export type Name = "chat" | "responses" | "messages" | "gemini";

/** How a stream ended: the codes of its errors in their order, and whether it also claims to be complete. */
export interface Ending {
  errors: string[];
  complete: boolean;
}

export interface Told {
  said: Said;
  ending: Ending;
  /** What the official schema has against it. */
  faults: string[];
}

export interface Client {
  name: Name;
  path(model: string, stream: boolean): string;
  body(model: string, text: string, stream: boolean): Json;
  /** Reads the bytes of a stream as strictly as this dialect can be read; throws at the first thing out of place. */
  read(text: string, form?: string): Told;
  /** Reads a whole answer. */
  whole(body: Json): Omit<Told, "ending">;
  /** What this dialect has words for. */
  sayable(said: Said): Said;
  /** The code in an error envelope. */
  codeOf(body: Json): unknown;
}

/** The one code that a failure has in every dialect. */
const openaiCode = (body: Json) => (body.error as Json | undefined)?.code;

export const chat: Client = {
  name: "chat",
  path: () => "/v1/chat/completions",
  body: (model, text, stream) => ({
    model,
    messages: [{ role: "user", content: text }],
    ...(stream && { stream, stream_options: { include_usage: true } }),
  }),
  read(text) {
    const { chunks, done } = framesOf(text);
    if (!done) throw new Error("no [DONE] at the end");
    const errors = chunks.filter((chunk) => "error" in chunk);
    const told = chunks.filter((chunk) => !("error" in chunk));
    if (errors.length > 0 && chunks.at(-1) !== errors.at(-1)) throw new Error("chunks after the error");
    const ids = new Set(told.map((chunk) => `${chunk.id} ${chunk.created} ${chunk.model}`));
    if (ids.size > 1) throw new Error(`chunks of several answers: ${[...ids]}`);
    const { content, refusal, reasoning, calls, finish, usage } = seen(told as ChatChunk[]);
    if (finish.length > 1) throw new Error(`finished ${finish.length} times`);
    return {
      said: {
        text: content + refusal,
        thoughts: one(reasoning),
        calls: calls.map(({ id, name, input }) => ({ id, name, input: inputOf(input) })),
        finish: chatFinish(finish[0]),
        usage: chatUsage(usage),
      },
      ending: {
        errors: errors.map((chunk) => String(openaiCode(chunk as unknown as Json))),
        complete: finish.length > 0,
      },
      faults: faultsOf("openai.CreateChatCompletionStreamResponse", told),
    };
  },
  whole: (body) => ({ said: saidByCompletion(body), faults: faultsOf("openai.CreateChatCompletionResponse", [body]) }),
  sayable: (said) => ({ ...said, thoughts: one(said.thoughts.join("\n\n")) }),
  codeOf: openaiCode,
};

const ENDS = ["response.completed", "response.incomplete", "response.failed"];

export const responses: Client = {
  name: "responses",
  path: () => "/v1/responses",
  body: (model, text, stream) => ({ model, input: text, ...(stream && { stream }) }),
  read(text) {
    const events = eventsOf(new TextEncoder().encode(text)).map((event) => event.data as Json);
    const ends = events.filter((event) => ENDS.includes(String(event.type)));
    if (ends.length !== 1 || ends[0] !== events.at(-1)) throw new Error(`${ends.length} ends, or not at the end`);
    const failed = ends.filter((event) => event.type === "response.failed");
    const said = saidByEvents(events);
    return {
      said: said ?? { text: "", thoughts: [], calls: [], finish: "stop", usage: undefined },
      ending: {
        errors: failed.map((event) => String(openaiCode(event.response as Json))),
        complete: said !== undefined,
      },
      faults: faultsOf("openai.ResponseStreamEvent", events),
    };
  },
  whole: (body) => ({ said: saidByResponse(body), faults: faultsOf("openai.Response", [body]) }),
  sayable: (said) => said,
  codeOf: openaiCode,
};

export const messages: Client = {
  name: "messages",
  path: () => "/v1/messages",
  body: (model, text, stream) => ({
    model,
    max_tokens: 1000,
    thinking: { type: "adaptive" },
    messages: [{ role: "user", content: text }],
    ...(stream && { stream }),
  }),
  read(text) {
    const all = messageFrames(text);
    const errors = all.filter((frame) => frame.type === "error");
    if (errors.length > 0) {
      if (all.at(-1) !== errors.at(-1)) throw new Error("frames after the error");
    } else checkLife(all);
    const told = all.filter((frame) => frame.type !== "ping" && frame.type !== "error");
    const message = messageOf(errors.length > 0 ? all.filter((frame) => !closed(frame, all)) : all);
    return {
      said: saidByMessage(message as unknown as Json),
      ending: {
        errors: errors.map((frame) => String(openaiCode(frame))),
        complete: all.some((frame) => frame.type === "message_stop" || frame.type === "message_delta"),
      },
      faults: faultsOf("anthropic.MessageStreamEvent", told),
    };
  },
  whole: (body) => ({ said: saidByMessage(body), faults: faultsOf("anthropic.Message", [body]) }),
  sayable: (said) => ({ ...said, usage: said.usage && { ...said.usage, reasoning: 0 } }),
  codeOf: openaiCode,
};

/** In a stream that broke, the input of the last call is no JSON yet. */
function closed(frame: Json, all: readonly Json[]): boolean {
  const delta = frame.delta as Json | undefined;
  return (
    delta?.type === "input_json_delta" &&
    !all.some((one) => one.type === "content_block_stop" && one.index === frame.index)
  );
}

export const gemini: Client = {
  name: "gemini",
  path: (model, stream) => `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
  body: (_, text) => ({
    contents: [{ role: "user", parts: [{ text }] }],
    generationConfig: { thinkingConfig: { includeThoughts: true } },
  }),
  read(text, form = "sse") {
    const all = parse(text, form === "sse" ? "sse" : "array");
    const errors = all.filter((answer) => answer.error);
    if (errors.length > 0 && all.at(-1) !== errors.at(-1)) throw new Error("chunks after the error");
    const told = all.filter((answer) => !answer.error);
    const finished = told.filter((answer) => answer.candidates[0]?.finishReason !== undefined);
    if (finished.length > 1 || (finished[0] && finished[0] !== told.at(-1)))
      throw new Error(`finished ${finished.length} times, or not at the end`);
    return {
      said: saidByAnswers(told),
      ending: {
        errors: errors.map((answer) => String(reasonOf(answer as unknown as Json))),
        complete: finished.length > 0,
      },
      faults: faultsAt(told),
    };
  },
  whole(body) {
    const answer = body as unknown as Answer;
    return { said: saidByAnswers([answer]), faults: faultsAt([answer]) };
  },
  sayable: (said) => ({ ...said, thoughts: one(said.thoughts.join("")) }),
  codeOf: reasonOf,
};

function reasonOf(body: Json): unknown {
  const details = ((body.error as Json | undefined)?.details ?? []) as Json[];
  return details.find((detail) => String(detail["@type"]).endsWith("ErrorInfo"))?.reason;
}

export const CLIENTS: readonly Client[] = [chat, responses, messages, gemini];

function faultsAt(answers: readonly Answer[]): string[] {
  return dataPresent ? answers.flatMap(faults) : [];
}

export function faultsOf(schema: string, values: readonly object[]): string[] {
  return values.flatMap((value) => {
    const wrong = fault(schema, value);
    return wrong === undefined ? [] : [`${(value as Json).type ?? schema}: ${wrong}`];
  });
}
