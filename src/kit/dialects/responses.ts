// Reads answers of the Responses dialect.

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

const ENDINGS = { completed: "complete", incomplete: "incomplete", failed: "failed" } as const;

export const responses: Speaker = {
  name: "responses",
  path: () => "/v1/responses",
  body: (input, stream, model) => ({
    model,
    input,
    stream,
    reasoning: { summary: "auto" },
    tools: TOOLS.map((tool) => ({ type: "function", ...tool, strict: false })),
  }),
  stream(bytes) {
    const reading = blank();
    const state: State = { sequence: -1, open: new Map(), deltas: new Map(), begun: false };
    for (const { at, event, data } of framesOf(bytes, reading)) {
      if (data === DONE) continue;
      if (event !== undefined && event !== data.type)
        reading.faults.push(`${at}: it is called ${event}, and its data ${String(data.type)}`);
      see(data, at, state, reading);
    }
    if (reading.ending === "complete")
      for (const index of state.open.keys()) reading.faults.push(`output ${index} was begun and never done`);
    checkCalls(reading);
    return reading;
  },
  whole(body) {
    const reading = blank();
    reading.events.push(body);
    finish(body, "the answer", reading);
    for (const item of objects(body.output)) take(item, reading);
    if (!Array.isArray(body.output)) reading.faults.push("the answer: it has no output");
    checkCalls(reading);
    return reading;
  },
};

interface State {
  sequence: number;
  /** Items that were begun, by their place. */
  open: Map<number, unknown>;
  /** What came of a part, by its kind and place. */
  deltas: Map<string, string>;
  begun: boolean;
}

function see(data: Json, at: string, state: State, reading: Reading): void {
  const type = text(data.type);
  if (reading.ending !== "cut") reading.faults.push(`${at}: ${type} comes after the end`);
  if (typeof data.sequence_number === "number") {
    if (data.sequence_number <= state.sequence)
      reading.faults.push(`${at}: sequence_number ${data.sequence_number} after ${state.sequence}`);
    state.sequence = data.sequence_number;
  }
  if (type === "response.created") {
    if (state.begun) reading.faults.push(`${at}: response.created a second time`);
    state.begun = true;
  } else if (type === "error") {
    reading.error = errorIn(isObject(data.error) ? data.error : data);
    ended(reading, "failed", at);
  } else if (type.startsWith("response.output_item.")) item(data, type, at, state, reading);
  else if (/\.(delta|done)$/.test(type)) part(data, type, at, state, reading);
  const status = /^response\.(completed|incomplete|failed)$/.exec(type)?.[1];
  if (status && isObject(data.response)) finish({ ...data.response, status }, at, reading);
  else if (status) reading.faults.push(`${at}: it has no response`);
}

function item(data: Json, type: string, at: string, { open }: State, reading: Reading): void {
  const index = data.output_index as number;
  if (type.endsWith(".added")) {
    if (open.has(index)) reading.faults.push(`${at}: output_index ${index} is begun a second time`);
    const last = Math.max(-1, ...open.keys());
    if (!(index > last) && open.size > 0 && !open.has(index))
      reading.faults.push(`${at}: output_index ${index} after ${last}`);
    open.set(index, data.item);
    return;
  }
  if (!open.delete(index)) reading.faults.push(`${at}: output_index ${index} is done and was never begun`);
  if (isObject(data.item)) take(data.item, reading);
}

/** Deltas belong to an item that is open, and make what their done event says. */
function part(data: Json, type: string, at: string, state: State, reading: Reading): void {
  const index = data.output_index as number | undefined;
  if (index !== undefined && !state.open.has(index))
    reading.faults.push(`${at}: ${type} for output ${index}, which is not open`);
  const [, kind = "", form] = /^response\.(.*)\.(delta|done)$/.exec(type) ?? [];
  const key = `${kind} ${index} ${data.content_index ?? data.summary_index ?? ""}`;
  if (form === "delta" && typeof data.delta === "string") {
    state.deltas.set(key, (state.deltas.get(key) ?? "") + data.delta);
    return;
  }
  const whole = [data.text, data.arguments, data.refusal, data.input].find((value) => typeof value === "string");
  const heard = state.deltas.get(key);
  if (form === "done" && whole !== undefined && heard !== undefined && heard !== whole)
    reading.faults.push(
      `${at}: the deltas of output ${index} make ${short(heard)}, and its ${type} says ${short(whole as string)}`,
    );
}

const short = (value: string): string => JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);

function take(item: Json, reading: Reading): void {
  if (item.type === "message")
    for (const part of objects(item.content)) reading.text += text(part.text) + text(part.refusal);
  else if (item.type === "reasoning")
    reading.thoughts += objects(item.summary)
      .map((part) => text(part.text))
      .join("");
  else if (item.type === "function_call") reading.calls.push({ name: text(item.name), input: text(item.arguments) });
}

function finish(response: Json, at: string, reading: Reading): void {
  const ending = ENDINGS[response.status as keyof typeof ENDINGS];
  if (!ending) {
    reading.faults.push(`${at}: its status is ${String(response.status)}; legal: ${Object.keys(ENDINGS).join(", ")}`);
    return;
  }
  if (ending === "failed") reading.error = errorIn(response.error);
  ended(reading, ending, at);
}
