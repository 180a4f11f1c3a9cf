// How an answer of a Chat provider ends: its finish reasons, and its errors as failures.

import { Event } from "../../core/event.ts";
import { Failure } from "../../core/failure.ts";
import { type FailureContext, faultOfEvent } from "../failure.ts";
import type { Incomplete } from "./response.ts";

type Json = Record<string, unknown>;

/** What a finish reason means; reasons that nobody knows end the answer like `stop`, for the answer is there. */
export function finishOf(reason: string | undefined): { incomplete: Incomplete; error?: Json } {
  switch (reason?.toLowerCase()) {
    case "length":
    case "max_tokens":
    case "model_length":
      return { incomplete: "max_output_tokens" };
    case "content_filter":
    case "safety":
      return { incomplete: "content_filter" };
    case "error":
      return { incomplete: undefined, error: { message: "the upstream gave up on its answer" } };
    case "insufficient_system_resource":
      return {
        incomplete: undefined,
        error: { code: "server_is_overloaded", message: "the upstream ran out of resources" },
      };
    default:
      return { incomplete: undefined };
  }
}

/** An error that the provider sent as a chunk, or as a body under status 200. */
export function chatFailure(told: unknown, context: FailureContext): Failure {
  const error: Json = typeof told === "object" && told !== null ? (told as Json) : { message: String(told) };
  // Some providers put the HTTP status where others have a word.
  const status = [error.code, error.status].find((value) => typeof value === "number" && value >= 400 && value < 600);
  const event = Event.of({ type: "error", error, ...(status === undefined ? {} : { status }) });
  const failure = faultOfEvent(event, context);
  return failure ?? new Failure("upstream_api", { code: "upstream_error", message: "the upstream failed" });
}

/** The data of one chunk; a stream with something else in it cannot be trusted further. */
export function chunkOf(event: Event): Json {
  try {
    return event.data;
  } catch (cause) {
    throw new Failure("stream_broken", {
      code: "stream_error",
      message: "the upstream sent a chunk that is not JSON",
      cause,
    });
  }
}

/** The answer stopped before its end. */
export function broken(message: string): Failure {
  return new Failure("stream_broken", { code: "stream_error", message });
}
