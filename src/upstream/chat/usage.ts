// Token counts of a Chat provider, in the several places and spellings that providers use, as the Responses wire counts them.

import type { Usage } from "../../core/turn.ts";

type Json = Record<string, unknown>;

/** The usage object of a chunk or body, wherever this provider puts it. */
export function usageIn(body: Json): Json | undefined {
  const choice = Array.isArray(body.choices) ? (body.choices[0] as Json | undefined) : undefined;
  for (const value of [body.usage, choice?.usage, (body.x_groq as Json | undefined)?.usage]) {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  }
  return undefined;
}

export function usageOfChat(usage: Json): Usage {
  const into = (usage.prompt_tokens_details ?? {}) as Json;
  const out = (usage.completion_tokens_details ?? {}) as Json;
  const input = first(usage.prompt_tokens, usage.input_tokens) ?? 0;
  const told = first(usage.total_tokens);
  const reasoning = first(out.reasoning_tokens, usage.reasoning_tokens) ?? 0;
  const written = first(usage.completion_tokens, usage.output_tokens) ?? Math.max(0, (told ?? 0) - input);
  // Some providers count reasoning beside the completion, not in it; their total gives it away.
  const output =
    told !== undefined && reasoning > 0 && told === input + written + reasoning ? written + reasoning : written;
  const cacheWrites = first(into.cache_write_tokens);
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: first(into.cached_tokens, usage.prompt_cache_hit_tokens, usage.cached_tokens) ?? 0,
      ...(cacheWrites === undefined ? {} : { cache_write_tokens: cacheWrites }),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: told ?? input + output,
  };
}

function first(...values: unknown[]): number | undefined {
  for (const value of values)
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return Math.floor(value);
  return undefined;
}
