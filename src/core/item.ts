// What an output item says: the kind of block that it is, its texts and its arguments.

import type { BlockType } from "./block.ts";
import type { Item } from "./turn.ts";

/** What a block of this item holds; a message's blocks are told apart by its parts. */
export function typeOf(item: Item): BlockType {
  switch (item.type) {
    case "message":
      return "text";
    case "reasoning":
      return "reasoning";
    case "function_call":
      return "function";
    case "custom_tool_call":
      return "custom";
    case "image_generation_call":
      return "image";
    case "web_search_call":
      return "search";
    default:
      return "other";
  }
}

/** The type of a message's part; undefined for parts that are neither. */
export function partType(type: unknown): "text" | "refusal" | undefined {
  if (type === "refusal") return "refusal";
  return type === "output_text" || type === "text" ? "text" : undefined;
}

/** The arguments or the input of a call, as text. */
export function argumentsOf(item: Item): string {
  const value = item.type === "custom_tool_call" ? item.input : item.arguments;
  return typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
}

/** The texts of a reasoning item: its summary parts, else its raw content. */
export function reasoningTexts(item: Item): string[] {
  for (const field of [item.summary, item.content]) {
    if (!Array.isArray(field)) continue;
    const texts = field
      .map((part: { text?: unknown }) => part?.text)
      .filter((t): t is string => typeof t === "string" && t !== "");
    if (texts.length > 0) return texts;
  }
  return [];
}
