// Reads a stream as the Codex CLI does (codex.md, section C): strict where it is strict, deaf to everything it ignores.
import type { Json } from "./material.ts";

export interface Heard {
  text: string;
  items: Json[];
  live: string;
  usage: Json | undefined;
}

const string = (value: unknown, what: string): string => {
  if (typeof value !== "string") throw new Error(`${what} is not a string: ${JSON.stringify(value)}`);
  return value;
};
const integer = (value: unknown, what: string): number => {
  if (!Number.isInteger(value)) throw new Error(`missing field \`${what}\`: ${JSON.stringify(value)}`);
  return value as number;
};

export function hearAsCodex(events: Json[]): Heard {
  const heard: Heard = { text: "", items: [], live: "", usage: undefined };
  let created = false;
  for (const event of events) {
    switch (event.type) {
      case "response.created":
        created = event.response !== undefined;
        break;
      case "response.output_item.added":
        item(event.item);
        break;
      case "response.output_item.done":
        heard.items.push(item(event.item));
        break;
      case "response.output_text.delta":
        heard.live += string(event.delta, "delta");
        break;
      case "response.reasoning_summary_part.added":
        integer(event.summary_index, "summary_index");
        break;
      case "response.reasoning_summary_text.delta":
        string(event.delta, "delta");
        integer(event.summary_index, "summary_index");
        break;
      case "response.custom_tool_call_input.delta":
        string(event.delta, "delta");
        string(event.item_id ?? event.call_id, "item_id or call_id");
        break;
      case "response.completed":
        if (!created) throw new Error("completed before created");
        return completed(event.response, heard);
      case "response.incomplete":
        throw new Error(`Incomplete response returned, reason: ${event.response.incomplete_details.reason}`);
      case "response.failed":
        throw new Error(`failed: ${JSON.stringify(event.response.error)}`);
    }
  }
  throw new Error("stream closed before response.completed");
}

function completed(response: Json, heard: Heard): Heard {
  string(response.id, "id");
  const { usage } = response;
  if (usage) {
    for (const field of ["input_tokens", "output_tokens", "total_tokens"]) integer(usage[field], field);
    if (usage.input_tokens_details) integer(usage.input_tokens_details.cached_tokens, "cached_tokens");
    if (usage.output_tokens_details) integer(usage.output_tokens_details.reasoning_tokens, "reasoning_tokens");
    heard.usage = usage;
  }
  const messages = heard.items.filter((one) => one.type === "message");
  heard.text = messages.flatMap((one) => one.content.map((part: Json) => part.text ?? "")).join("");
  return heard;
}

function item(value: Json): Json {
  switch (value.type) {
    case "message":
      string(value.role, "role");
      if (!Array.isArray(value.content)) throw new Error("a message without content");
      break;
    case "function_call":
      for (const field of ["name", "arguments", "call_id"]) string(value[field], field);
      break;
    case "custom_tool_call":
      for (const field of ["name", "input", "call_id"]) string(value[field], field);
      break;
    case "tool_search_call":
      string(value.execution, "execution");
      if (value.arguments === undefined) throw new Error("a tool search without arguments");
      break;
    case "reasoning":
      if (!Array.isArray(value.summary)) throw new Error("reasoning without summary");
      break;
    case "image_generation_call":
      string(value.status, "status");
      break;
    default:
      throw new Error(`an item the CLI would drop: ${value.type}`);
  }
  return value;
}
