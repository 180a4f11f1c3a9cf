// Which fields of a turn each upstream kind takes: an allow-list as data, so that no client can provoke an "Unsupported parameter".

export type Kind = "chatgpt" | "openai" | "compatible";

/** What a kind takes. `nested` narrows objects; `all` lets every field pass, known or not. */
export interface Allowed {
  fields: ReadonlySet<string>;
  nested: Readonly<Record<string, ReadonlySet<string>>>;
  all: boolean;
}

/** Sent by every Codex client, and of no interest to anybody else (wire/codex.md B.1). */
export const CODEX_FIELDS: ReadonlySet<string> = new Set([
  "client_metadata",
  "access_programs",
  "prompt_cache_options",
]);

const CHATGPT = [
  ...["model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "store", "stream"],
  ...["include", "service_tier", "prompt_cache_key", "text", "client_metadata", "stream_options"],
];

/** The public Responses create body. */
const PUBLIC = [
  ...["model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "store", "stream"],
  ...["include", "service_tier", "prompt_cache_key", "text", "stream_options", "background", "context_management"],
  ...[
    "conversation",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "previous_response_id",
    "prompt",
  ],
  ...["prompt_cache_retention", "safety_identifier", "temperature", "top_logprobs", "top_p", "truncation", "user"],
];

export const ALLOWED: Readonly<Record<Kind, Allowed>> = {
  chatgpt: {
    fields: new Set(CHATGPT),
    nested: {
      stream_options: new Set(["reasoning_summary_delivery"]),
      text: new Set(["format", "verbosity"]),
      reasoning: new Set(["effort", "summary", "context"]),
    },
    all: false,
  },
  openai: { fields: new Set([...PUBLIC, ...CODEX_FIELDS]), nested: {}, all: false },
  // Whoever configures another provider knows its extra fields; what they mean is between client and provider.
  compatible: { fields: new Set(), nested: {}, all: true },
};

/** What the legacy compaction endpoint takes (wire/codex.md G.2); it refuses others, `service_tier` for one. */
export const COMPACT_FIELDS: ReadonlySet<string> = new Set([
  ...["model", "input", "instructions", "tools", "parallel_tool_calls", "reasoning", "prompt_cache_key", "text"],
]);

/** Tiers that the ChatGPT backend takes; its own clients may know more. */
export const CHATGPT_TIERS: ReadonlySet<string> = new Set(["priority", "flex"]);
