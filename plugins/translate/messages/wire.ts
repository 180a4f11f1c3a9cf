// The Messages dialect as TypeBox schemas, one named component each, for the OpenAPI document.

import { type TSchema, Type } from "@sinclair/typebox";

const open = { additionalProperties: true };
const ref = (name: string) => Type.Unsafe({ $ref: `#/components/schemas/${name}` });
const orNull = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const object = (properties: Record<string, TSchema>, description?: string) =>
  Type.Object(properties, { ...open, ...(description === undefined ? {} : { description }) });
const anything = object({});
const index = Type.Integer({ minimum: 0, description: "Position of the block in the message's content." });
const cacheControl = Type.Optional(orNull(object({}, "Accepted; caching is automatic.")));

const Source = object({ type: Type.String({ description: "base64, url, file, and for documents text or content." }) });

const TextBlock = object({
  type: Type.Literal("text"),
  text: Type.String(),
  citations: Type.Optional(orNull(Type.Array(anything))),
});
const ToolUseBlock = object({
  type: Type.Literal("tool_use"),
  id: Type.String(),
  name: Type.String(),
  input: anything,
});
const ThinkingBlock = object({
  type: Type.Literal("thinking"),
  thinking: Type.String(),
  signature: Type.String({ description: "Sealed reasoning; send it back unchanged to let the model go on from it." }),
});
const ServerToolUseBlock = object({
  type: Type.Literal("server_tool_use"),
  id: Type.String(),
  name: Type.Literal("web_search"),
  input: anything,
});
const WebSearchToolResultBlock = object({
  type: Type.Literal("web_search_tool_result"),
  tool_use_id: Type.String(),
  content: Type.Union([Type.Array(anything), anything]),
});

const MessagesInputBlock = Type.Union([
  object({ type: Type.Literal("text"), text: Type.String(), cache_control: cacheControl }),
  object({ type: Type.Literal("image"), source: Source, cache_control: cacheControl }),
  object({
    type: Type.Literal("document"),
    source: Source,
    title: Type.Optional(orNull(Type.String())),
    context: Type.Optional(orNull(Type.String())),
  }),
  object({
    type: Type.Literal("search_result"),
    source: Type.String(),
    title: Type.String(),
    content: Type.Array(anything),
  }),
  object({ type: Type.Literal("tool_use"), id: Type.String(), name: Type.String(), input: anything }),
  object({
    type: Type.Literal("tool_result"),
    tool_use_id: Type.String(),
    content: Type.Optional(Type.Union([Type.String(), Type.Array(anything), Type.Null()])),
    is_error: Type.Optional(orNull(Type.Boolean())),
  }),
  object({ type: Type.Literal("thinking"), thinking: Type.String(), signature: Type.String() }),
  object({ type: Type.Literal("redacted_thinking"), data: Type.String() }),
  object({ type: Type.String() }, "Any other block, for example of a server tool's history."),
]);

const content = Type.Union([Type.String(), Type.Array(ref("MessagesInputBlock"))]);

const MessagesInputMessage = object({
  role: Type.Union([Type.Literal("user"), Type.Literal("assistant"), Type.Literal("system")]),
  content,
});

const MessagesTool = object({
  type: Type.Optional(
    orNull(
      Type.String({
        description:
          "Left out or `custom` for a function; else web_search_*, bash_*, text_editor_*, memory_*, computer_*.",
      }),
    ),
  ),
  name: Type.String(),
  description: Type.Optional(Type.String()),
  input_schema: Type.Optional(anything),
  strict: Type.Optional(orNull(Type.Boolean())),
  defer_loading: Type.Optional(orNull(Type.Boolean())),
  cache_control: cacheControl,
});

const asked = {
  model: Type.String({ description: "A model, with parameters if wanted: `gpt-5.5-high`." }),
  messages: Type.Array(ref("MessagesInputMessage"), { minItems: 1 }),
  system: Type.Optional(Type.Union([Type.String(), Type.Array(ref("MessagesInputBlock")), Type.Null()])),
  tools: Type.Optional(orNull(Type.Array(ref("MessagesTool")))),
  tool_choice: Type.Optional(
    orNull(
      object({
        type: Type.Union(["auto", "any", "tool", "none"].map((type) => Type.Literal(type))),
        name: Type.Optional(Type.String()),
        disable_parallel_tool_use: Type.Optional(Type.Boolean()),
      }),
    ),
  ),
  thinking: Type.Optional(
    orNull(
      object({
        type: Type.Union(["enabled", "adaptive", "disabled"].map((type) => Type.Literal(type))),
        budget_tokens: Type.Optional(Type.Integer({ minimum: 0 })),
        display: Type.Optional(orNull(Type.String({ description: "`omitted` leaves only the signature." }))),
      }),
    ),
  ),
  output_config: Type.Optional(
    orNull(object({ effort: Type.Optional(orNull(Type.String())), format: Type.Optional(orNull(anything)) })),
  ),
};

const CreateMessageRequest = object({
  ...asked,
  max_tokens: Type.Integer({ minimum: 1, description: "Has an effect only where the upstream takes it." }),
  stream: Type.Optional(orNull(Type.Boolean())),
  stop_sequences: Type.Optional(orNull(Type.Array(Type.String()))),
  temperature: Type.Optional(orNull(Type.Number())),
  top_p: Type.Optional(orNull(Type.Number())),
  top_k: Type.Optional(orNull(Type.Integer({ description: "Never has an effect." }))),
  service_tier: Type.Optional(orNull(Type.String())),
  speed: Type.Optional(orNull(Type.String({ description: "`fast` asks for the priority tier." }))),
  metadata: Type.Optional(orNull(object({ user_id: Type.Optional(orNull(Type.String())) }))),
  context_management: Type.Optional(orNull(anything)),
  session_id: Type.Optional(orNull(Type.String({ description: "The conversation, for caching and affinity." }))),
});

const counts = {
  cache_creation_input_tokens: orNull(Type.Integer()),
  cache_read_input_tokens: orNull(Type.Integer()),
  output_tokens: Type.Integer(),
  output_tokens_details: Type.Optional(orNull(object({ thinking_tokens: Type.Integer() }))),
  server_tool_use: Type.Optional(orNull(object({ web_search_requests: Type.Integer() }))),
};

const MessagesUsage = object({
  input_tokens: Type.Integer({ description: "Without those read from the cache." }),
  ...counts,
  cache_creation: orNull(anything),
  service_tier: orNull(Type.String()),
});

const stops = ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"] as const;
const stop = {
  stop_reason: orNull(Type.Union(stops.map((reason) => Type.Literal(reason)))),
  stop_sequence: orNull(Type.String()),
};

const MessagesContentBlock = Type.Union([
  ref("MessagesTextBlock"),
  ref("MessagesThinkingBlock"),
  ref("MessagesToolUseBlock"),
  ref("MessagesServerToolUseBlock"),
  ref("MessagesWebSearchToolResultBlock"),
]);

const Message = object({
  id: Type.String(),
  type: Type.Literal("message"),
  role: Type.Literal("assistant"),
  model: Type.String(),
  content: Type.Array(ref("MessagesContentBlock")),
  ...stop,
  usage: ref("MessagesUsage"),
});

const MessageStartEvent = object({ type: Type.Literal("message_start"), message: ref("Message") });
const ContentBlockStartEvent = object({
  type: Type.Literal("content_block_start"),
  index,
  content_block: ref("MessagesContentBlock"),
});
const ContentBlockDeltaEvent = object({
  type: Type.Literal("content_block_delta"),
  index,
  delta: Type.Union([
    object({ type: Type.Literal("text_delta"), text: Type.String() }),
    object({ type: Type.Literal("thinking_delta"), thinking: Type.String() }),
    object({ type: Type.Literal("signature_delta"), signature: Type.String() }),
    object({ type: Type.Literal("input_json_delta"), partial_json: Type.String() }),
    object({ type: Type.Literal("citations_delta"), citation: anything }),
  ]),
});
const ContentBlockStopEvent = object({ type: Type.Literal("content_block_stop"), index });
const MessageDeltaEvent = object({
  type: Type.Literal("message_delta"),
  delta: object(stop),
  usage: object({ input_tokens: orNull(Type.Integer()), ...counts }),
});
const MessageStopEvent = object({ type: Type.Literal("message_stop") });
const MessagePingEvent = object({ type: Type.Literal("ping") });

const error = {
  type: Type.Literal("error"),
  error: object({
    type: Type.String({ description: "For example invalid_request_error, rate_limit_error, overloaded_error." }),
    message: Type.String(),
    code: Type.String({ description: "The same in every dialect." }),
  }),
  request_id: Type.String(),
};
const MessageErrorEvent = object(error);
const MessagesErrorResponse = object(error);

const MessageStreamEvent = Type.Union(
  [
    "MessageStartEvent",
    "ContentBlockStartEvent",
    "ContentBlockDeltaEvent",
    "ContentBlockStopEvent",
    "MessageDeltaEvent",
    "MessageStopEvent",
    "MessagePingEvent",
    "MessageErrorEvent",
  ].map(ref),
);

const CountMessageTokensRequest = object(asked);
const CountMessageTokensResponse = object({ input_tokens: Type.Integer() });

const MessagesModel = object({
  type: Type.Literal("model"),
  id: Type.String(),
  display_name: Type.String(),
  created_at: Type.String({ description: "RFC 3339; the beginning of 1970 where nobody told." }),
  max_input_tokens: Type.Optional(Type.Integer()),
});
const MessagesModelList = object({
  data: Type.Array(ref("MessagesModel")),
  has_more: Type.Boolean(),
  first_id: orNull(Type.String()),
  last_id: orNull(Type.String()),
});

export const schemas = {
  CreateMessageRequest,
  MessagesInputMessage,
  MessagesInputBlock,
  MessagesTool,
  Message,
  MessagesContentBlock,
  MessagesTextBlock: TextBlock,
  MessagesThinkingBlock: ThinkingBlock,
  MessagesToolUseBlock: ToolUseBlock,
  MessagesServerToolUseBlock: ServerToolUseBlock,
  MessagesWebSearchToolResultBlock: WebSearchToolResultBlock,
  MessagesUsage,
  MessageStreamEvent,
  MessageStartEvent,
  ContentBlockStartEvent,
  ContentBlockDeltaEvent,
  ContentBlockStopEvent,
  MessageDeltaEvent,
  MessageStopEvent,
  MessagePingEvent,
  MessageErrorEvent,
  MessagesErrorResponse,
  CountMessageTokensRequest,
  CountMessageTokensResponse,
  MessagesModel,
  MessagesModelList,
} as const;
