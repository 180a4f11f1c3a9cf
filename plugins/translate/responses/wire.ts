// The wire format of the responses dialect as TypeBox schemas, named for the OpenAPI document.

import { Type } from "@sinclair/typebox";
import { events } from "./wire-events.ts";
import { items } from "./wire-items.ts";
import { anyObject, has, literals, maybe, object, oneByType, orNull, ref, type Schemas } from "./wire-schema.ts";

const text = Type.String();
const count = Type.Integer();

/** What a turn and a compaction are asked with alike. */
const asked = {
  model: Type.String({ description: "A model name, with parameters if wanted: gpt-5.5-high, gpt-5-codex-low-fast" }),
  input: maybe(
    Type.Union([text, Type.Array(ref("ResponseInputItem"))]),
    "The whole conversation, or one user message as a string",
  ),
  instructions: maybe(text),
  tools: maybe(Type.Array(ref("ResponseTool"))),
  parallel_tool_calls: maybe(Type.Boolean()),
  reasoning: maybe(ref("ResponseReasoningOptions")),
  text: maybe(ref("ResponseTextOptions")),
  prompt_cache_key: maybe(text, "Serves as the session where nothing else names one"),
  session_id: maybe(text, "The client's conversation: pins an account and gives the cache key; never sent upstream"),
};

const requests = {
  CreateResponseRequest: object({
    ...asked,
    stream: maybe(Type.Boolean(), "Answer with server-sent events"),
    tool_choice: maybe(ref("ResponseToolChoice")),
    include: maybe(Type.Array(text), "reasoning.encrypted_content asks for sealed reasoning"),
    service_tier: maybe(text, "priority, flex, or default"),
    store: maybe(Type.Boolean(), "Whether the answer is kept to be fetched again or gone on from"),
    max_output_tokens: maybe(count),
    max_tool_calls: maybe(count),
    temperature: maybe(Type.Number()),
    top_p: maybe(Type.Number()),
    top_logprobs: maybe(count),
    truncation: maybe(text),
    metadata: maybe(anyObject),
    client_metadata: maybe(anyObject, "As the Codex CLI sends it"),
    safety_identifier: maybe(text),
    user: maybe(text),
    previous_response_id: maybe(
      text,
      "A kept response to go on from: what it answered, and its answer, come before the input",
    ),
    conversation: maybe(
      Type.Union([text, object({ id: text })]),
      "A conversation that this server keeps: its items come before the input, and the answer is added to it",
    ),
    background: maybe(
      Type.Boolean(),
      "The answer is made whether the client stays or not: poll it, or follow its events; it is kept whatever store says",
    ),
    prompt: has(Type.Any({ description: "A stored prompt: refused with a 400, because this server keeps none" })),
  }),
  CompactRequest: object(asked),
  CreateConversationRequest: object({
    items: maybe(Type.Array(ref("ResponseInputItem"))),
    metadata: maybe(anyObject),
  }),
  UpdateConversationRequest: object({ metadata: maybe(anyObject) }),
  ConversationItemsRequest: object({ items: Type.Array(ref("ResponseInputItem")) }),
};

/** What is kept, and lists of it. */
const kept = {
  InputTokenCount: object({ object: Type.Literal("response.input_tokens"), input_tokens: count }),
  DeletedResponse: object({ id: text, object: Type.Literal("response"), deleted: Type.Literal(true) }),
  ResponseItemList: object({
    object: Type.Literal("list"),
    data: Type.Array(ref("ResponseInputItem")),
    first_id: orNull(text),
    last_id: orNull(text),
    has_more: Type.Boolean(),
  }),
  Conversation: object({
    id: text,
    object: Type.Literal("conversation"),
    created_at: Type.Number({ description: "Unix seconds" }),
    metadata: anyObject,
  }),
  DeletedConversation: object({
    id: text,
    object: Type.Literal("conversation.deleted"),
    deleted: Type.Literal(true),
  }),
};

const options = {
  ResponseReasoningOptions: object({
    effort: maybe(literals("none", "minimal", "low", "medium", "high", "xhigh", "max")),
    summary: maybe(literals("auto", "concise", "detailed", "none")),
  }),
  ResponseTextOptions: object({
    format: maybe(ref("ResponseTextFormat")),
    verbosity: maybe(literals("low", "medium", "high")),
  }),
  ResponseTextFormat: oneByType(
    { text: "ResponsePlainFormat", json_object: "ResponsePlainFormat", json_schema: "ResponseJsonSchemaFormat" },
    "What the text of the answer has to be",
  ),
  ResponsePlainFormat: object({ type: literals("text", "json_object") }),
  ResponseJsonSchemaFormat: object({
    type: Type.Literal("json_schema"),
    name: text,
    schema: anyObject,
    strict: maybe(Type.Boolean()),
  }),
  ResponseTool: Type.Union([ref("ResponseFunctionTool"), ref("ResponseCustomTool"), ref("ResponseHostedTool")]),
  ResponseFunctionTool: object({
    type: Type.Literal("function"),
    name: text,
    description: maybe(text),
    parameters: maybe(anyObject, "A JSON Schema"),
    strict: maybe(Type.Boolean()),
  }),
  ResponseCustomTool: object({
    type: Type.Literal("custom"),
    name: text,
    description: maybe(text),
    format: maybe(anyObject, "Free text, or a grammar that the input keeps to"),
  }),
  ResponseHostedTool: object(
    { type: text },
    "Any tool that the upstream runs or knows: web_search, image_generation, code_interpreter, mcp, namespace, tool_search",
  ),
  ResponseToolChoice: Type.Union([literals("none", "auto", "required"), object({ type: text })]),
};

const answers = {
  Response: object({
    id: text,
    object: Type.Literal("response"),
    created_at: Type.Number({ description: "Unix seconds" }),
    completed_at: maybe(Type.Number()),
    status: literals("completed", "incomplete", "failed", "in_progress", "queued", "cancelled"),
    model: text,
    output: Type.Array(ref("ResponseOutputItem")),
    error: maybe(object({ code: text, message: text })),
    incomplete_details: maybe(object({ reason: maybe(text, "max_output_tokens or content_filter") })),
    usage: maybe(ref("ResponseUsage")),
    instructions: maybe(Type.Union([text, Type.Array(ref("ResponseInputItem"))])),
    tools: has(Type.Array(ref("ResponseTool"))),
    tool_choice: has(ref("ResponseToolChoice")),
    parallel_tool_calls: has(Type.Boolean()),
    reasoning: maybe(anyObject),
    text: maybe(ref("ResponseTextOptions")),
    service_tier: maybe(text),
    temperature: maybe(Type.Number()),
    top_p: maybe(Type.Number()),
    store: maybe(Type.Boolean()),
    metadata: maybe(anyObject),
    prompt_cache_key: maybe(text),
    previous_response_id: maybe(text),
    conversation: maybe(object({ id: text })),
    background: maybe(Type.Boolean()),
  }),
  ResponseUsage: object({
    input_tokens: count,
    input_tokens_details: object({ cached_tokens: count }),
    output_tokens: count,
    output_tokens_details: object({ reasoning_tokens: count }),
    total_tokens: count,
  }),
  CompactedResponse: object({
    id: has(text),
    object: has(Type.Literal("response.compaction")),
    created_at: has(Type.Number()),
    output: Type.Array(ref("ResponseInputItem"), {
      description: "The shorter conversation: send it as the next request's input",
    }),
    usage: maybe(ref("ResponseUsage")),
  }),
};

/** The catalogue that the Codex CLI decodes; what other clients than it never look at stays undescribed. */
const catalogue = {
  CodexModelList: object({ models: Type.Array(ref("CodexModel")) }),
  CodexModel: object({
    slug: text,
    display_name: text,
    description: orNull(text),
    default_reasoning_level: maybe(text),
    supported_reasoning_levels: Type.Array(object({ effort: text, description: text })),
    shell_type: text,
    visibility: literals("list", "hide", "none"),
    supported_in_api: Type.Boolean(),
    priority: count,
    additional_speed_tiers: has(Type.Array(Type.Any())),
    service_tiers: has(Type.Array(Type.Any())),
    availability_nux: orNull(anyObject),
    upgrade: orNull(Type.Union([anyObject, text])),
    base_instructions: text,
    supports_reasoning_summaries: Type.Boolean(),
    support_verbosity: Type.Boolean(),
    default_verbosity: orNull(text),
    apply_patch_tool_type: orNull(text),
    truncation_policy: object({ mode: literals("tokens", "bytes"), limit: count }),
    supports_parallel_tool_calls: Type.Boolean(),
    context_window: maybe(count),
    max_context_window: maybe(count),
    experimental_supported_tools: Type.Array(text),
    input_modalities: has(Type.Array(text)),
  }),
};

export const schemas: Readonly<Schemas> = {
  ...requests,
  ...options,
  ...answers,
  ...kept,
  ...items,
  ...events,
  ...catalogue,
};
