// Reads answers of the Messages dialect.

import { DONE, framesOf } from "./frames.ts";
import {
  blank,
  checkCalls,
  ended,
  errorIn,
  isObject,
  type Json,
  objects,
  type Reading,
  type Speaker,
  TOOLS,
  text,
} from "./reading.ts";

const INCOMPLETE = ["max_tokens", "model_context_window_exceeded"];

export const messages: Speaker = {
  name: "messages",
  path: () => "/v1/messages",
  body: (content, stream, model) => ({
    model,
    max_tokens: 4000,
    thinking: { type: "adaptive" },
    messages: [{ role: "user", content }],
    tools: TOOLS.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters })),
    ...(stream && { stream }),
  }),
  stream(bytes) {
    const reading = blank();
    const state: State = { next: 0, open: undefined, stop: undefined, begun: false };
    for (const { at, event, data } of framesOf(bytes, reading)) {
      if (data === DONE) reading.faults.push(`${at}: [DONE] is no part of this dialect`);
      else {
        if (event !== data.type) reading.faults.push(`${at}: it is called ${event}, and its data ${String(data.type)}`);
        see(data, at, state, reading);
      }
    }
    checkCalls(reading);
    return reading;
  },
  whole(body) {
    const reading = blank();
    reading.events.push(body);
    for (const block of objects(body.content)) {
      reading.text += text(block.text);
      reading.thoughts += text(block.thinking);
      if (block.type === "tool_use") reading.calls.push({ name: text(block.name), input: JSON.stringify(block.input) });
    }
    if (!Array.isArray(body.content)) reading.faults.push("the answer: it has no content");
    if (typeof body.stop_reason !== "string") reading.faults.push("the answer: it has no stop_reason");
    ended(reading, endingOf(body.stop_reason), "the answer");
    checkCalls(reading);
    return reading;
  },
};

interface State {
  /** The place that the next block has. */
  next: number;
  open: { index: number; call?: { name: string; input: string } } | undefined;
  stop: unknown;
  begun: boolean;
}

const endingOf = (stop: unknown) => (INCOMPLETE.includes(stop as string) ? "incomplete" : "complete");

function see(data: Json, at: string, state: State, reading: Reading): void {
  const type = text(data.type);
  if (type === "ping") return;
  if (reading.ending !== "cut") reading.faults.push(`${at}: ${type} comes after the end`);
  if (type === "error") {
    reading.error = errorIn(data.error);
    ended(reading, "failed", at);
    return;
  }
  if (state.begun === (type === "message_start"))
    reading.faults.push(`${at}: ${state.begun ? "message_start a second time" : `${type} before message_start`}`);
  state.begun = true;
  if (type.startsWith("content_block_")) return block(data, type, at, state, reading);
  if (type === "message_delta") {
    if (state.open) reading.faults.push(`${at}: block ${state.open.index} is still open`);
    if (state.stop !== undefined) reading.faults.push(`${at}: a second stop_reason`);
    state.stop = isObject(data.delta) ? data.delta.stop_reason : undefined;
  }
  if (type !== "message_stop") return;
  if (typeof state.stop !== "string") reading.faults.push(`${at}: no stop_reason came before it`);
  ended(reading, endingOf(state.stop), at);
}

function block(data: Json, type: string, at: string, state: State, reading: Reading): void {
  const index = data.index as number;
  if (type === "content_block_start") {
    if (state.open) reading.faults.push(`${at}: block ${state.open.index} is still open`);
    if (index !== state.next) reading.faults.push(`${at}: block ${index} where ${state.next} is due`);
    state.next = index + 1;
    const made = isObject(data.content_block) ? data.content_block : {};
    state.open = { index };
    if (made.type === "tool_use") {
      state.open.call = { name: text(made.name), input: "" };
      reading.calls.push(state.open.call);
    }
    return;
  }
  if (state.open?.index !== index) reading.faults.push(`${at}: ${type} for block ${index}, which is not open`);
  if (type === "content_block_stop") state.open = undefined;
  const delta = isObject(data.delta) ? data.delta : {};
  reading.text += text(delta.text);
  reading.thoughts += text(delta.thinking);
  if (state.open?.call) state.open.call.input += text(delta.partial_json);
}
