// The canonical request: the shape of a Responses create body, with everything unknown carried along.

/** An input or output item (wire/codex.md B.2). Only `type` is known for all; the rest travels as it came. */
export interface Item {
  type?: string;
  [field: string]: unknown;
}

/** A tool declaration (wire/codex.md B.3). */
export interface Tool {
  type: string;
  name?: string;
  [field: string]: unknown;
}

/** `reasoning` of a turn. `effort` is one of `EFFORTS` or what the client wrote, until model-effort has judged it. */
export interface Reasoning {
  effort?: string;
  summary?: string;
  [field: string]: unknown;
}

/** `text` of a turn: the form of the answer (free text, JSON, a schema) and how wordy it is. */
export interface TextOptions {
  format?: { type: string; [field: string]: unknown };
  verbosity?: string;
  [field: string]: unknown;
}

/** One canonical request, in the shape of a Responses create body. */
export interface Turn {
  model: string;
  input: Item[];
  instructions?: string;
  tools?: Tool[];
  tool_choice?: unknown;
  parallel_tool_calls?: boolean;
  reasoning?: Reasoning;
  text?: TextOptions;
  include?: string[];
  service_tier?: string;
  prompt_cache_key?: string;
  [field: string]: unknown;
}

/** Reasoning efforts, weakest first (product.md, Words). */
export const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
/** How hard the model thinks: one of `EFFORTS`. */
export type Effort = (typeof EFFORTS)[number];

/** Token counts of one answer, in the shape of the Responses wire. */
export interface Usage {
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  input_tokens_details: { cached_tokens: number; [field: string]: unknown };
  output_tokens_details: { reasoning_tokens: number; [field: string]: unknown };
}

/** Reads a usage object as the upstream sent it, completing what it left out; undefined when it sent none. */
export function usageOf(value: unknown): Usage | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const usage = value as Record<string, unknown>;
  const input = count(usage.input_tokens);
  const output = count(usage.output_tokens);
  const into = (usage.input_tokens_details ?? {}) as Record<string, unknown>;
  const out = (usage.output_tokens_details ?? {}) as Record<string, unknown>;
  return {
    ...usage,
    input_tokens: input,
    output_tokens: output,
    total_tokens: usage.total_tokens === undefined ? input + output : count(usage.total_tokens),
    input_tokens_details: { ...into, cached_tokens: count(into.cached_tokens) },
    output_tokens_details: { ...out, reasoning_tokens: count(out.reasoning_tokens) },
  };
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}
