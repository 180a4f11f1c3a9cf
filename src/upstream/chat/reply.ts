// A whole chat completion as the stream that it would have been, for providers that answer with one JSON body.

import type { Event } from "../../core/event.ts";
import { chatFailure } from "./finish.ts";
import { ChatReader, type ReaderOptions } from "./reader.ts";

type Json = Record<string, unknown>;

export function chatReply(body: Json, options: ReaderOptions): Event[] {
  if (body.error !== undefined && body.error !== null) throw chatFailure(body.error, options.failures);
  const reader = new ChatReader(options);
  // A whole message is one large delta; without a finish reason it is finished all the same.
  const choices = (Array.isArray(body.choices) ? (body.choices as Json[]) : []).map((choice) => ({
    ...choice,
    finish_reason: choice?.finish_reason ?? "stop",
  }));
  return [...reader.push({ ...body, choices }), ...reader.end()];
}
