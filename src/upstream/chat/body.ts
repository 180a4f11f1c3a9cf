// A turn as the body of a Chat Completions request, with what the provider has no place for told by its path.

import type { Turn } from "../../core/turn.ts";
import { chatMessages, type ReasoningField } from "./messages.ts";
import { FlatNames, type Undo } from "./names.ts";
import { chatToolChoice } from "./tool-choice.ts";
import { chatTools } from "./tools.ts";

type Json = Record<string, unknown>;

export interface ChatOptions {
  /** Kind of the upstream: `openai` has the whole public API, others the part that all providers share. */
  kind: string;
  /** Where the provider takes reasoning text back; without it history's reasoning is left out. */
  reasoningField?: ReasoningField | undefined;
}

export interface ChatRequest {
  body: Json;
  dropped: string[];
  /** Turns tool names of the answer back; give it to `ChatReader`. */
  undo: Undo;
}

/** Same name and meaning on both wires, known to every provider. */
const SHARED = new Set(["temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty", "user"]);

/** Known to OpenAI; a compatible provider may refuse a body for one of them. */
const OPENAI = new Set([
  "logit_bias",
  "logprobs",
  "top_logprobs",
  "metadata",
  "modalities",
  "audio",
  "prediction",
  "prompt_cache_key",
  "prompt_cache_retention",
  "safety_identifier",
  "service_tier",
]);

/** About the Responses API's own store, loop and window: Chat has none of it, whoever provides it. */
const RESPONSES_ONLY = new Set([
  ...["background", "context_management", "conversation", "max_tool_calls", "moderation", "previous_response_id"],
  ...["prompt", "truncation", "access_programs"],
]);

/** Handled elsewhere here, or about the Responses wire itself: leaving them out changes nothing that the client asked for. */
const SILENT = new Set([
  ...[
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "max_output_tokens",
  ],
  ...["stream", "stream_options", "store", "include", "client_metadata", "prompt_cache_key", "prompt_cache_retention"],
  ...["prompt_cache_options", "type", "generate", "session_id"],
]);

/** A value that only says what is so without it. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  service_tier: ["auto", "default"],
  truncation: ["disabled", "auto"],
  background: [false],
  n: [1],
  logprobs: [false],
  top_logprobs: [0],
};

export function chatBody(turn: Turn, options: ChatOptions): ChatRequest {
  const openai = options.kind === "openai";
  const names = new FlatNames();
  // Tools first, so that a declared tool has the better claim to its name.
  const { tools, webSearch, dropped } = chatTools(turn.tools ?? [], turn.input, names, openai);
  const history = chatMessages(turn, { names, reasoningField: options.reasoningField, refusals: openai });
  const body: Json = {
    model: turn.model,
    messages: history.messages,
    ...toolFields(turn, tools, names, openai, dropped),
    ...(webSearch ? { web_search_options: webSearch } : {}),
    ...answerFields(turn, openai, dropped),
    ...plainFields(turn, openai, dropped),
    stream: true,
    stream_options: { include_usage: true },
  };
  return { body, dropped: [...dropped, ...history.dropped], undo: names };
}

/** Providers refuse a choice among no tools. */
function toolFields(turn: Turn, tools: Json[], names: FlatNames, openai: boolean, dropped: string[]): Json {
  const choice = chatToolChoice(turn.tool_choice, names, openai);
  if (choice.dropped) dropped.push("tool_choice");
  const offered = choice.only
    ? tools.filter((tool) => choice.only?.has((tool.function as Json).name as string))
    : tools;
  if (offered.length === 0) return {};
  return {
    tools: offered,
    ...(choice.tool_choice === undefined ? {} : { tool_choice: choice.tool_choice }),
    ...(typeof turn.parallel_tool_calls === "boolean" ? { parallel_tool_calls: turn.parallel_tool_calls } : {}),
  };
}

function answerFields(turn: Turn, openai: boolean, dropped: string[]): Json {
  const format = responseFormat(turn.text?.format);
  const verbosity = turn.text?.verbosity ?? undefined;
  if (verbosity !== undefined && !openai) dropped.push("text.verbosity");
  const limit = turn.max_output_tokens ?? undefined;
  return {
    ...(format ? { response_format: format } : {}),
    ...(verbosity !== undefined && openai ? { verbosity } : {}),
    ...(turn.reasoning?.effort ? { reasoning_effort: turn.reasoning.effort } : {}),
    ...(limit === undefined ? {} : { [openai ? "max_completion_tokens" : "max_tokens"]: limit }),
  };
}

function responseFormat(format: Json | undefined | null): Json | undefined {
  if (!format || format.type === "text") return undefined;
  if (format.type !== "json_schema") return format;
  const { type, ...schema } = format;
  return { type, json_schema: Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== null)) };
}

function plainFields(turn: Turn, openai: boolean, dropped: string[]): Json {
  const fields: Json = {};
  for (const [name, value] of Object.entries(turn)) {
    if (value === undefined || value === null) continue;
    if (passes(name, openai)) fields[name] = value;
    else if (!SILENT.has(name) && !isDefault(name, value)) dropped.push(name);
  }
  return fields;
}

/** Whoever configures another provider knows its extra fields; what they mean is between client and provider. */
function passes(name: string, openai: boolean): boolean {
  if (SHARED.has(name)) return true;
  if (OPENAI.has(name)) return openai;
  return !openai && !SILENT.has(name) && !RESPONSES_ONLY.has(name);
}

function isDefault(name: string, value: unknown): boolean {
  const defaults = DEFAULTS[name];
  return Array.isArray(defaults) && defaults.includes(value);
}
