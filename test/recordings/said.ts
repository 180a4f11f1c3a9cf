// What an answer says, in words that belong to no dialect, and how a recording itself says it.

import type { Event } from "../../src/core/event.ts";
import { SseReader } from "../../src/core/sse.ts";
import { dataBytes } from "../data.ts";
import { type Json as Loose, saidByChat } from "../upstream/chat/material.ts";
import type { Json } from "./gateway.ts";

export interface Said {
  text: string;
  /** One entry for each reasoning item that shows something. */
  thoughts: string[];
  calls: { id: unknown; name: unknown; input: unknown }[];
  finish: "calls" | "stop" | "length" | "filter";
  usage: Usage | undefined;
}

export interface Usage {
  input: number;
  cached: number;
  output: number;
  reasoning: number;
  total: number;
}

/** Edited by hand before it was published: its deltas say another sentence than its finished item. What was said cannot be unsaid. */
export const UNSAID: Record<string, string> = {
  "vercel-ai/responses/openai-shell-container.1__stream.sse": "The command ran successfully.",
};

export function eventsOf(bytes: Uint8Array): Event[] {
  const reader = new SseReader();
  return [...reader.push(bytes), ...reader.end()].filter((event) => event.type !== "" && event.type !== "[DONE]");
}

/** From the finished items and the terminal event alone; undefined for an answer that failed. */
export function saidByEvents(events: readonly Json[]): Said | undefined {
  const terminal = events.find((event) => event.type === "response.completed" || event.type === "response.incomplete");
  if (!terminal) return undefined;
  const items = events.filter((event) => event.type === "response.output_item.done").map((event) => event.item as Json);
  return saidByResponse({ ...(terminal.response as Json), output: items });
}

export function saidByResponse(response: Json): Said {
  const items = response.output as Json[];
  const calls = items.flatMap(callOf);
  const reason = (response.incomplete_details as { reason?: string } | null | undefined)?.reason;
  return {
    text: items
      .filter((item) => item.type === "message")
      .flatMap((item) => texts(item.content))
      .join(""),
    thoughts: items.filter((item) => item.type === "reasoning").flatMap(thoughtsOf),
    calls,
    finish:
      calls.length > 0
        ? "calls"
        : reason === "max_output_tokens"
          ? "length"
          : reason === "content_filter"
            ? "filter"
            : "stop",
    usage: usageOf(response.usage as Json | null | undefined),
  };
}

function usageOf(usage: Json | null | undefined): Usage | undefined {
  if (!usage) return undefined;
  const detail = (name: string, field: string) => Number((usage[name] as Json | undefined)?.[field] ?? 0);
  return {
    input: Number(usage.input_tokens),
    cached: detail("input_tokens_details", "cached_tokens"),
    output: Number(usage.output_tokens),
    reasoning: detail("output_tokens_details", "reasoning_tokens"),
    total: Number(usage.total_tokens),
  };
}

function texts(parts: unknown): string[] {
  return ((parts ?? []) as { text?: string; refusal?: string }[])
    .map((part) => part.text ?? part.refusal ?? "")
    .filter((text) => text !== "");
}

function thoughtsOf(item: Json): string[] {
  const summary = texts(item.summary);
  const said = (summary.length > 0 ? summary : texts(item.content)).join("\n\n");
  return said === "" ? [] : [said];
}

function callOf(item: Json): Said["calls"] {
  const { call_id: id, name, input } = item;
  if (item.type === "custom_tool_call") return [{ id, name, input: { input } }];
  return item.type === "function_call" ? [{ id, name, input: inputOf(String(item.arguments)) }] : [];
}

/** The input of a call, whether it is JSON or, for a tool with an input of its own form, plain text. */
export function inputOf(text: string): unknown {
  try {
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return { input: text };
  }
}

const FINISH: Record<string, Said["finish"]> = { length: "length", content_filter: "filter" };

/** What a recorded Chat stream says, from its own chunks. */
export function saidByChatStream(file: string): Said {
  const chunks = new TextDecoder()
    .decode(dataBytes(`recordings/${file}`))
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data:") && !line.includes("[DONE]"))
    .map((line) => JSON.parse(line.slice(5)) as Loose);
  const { text, refusal, reasoning, calls, finish, usage } = saidByChat(chunks);
  return {
    text: text + refusal,
    thoughts: reasoning === "" ? [] : [reasoning],
    calls: calls.map((call) => ({ id: call.id, name: call.name, input: call.arguments })),
    finish: calls.length > 0 ? "calls" : (FINISH[finish] ?? "stop"),
    usage,
  };
}
