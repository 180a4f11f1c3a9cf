// Token counts of an answer in the words of the Messages dialect.

import type { ReplyContext, Usage } from "codexd/plugin";

/** What both the end of a stream and a unary reply report. Input that came from the cache is counted apart. */
export function tokensOf(usage: Usage | undefined, searches: number, estimate: number): Record<string, unknown> {
  const cached = usage?.input_tokens_details.cached_tokens ?? 0;
  const written = usage?.input_tokens_details.cache_write_tokens;
  const created = typeof written === "number" ? written : 0;
  const thinking = usage?.output_tokens_details.reasoning_tokens ?? 0;
  return {
    input_tokens: usage ? Math.max(0, usage.input_tokens - cached - created) : estimate,
    cache_creation_input_tokens: created,
    cache_read_input_tokens: cached,
    output_tokens: usage?.output_tokens ?? 0,
    ...(thinking > 0 ? { output_tokens_details: { thinking_tokens: thinking } } : {}),
    ...(searches > 0 ? { server_tool_use: { web_search_requests: searches, web_fetch_requests: 0 } } : {}),
  };
}

/** The full usage object of a message. */
export function messageUsage(tokens: Record<string, unknown>, context: ReplyContext): Record<string, unknown> {
  const tier = context.turn.service_tier === "priority" ? "priority" : "standard";
  return { ...tokens, cache_creation: null, service_tier: tier };
}
