// The chat wire: a turn asked of a Chat Completions provider, and its answer as the events of a Responses stream.

import type { Event } from "../core/event.ts";
import { chatFailure } from "./chat/finish.ts";
import { ChatReader, type ReaderOptions } from "./chat/reader.ts";

export { type ChatOptions, type ChatRequest, chatBody } from "./chat/body.ts";
export { chatFailure } from "./chat/finish.ts";
export type { Undo } from "./chat/names.ts";
export { ChatReader, type ReaderOptions } from "./chat/reader.ts";

/** The same events for a provider that answers with one JSON body. */
export function chatReply(body: Record<string, unknown>, options: ReaderOptions): Event[] {
  const choices = Array.isArray(body.choices) ? (body.choices as Record<string, unknown>[]) : [];
  if (body.error !== undefined && body.error !== null) throw chatFailure(body.error, options.failures);
  const reader = new ChatReader(options);
  // A whole message is one large delta; one without a finish reason is finished all the same.
  const whole = choices.map((choice) => ({ ...choice, finish_reason: choice?.finish_reason ?? "stop" }));
  return [...reader.push({ ...body, choices: whole }), ...reader.end()];
}
