// Fills Response and compaction objects up to what the official types require, from the turn that asked for them.

import { type Item, type ReplyContext, usageOf } from "codexd/plugin";

type Fields = Record<string, unknown>;

/** What the official types require of every Response object (OpenAI API reference, The Response object). */
export const REQUIRED = [
  ...["id", "object", "created_at", "error", "incomplete_details", "instructions", "model", "tools", "output"],
  ...["parallel_tool_calls", "metadata", "tool_choice", "temperature", "top_p"],
] as const;

/** A complete Response object; what the upstream said always wins, but where it is silent about what it was asked. */
export function completeResponse(response: Fields, context: ReplyContext): Fields {
  const { turn, mint } = context;
  const said = defined(response);
  const filled: Fields = {
    id: mint.id("resp_"),
    object: "response",
    created_at: mint.now(),
    status: "completed",
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: turn.max_output_tokens ?? null,
    max_tool_calls: turn.max_tool_calls ?? null,
    metadata: {},
    model: turn.model,
    output: [],
    parallel_tool_calls: turn.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: turn.prompt_cache_key ?? null,
    reasoning: { effort: turn.reasoning?.effort ?? null, summary: turn.reasoning?.summary ?? null },
    safety_identifier: turn.safety_identifier ?? null,
    service_tier: turn.service_tier ?? "default",
    store: false,
    temperature: turn.temperature ?? 1,
    text: { format: { type: "text" }, verbosity: "medium", ...turn.text },
    tool_choice: turn.tool_choice ?? "auto",
    tools: [],
    top_logprobs: turn.top_logprobs ?? 0,
    top_p: turn.top_p ?? 1,
    truncation: turn.truncation ?? "disabled",
    user: turn.user ?? null,
    ...said,
  };
  filled.instructions ??= turn.instructions ?? null;
  if (Object.keys((filled.metadata ?? {}) as Fields).length === 0) filled.metadata = turn.metadata ?? {};
  if (isEmpty(filled.tools)) filled.tools = (turn.tools ?? []).map(completeTool);
  if (filled.status === "completed") filled.completed_at ??= mint.now();
  filled.usage = filled.usage === undefined || filled.usage === null ? null : usageOf(filled.usage);
  filled.output = itemsOf(filled.output).map(completeItem);
  return filled;
}

/** As `completeResponse`, for a whole answer: items that the upstream gave no id get one. */
export function wholeResponse(response: Fields, context: ReplyContext): Fields {
  const filled = completeResponse(response, context);
  filled.output = itemsOf(filled.output).map((item) => named(item, context));
  return filled;
}

/** A complete object of `/responses/compact`; a Codex client gets the items as they came, for it installs them as its history. */
export function completeCompaction(body: Fields, context: ReplyContext): Fields {
  const { mint, codexClient } = context;
  const output = itemsOf(body.output);
  return {
    id: mint.id("resp_"),
    object: "response.compaction",
    created_at: mint.now(),
    ...defined(body),
    output: codexClient ? output : output.map((item) => named(completeItem(compactionOf(item)), context)),
    usage: usageOf(body.usage ?? {}),
  };
}

/** Older upstreams call the item by another name, and take it under either. */
function compactionOf(item: Item): Item {
  return item.type === "compaction_summary" ? { ...item, type: "compaction" } : item;
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function isEmpty(list: unknown): boolean {
  return !Array.isArray(list) || list.length === 0;
}

/** What is no object is no item: a client that reads its `type` would end there. */
function itemsOf(output: unknown): Item[] {
  return Array.isArray(output) ? output.filter((item) => typeof item === "object" && item !== null) : [];
}

/** What official types require of an item and minimal upstreams leave out. */
function completeItem(item: Item): Item {
  if (item.type === "message" || (item.type === undefined && item.role !== undefined)) {
    const role = item.role ?? "assistant";
    const content = typeof item.content === "string" ? [textOf(item.content, role)] : itemsOf(item.content);
    return { type: "message", role, status: "completed", ...item, content: content.map(completePart) };
  }
  if (item.type === "function_call" || item.type === "custom_tool_call") return { status: "completed", ...item };
  return item.type === "reasoning" ? { summary: [], ...item } : item;
}

function textOf(text: string, role: unknown): Item {
  return { type: role === "assistant" ? "output_text" : "input_text", text };
}

function completePart(part: Item): Item {
  if (part?.type === "output_text") return { annotations: [], logprobs: [], ...part };
  return part?.type === "input_image" ? { detail: "auto", ...part } : part;
}

const PREFIXES: Readonly<Record<string, string>> = {
  message: "msg_",
  reasoning: "rs_",
  function_call: "fc_",
  custom_tool_call: "ctc_",
  compaction: "cmp_",
  web_search_call: "ws_",
  image_generation_call: "ig_",
};

function named(item: Item, { mint }: ReplyContext): Item {
  const prefix = PREFIXES[String(item.type)];
  return prefix === undefined || (typeof item.id === "string" && item.id !== "")
    ? item
    : { ...item, id: mint.id(prefix) };
}

/** The public API repeats a function with what it took for granted. */
function completeTool(tool: Fields): Fields {
  return tool.type === "function"
    ? { description: null, parameters: null, ...tool, strict: tool.strict ?? true }
    : tool;
}
