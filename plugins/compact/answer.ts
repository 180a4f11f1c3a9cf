// A compaction as its askers want it: the events of a turn that was asked for one, or the object of `/responses/compact`.

import { Event, type Exchange, type Host, type Item, type Mint, usageOf } from "codexd/plugin";
import { isStanding, kept } from "./history.ts";

type Fields = Record<string, unknown>;

/** As much of what was said stays beside a compaction, in tokens (wire/codex.md G.1). */
const ROOM = 64_000;

export interface Made {
  item: Item;
  /** The Response object or compaction object that it came in. */
  answer: Fields;
}

/** Exactly one item, as clients of a compaction demand. */
export function eventsOf(made: Made, exchange: Exchange, { mint }: Host): Event[] {
  const response = responseOf(made, exchange, mint);
  const begun = { ...response, status: "in_progress", completed_at: null, output: [], usage: null };
  const place = { output_index: 0, item: made.item };
  return [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    { type: "response.output_item.added", ...place },
    { type: "response.output_item.done", ...place },
    { type: "response.completed", response },
  ].map((data, index) => Event.of({ ...data, sequence_number: index }));
}

function responseOf({ item, answer }: Made, { turn }: Exchange, mint: Mint): Fields {
  const told = answer.object === "response" ? answer : {};
  return {
    background: false,
    error: null,
    incomplete_details: null,
    instructions: turn.instructions ?? null,
    max_output_tokens: null,
    max_tool_calls: null,
    metadata: turn.metadata ?? {},
    parallel_tool_calls: turn.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: turn.prompt_cache_key ?? null,
    reasoning: { effort: turn.reasoning?.effort ?? null, summary: turn.reasoning?.summary ?? null },
    safety_identifier: null,
    service_tier: turn.service_tier ?? "default",
    store: false,
    temperature: turn.temperature ?? 1,
    tool_choice: turn.tool_choice ?? "auto",
    tools: turn.tools ?? [],
    top_logprobs: 0,
    top_p: turn.top_p ?? 1,
    truncation: "disabled",
    user: null,
    ...told,
    text: { format: { type: "text" }, ...turn.text },
    id: mint.id("resp_"),
    object: "response",
    created_at: mint.now(),
    completed_at: mint.now(),
    status: "completed",
    model: turn.model,
    output: [item],
    usage: usageOf(answer.usage) ?? usageOf({}),
  };
}

/** The compacted window: what holds, what the user said last, and the compaction for the rest. */
export function resourceOf({ item, answer }: Made, input: readonly Item[], { mint }: Host): Fields {
  return {
    id: mint.id("resp_"),
    object: "response.compaction",
    created_at: mint.now(),
    output: [...retained(input, mint), item],
    usage: usageOf(answer.usage) ?? usageOf({}),
  };
}

function retained(input: readonly Item[], mint: Mint): Item[] {
  const messages = input.filter(({ type = "message" }) => type === "message");
  return kept(messages, ROOM).map(({ id, content, ...message }) => ({
    ...message,
    type: "message",
    id: typeof id === "string" && id.startsWith("msg_") ? id : mint.id("msg_"),
    status: "completed",
    role: isStanding(message) ? "developer" : "user",
    content: typeof content === "string" ? [{ type: "input_text", text: content }] : content,
  }));
}
