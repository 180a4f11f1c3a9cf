// Plays a complete Response object as the stream that it would have been, for providers that ignore `stream: true`.

import { Event } from "../core/event.ts";
import { Failure } from "../core/failure.ts";
import type { Item } from "../core/turn.ts";
import { type FailureContext, failureOfAnswer } from "./failure.ts";
import { isObject } from "./schema.ts";

type Fields = Record<string, unknown>;

/** All events of the answer, in the order and with the numbers of the wire (wire/codex.md C). Throws when it is no answer. */
export function eventsOfWhole(response: unknown, context: FailureContext): Event[] {
  if (!isObject(response) || !Array.isArray(response.output)) throw notAnAnswer(response, context);
  const events: Event[] = [];
  const push = (type: string, fields: Fields) =>
    void events.push(Event.of({ type, sequence_number: events.length, ...fields }));
  const { usage: _, ...begun } = response;
  const open = begun.completed_at === undefined ? {} : { completed_at: null };
  push("response.created", { response: { ...begun, ...open, status: "in_progress", output: [] } });
  for (const [index, item] of response.output.filter(isObject).entries()) playItem(item as Item, index, push);
  const status = response.status === "incomplete" || response.status === "failed" ? response.status : "completed";
  push(`response.${status}`, { response: { ...response, status } });
  return events;
}

/** What an answer without `output` is instead: some providers put an error into a success. */
export function notAnAnswer(body: unknown, context: FailureContext): Failure {
  if (isObject(body) && isObject(body.error)) {
    const status = typeof body.error.code === "number" ? body.error.code : 502;
    return failureOfAnswer(status, new Headers(), JSON.stringify(body), context);
  }
  const message = `upstream ${context.upstream} answered with JSON that is not a response of the Responses wire; is its \`wire\` right?`;
  return new Failure("upstream_api", { code: "upstream_error", message, shouldRetry: false });
}

type Push = (type: string, fields: Fields) => void;

function playItem(item: Item, index: number, push: Push): void {
  const place = { output_index: index, item_id: item.id };
  if (item.type === "message") {
    push("response.output_item.added", { output_index: index, item: { ...item, status: "in_progress", content: [] } });
    const content = Array.isArray(item.content) ? item.content.filter(isObject) : [];
    for (const [at, part] of content.entries()) playPart(part, { ...place, content_index: at }, push);
  } else if (item.type === "function_call") {
    push("response.output_item.added", {
      output_index: index,
      item: { ...item, status: "in_progress", arguments: "" },
    });
    push("response.function_call_arguments.delta", { ...place, delta: item.arguments });
    push("response.function_call_arguments.done", { ...place, name: item.name, arguments: item.arguments });
  } else push("response.output_item.added", { output_index: index, item });
  push("response.output_item.done", { output_index: index, item });
}

function playPart(part: Fields, place: Fields, push: Push): void {
  const [name, field] = part.type === "refusal" ? ["refusal", "refusal"] : ["output_text", "text"];
  const text = part[field];
  push("response.content_part.added", { ...place, part: { ...part, [field]: "" } });
  if (typeof text === "string" && text !== "") {
    const logprobs = name === "output_text" ? { logprobs: [] } : {};
    push(`response.${name}.delta`, { ...place, delta: text, ...logprobs });
    push(`response.${name}.done`, { ...place, [field]: text, ...logprobs });
  }
  push("response.content_part.done", { ...place, part });
}
