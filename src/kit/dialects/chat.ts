// Reads answers of the Chat Completions dialect.

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
  type ToolCall,
  text,
} from "./reading.ts";

const LEGAL = ["stop", "length", "tool_calls", "content_filter", "function_call"];

export const chat: Speaker = {
  name: "chat",
  path: () => "/v1/chat/completions",
  body: (content, stream, model) => ({
    model,
    messages: [{ role: "user", content }],
    tools: TOOLS.map((tool) => ({ type: "function", function: tool })),
    ...(stream && { stream, stream_options: { include_usage: true } }),
  }),
  stream(bytes) {
    const reading = blank();
    const calls: { name: string; input: string }[] = [];
    const ids = new Set<unknown>();
    let isDone = false;
    for (const { at, data } of framesOf(bytes, reading)) {
      if (isDone) reading.faults.push(`${at}: comes after [DONE]`);
      if (data === DONE) isDone = true;
      else if ("error" in data) failed(data, at, reading);
      else {
        if (data.object !== "chat.completion.chunk") reading.faults.push(`${at}: its object is ${String(data.object)}`);
        ids.add(data.id);
        for (const choice of objects(data.choices)) chunk(choice, at, calls, reading);
      }
    }
    if (ids.size > 1) reading.faults.push(`the chunks have ${ids.size} ids: ${[...ids].join(", ")}`);
    if (!isDone && reading.ending !== "cut") reading.faults.push("no [DONE] at the end");
    reading.calls.push(...calls);
    checkCalls(reading);
    return reading;
  },
  whole(body) {
    const reading = blank();
    reading.events.push(body);
    const [choice] = objects(body.choices);
    if (!choice) reading.faults.push("the answer: it has no choice");
    const message = isObject(choice?.message) ? choice.message : {};
    said(message, reading);
    reading.calls.push(...objects(message.tool_calls).map(callOf));
    if (choice) finish(choice.finish_reason, "the answer", reading);
    checkCalls(reading);
    return reading;
  },
};

function failed(data: Json, at: string, reading: Reading): void {
  reading.error = errorIn(data.error);
  ended(reading, "failed", at);
}

function chunk(choice: Json, at: string, calls: { name: string; input: string }[], reading: Reading): void {
  const delta = isObject(choice.delta) ? choice.delta : {};
  const before = reading.text.length + reading.thoughts.length;
  said(delta, reading);
  const isContent = reading.text.length + reading.thoughts.length > before || objects(delta.tool_calls).length > 0;
  if (isContent && reading.ending !== "cut") reading.faults.push(`${at}: content after the end`);
  for (const call of objects(delta.tool_calls)) {
    const index = call.index as number;
    const { name, input } = callOf(call);
    if (index > calls.length) reading.faults.push(`${at}: tool call ${index} after ${calls.length - 1}`);
    const known = calls[index];
    if (known) known.input += input;
    else calls[index] = { name, input };
  }
  if (choice.finish_reason !== null && choice.finish_reason !== undefined) finish(choice.finish_reason, at, reading);
}

function said(message: Json, reading: Reading): void {
  reading.text += text(message.content) + text(message.refusal);
  reading.thoughts += text(message.reasoning_content ?? message.reasoning);
}

function callOf(call: Json): ToolCall {
  const made = isObject(call.function) ? call.function : {};
  return { name: text(made.name), input: text(made.arguments) };
}

function finish(reason: unknown, at: string, reading: Reading): void {
  if (!LEGAL.includes(reason as string))
    reading.faults.push(`${at}: its finish_reason is ${String(reason)}; legal: ${LEGAL.join(", ")}`);
  ended(reading, reason === "length" || reason === "content_filter" ? "incomplete" : "complete", at);
}
