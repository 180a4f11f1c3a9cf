// Fills a Response object up to what the official types require, from the turn that asked for it.

import { type Item, type ReplyContext, usageOf } from "codexd/plugin";

type Fields = Record<string, unknown>;

/** A complete Response object (OpenAI API reference, The Response object); what the upstream said always wins. */
export function completeResponse(response: Fields, context: ReplyContext): Fields {
  const { turn } = context;
  const filled: Fields = {
    id: context.mint.id("resp_"),
    object: "response",
    created_at: context.mint.now(),
    status: "completed",
    background: false,
    error: null,
    incomplete_details: null,
    instructions: turn.instructions ?? null,
    max_output_tokens: null,
    max_tool_calls: null,
    metadata: turn.metadata ?? {},
    model: turn.model,
    output: [],
    parallel_tool_calls: turn.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: turn.prompt_cache_key ?? null,
    reasoning: { effort: turn.reasoning?.effort ?? null, summary: turn.reasoning?.summary ?? null },
    safety_identifier: null,
    service_tier: turn.service_tier ?? "default",
    store: false,
    temperature: turn.temperature ?? 1,
    text: { format: { type: "text" }, ...turn.text },
    tool_choice: turn.tool_choice ?? "auto",
    tools: turn.tools ?? [],
    top_logprobs: 0,
    top_p: turn.top_p ?? 1,
    truncation: "disabled",
    user: null,
    ...defined(response),
  };
  if (filled.status === "completed") filled.completed_at ??= context.mint.now();
  filled.usage = filled.usage === undefined || filled.usage === null ? null : usageOf(filled.usage);
  filled.output = (filled.output as Item[]).map(completeItem);
  return filled;
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What official types require of an output item and minimal upstreams leave out. */
function completeItem(item: Item): Item {
  if (item.type === "message") {
    const content = Array.isArray(item.content)
      ? (item.content as Fields[]).map((part) => (part.type === "output_text" ? { annotations: [], ...part } : part))
      : [];
    return { status: "completed", ...item, content };
  }
  if (item.type === "function_call" || item.type === "custom_tool_call") return { status: "completed", ...item };
  return item;
}
