// The wire format of the chat dialect as TypeBox schemas, named for the OpenAPI document.

import { type TSchema, Type } from "@sinclair/typebox";

const open = { additionalProperties: true };

const ref = (name: string): TSchema => Type.Unsafe({ $ref: `#/components/schemas/${name}` });
const object = (properties: Record<string, TSchema>, description?: string): TSchema =>
  Type.Object(properties, description === undefined ? open : { ...open, description });
const literals = (...values: string[]): TSchema => Type.Union(values.map((value) => Type.Literal(value)));
/** An optional field: clients send null where they mean nothing. */
const maybe = (schema: TSchema, description?: string): TSchema =>
  Type.Optional(Type.Union([schema, Type.Null()], description === undefined ? {} : { description }));

const effort = literals("none", "minimal", "low", "medium", "high", "xhigh", "max");
const anyObject = object({});

const content = {
  ChatContentPart: Type.Union([ref("ChatTextPart"), ref("ChatImagePart"), ref("ChatAudioPart"), ref("ChatFilePart")]),
  ChatTextPart: object({ type: Type.Literal("text"), text: Type.String() }),
  ChatImagePart: object({
    type: Type.Literal("image_url"),
    image_url: object({
      url: Type.String({ description: "An https or data URL" }),
      detail: Type.Optional(literals("auto", "low", "high", "original")),
    }),
  }),
  ChatAudioPart: object({
    type: Type.Literal("input_audio"),
    input_audio: object({ data: Type.String(), format: Type.String() }),
  }),
  ChatFilePart: object({
    type: Type.Literal("file"),
    file: object({
      filename: Type.Optional(Type.String()),
      file_data: Type.Optional(Type.String()),
      file_id: Type.Optional(Type.String()),
    }),
  }),
};

const tools = {
  ChatToolCall: Type.Union([ref("ChatFunctionToolCall"), ref("ChatCustomToolCall")]),
  ChatFunctionToolCall: object({
    id: Type.String(),
    type: Type.Literal("function"),
    function: object({ name: Type.String(), arguments: Type.String({ description: "JSON, as the model wrote it" }) }),
  }),
  ChatCustomToolCall: object({
    id: Type.String(),
    type: Type.Literal("custom"),
    custom: object({ name: Type.String(), input: Type.String() }),
  }),
  ChatTool: Type.Union([ref("ChatFunctionTool"), ref("ChatCustomTool")]),
  ChatFunctionTool: object({
    type: Type.Literal("function"),
    function: object({
      name: Type.String(),
      description: Type.Optional(Type.String()),
      parameters: Type.Optional(anyObject),
      strict: maybe(Type.Boolean()),
    }),
  }),
  ChatCustomTool: object({
    type: Type.Literal("custom"),
    custom: object({
      name: Type.String(),
      description: Type.Optional(Type.String()),
      format: Type.Optional(anyObject),
    }),
  }),
  ChatToolChoice: Type.Union([literals("none", "auto", "required"), object({ type: Type.String() })]),
};

const messages = {
  ChatMessage: Type.Union([
    ref("ChatInstructionMessage"),
    ref("ChatUserMessage"),
    ref("ChatAssistantMessage"),
    ref("ChatToolMessage"),
    ref("ChatFunctionMessage"),
  ]),
  ChatInstructionMessage: object({
    role: literals("system", "developer"),
    content: Type.Union([Type.String(), Type.Array(ref("ChatTextPart"))]),
  }),
  ChatUserMessage: object({
    role: Type.Literal("user"),
    content: Type.Union([Type.String(), Type.Array(ref("ChatContentPart"))]),
  }),
  ChatAssistantMessage: object({
    role: Type.Literal("assistant"),
    content: maybe(Type.Union([Type.String(), Type.Array(object({ type: literals("text", "refusal") }))])),
    refusal: maybe(Type.String()),
    tool_calls: maybe(Type.Array(ref("ChatToolCall"))),
    reasoning_details: maybe(Type.Array(anyObject), "Sealed reasoning of an earlier answer; send it back as it came"),
  }),
  ChatToolMessage: object({
    role: Type.Literal("tool"),
    tool_call_id: Type.String(),
    content: Type.Union([Type.String(), Type.Array(ref("ChatContentPart"))]),
  }),
  ChatFunctionMessage: object({
    role: Type.Literal("function"),
    name: Type.String(),
    content: Type.Union([Type.String(), Type.Null()]),
  }),
};

const request = {
  CreateChatCompletionRequest: object({
    model: Type.String({ description: "A model name, with parameters if wanted: gpt-5-high, gpt-5-codex-low-fast" }),
    messages: Type.Array(ref("ChatMessage"), { minItems: 1 }),
    stream: maybe(Type.Boolean()),
    stream_options: maybe(object({ include_usage: Type.Optional(Type.Boolean()) })),
    tools: maybe(Type.Array(ref("ChatTool"))),
    tool_choice: maybe(ref("ChatToolChoice")),
    parallel_tool_calls: maybe(Type.Boolean()),
    response_format: maybe(ref("ChatResponseFormat")),
    reasoning_effort: maybe(effort),
    verbosity: maybe(literals("low", "medium", "high")),
    service_tier: maybe(Type.String()),
    max_completion_tokens: maybe(Type.Integer()),
    max_tokens: maybe(Type.Integer()),
    temperature: maybe(Type.Number()),
    top_p: maybe(Type.Number()),
    n: maybe(Type.Integer({ minimum: 1, maximum: 1 })),
    web_search_options: maybe(anyObject),
    metadata: maybe(anyObject),
    user: maybe(Type.String()),
    safety_identifier: maybe(Type.String()),
    prompt_cache_key: maybe(Type.String()),
    session_id: maybe(
      Type.String(),
      "The client's conversation: pins an account and gives the cache key; never sent upstream",
    ),
  }),
  ChatResponseFormat: Type.Union([
    object({ type: literals("text", "json_object") }),
    object({
      type: Type.Literal("json_schema"),
      json_schema: object({ name: Type.String(), schema: Type.Optional(anyObject), strict: maybe(Type.Boolean()) }),
    }),
  ]),
};

const finishReason = literals("stop", "length", "tool_calls", "content_filter", "function_call");
const head = { id: Type.String(), created: Type.Integer(), model: Type.String() };
const shown = {
  reasoning_content: Type.Optional(Type.String({ description: "The reasoning summary" })),
  reasoning: Type.Optional(Type.String({ description: "The reasoning summary, under its other common name" })),
  reasoning_details: Type.Optional(Type.Array(anyObject)),
  annotations: Type.Optional(Type.Array(ref("ChatAnnotation"))),
  images: Type.Optional(Type.Array(anyObject)),
};

const answer = {
  ChatAnnotation: object({
    type: Type.Literal("url_citation"),
    url_citation: object({
      start_index: Type.Integer(),
      end_index: Type.Integer(),
      url: Type.String(),
      title: Type.String(),
    }),
  }),
  ChatUsage: object({
    prompt_tokens: Type.Integer(),
    completion_tokens: Type.Integer(),
    total_tokens: Type.Integer(),
    prompt_tokens_details: Type.Optional(object({ cached_tokens: Type.Optional(Type.Integer()) })),
    completion_tokens_details: Type.Optional(object({ reasoning_tokens: Type.Optional(Type.Integer()) })),
  }),
  ChatCompletion: object({
    ...head,
    object: Type.Literal("chat.completion"),
    choices: Type.Array(
      object({
        index: Type.Integer(),
        finish_reason: finishReason,
        message: object({
          role: Type.Literal("assistant"),
          content: Type.Union([Type.String(), Type.Null()]),
          refusal: Type.Union([Type.String(), Type.Null()]),
          tool_calls: Type.Optional(Type.Array(ref("ChatToolCall"))),
          ...shown,
        }),
      }),
    ),
    usage: Type.Optional(ref("ChatUsage")),
  }),
  ChatCompletionChunk: object(
    {
      ...head,
      object: Type.Literal("chat.completion.chunk"),
      choices: Type.Array(
        object({
          index: Type.Integer(),
          finish_reason: Type.Union([finishReason, Type.Null()]),
          delta: object({
            role: Type.Optional(Type.Literal("assistant")),
            content: Type.Optional(Type.String()),
            refusal: Type.Optional(Type.String()),
            tool_calls: Type.Optional(Type.Array(object({ index: Type.Integer() }))),
            ...shown,
          }),
        }),
      ),
      usage: Type.Optional(ref("ChatUsage")),
    },
    "One `data:` frame of the stream; `data: [DONE]` closes it",
  ),
};

const models = {
  ModelList: object({ object: Type.Literal("list"), data: Type.Array(ref("Model")) }),
  Model: object({
    id: Type.String(),
    object: Type.Literal("model"),
    created: Type.Integer({ description: "Unix seconds; 0 where nobody told" }),
    owned_by: Type.String(),
  }),
};

export const schemas: Readonly<Record<string, TSchema>> = {
  ...request,
  ...messages,
  ...content,
  ...tools,
  ...answer,
  ...models,
};
