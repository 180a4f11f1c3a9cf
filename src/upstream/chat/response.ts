// The Response object around a stream that came over the chat wire: as it opens, and as it ends.

import type { Mint } from "../../core/mint.ts";
import type { Item, Turn, Usage } from "../../core/turn.ts";

type Json = Record<string, unknown>;

/** Why the answer is incomplete; undefined when it is whole. */
export type Incomplete = "max_output_tokens" | "content_filter" | undefined;

/**
 * The opening Response. Of the request it repeats the small settings only: instructions and tools can be most of a megabyte, and would
 * go out three times with every answer.
 */
export function openingResponse(turn: Turn, chunk: Json, mint: Mint): Json {
  return {
    id: mint.id("resp_"),
    object: "response",
    created_at: typeof chunk.created === "number" && chunk.created > 0 ? Math.floor(chunk.created) : mint.now(),
    status: "in_progress",
    completed_at: null,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: turn.max_output_tokens ?? null,
    max_tool_calls: null,
    metadata: turn.metadata ?? {},
    model: typeof chunk.model === "string" && chunk.model !== "" ? chunk.model : turn.model,
    output: [],
    parallel_tool_calls: turn.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: turn.prompt_cache_key ?? null,
    reasoning: { effort: turn.reasoning?.effort ?? null, summary: turn.reasoning?.summary ?? null },
    ...(typeof chunk.service_tier === "string" ? { service_tier: chunk.service_tier } : {}),
    safety_identifier: turn.safety_identifier ?? null,
    store: false,
    temperature: turn.temperature ?? 1,
    text: { format: { type: "text" }, verbosity: "medium", ...turn.text },
    tool_choice: turn.tool_choice ?? "auto",
    tools: [],
    top_logprobs: turn.top_logprobs ?? 0,
    top_p: turn.top_p ?? 1,
    truncation: "disabled",
    user: turn.user ?? null,
    usage: null,
  };
}

export function endedResponse(
  opening: Json,
  output: Item[],
  usage: Usage | null,
  incomplete: Incomplete,
  now: number,
): Json {
  return {
    ...opening,
    ...(incomplete === undefined
      ? { status: "completed", completed_at: now }
      : { status: "incomplete", incomplete_details: { reason: incomplete } }),
    output,
    usage,
  };
}
