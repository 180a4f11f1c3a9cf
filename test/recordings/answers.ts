// What the answer of each dialect says, read from its own fields into words that belong to none.

import { type Answer, callsOf, partsOf, textOf, thoughtsOf } from "../dialects/gemini/play.ts";
import type { Json } from "./gateway.ts";
import { inputOf, type Said } from "./said.ts";

/** A list of one, or of none where there is nothing. */
export const one = (text: string) => (text === "" ? [] : [text]);

export function saidByCompletion(body: Json): Said {
  const [choice] = body.choices as { message: Json; finish_reason: string }[];
  const message = choice?.message ?? {};
  const calls = (message.tool_calls ?? []) as { id: string; function?: Json; custom?: Json }[];
  return {
    text: `${message.content ?? ""}${message.refusal ?? ""}`,
    thoughts: one(String(message.reasoning_content ?? "")),
    calls: calls.map(({ id, function: called, custom }) => ({
      id,
      name: (called ?? custom)?.name,
      input: inputOf(String(called?.arguments ?? custom?.input)),
    })),
    finish: chatFinish(choice?.finish_reason),
    usage: chatUsage(body.usage as Json | undefined),
  };
}

const FINISHES: Record<string, Said["finish"]> = { tool_calls: "calls", content_filter: "filter", length: "length" };

export function chatFinish(reason: string | undefined): Said["finish"] {
  return FINISHES[String(reason)] ?? "stop";
}

export function chatUsage(usage: Json | undefined): Said["usage"] {
  if (!usage) return undefined;
  return {
    input: Number(usage.prompt_tokens),
    cached: Number((usage.prompt_tokens_details as Json).cached_tokens),
    output: Number(usage.completion_tokens),
    reasoning: Number((usage.completion_tokens_details as Json).reasoning_tokens),
    total: Number(usage.total_tokens),
  };
}

const STOPS: Record<string, Said["finish"]> = { tool_use: "calls", max_tokens: "length", refusal: "filter" };

export function saidByMessage(message: Json): Said {
  const content = message.content as Json[];
  const of = (type: string) => content.filter((block) => block.type === type);
  const usage = message.usage as Record<string, number>;
  const cached = usage.cache_read_input_tokens ?? 0;
  const input = (usage.input_tokens ?? 0) + cached + (usage.cache_creation_input_tokens ?? 0);
  const output = usage.output_tokens ?? 0;
  return {
    text: of("text")
      .map((block) => block.text)
      .join(""),
    thoughts: of("thinking")
      .map((block) => String(block.thinking))
      .filter((text) => text !== ""),
    calls: of("tool_use").map(({ id, name, input }) => ({ id, name, input })),
    finish: STOPS[String(message.stop_reason)] ?? "stop",
    usage: { input, cached, output, reasoning: 0, total: input + output },
  };
}

const REASONS: Record<string, Said["finish"]> = { MAX_TOKENS: "length", SAFETY: "filter" };

export function saidByAnswers(answers: Answer[]): Said {
  const parts = partsOf(answers);
  const calls = callsOf(parts).map(({ id, name, args }) => ({ id, name, input: args }));
  const last = answers.at(-1);
  const usage = last?.usageMetadata;
  const told = REASONS[String(last?.candidates[0]?.finishReason)];
  return {
    text: textOf(parts),
    thoughts: one(thoughtsOf(parts)),
    calls,
    finish: told ?? (calls.length > 0 ? "calls" : "stop"),
    usage: usage && {
      input: usage.promptTokenCount ?? 0,
      cached: usage.cachedContentTokenCount ?? 0,
      output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
      reasoning: usage.thoughtsTokenCount ?? 0,
      total: usage.totalTokenCount ?? 0,
    },
  };
}
