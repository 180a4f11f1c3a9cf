// Excerpts of items that no single question holds: the beginning and the end of long texts, and a word for what is between.

import type { Item } from "codexd/plugin";

/** A picture or a file counts as a text of that length, whatever of it is seen from here. */
const OPAQUE = 4000;

type Part = Record<string, unknown>;

/** Where items have their texts. */
const PLACES = ["content", "summary", "output", "input", "arguments"] as const;

/** An item in which no text is much longer than `most` characters. */
export function excerptOf(item: Item, most: number): Item {
  const short: Item = { ...item };
  for (const place of PLACES) {
    if (lengthOf(item[place]) <= most) continue;
    // Upstreams may read arguments as JSON.
    short[place] =
      place === "arguments"
        ? JSON.stringify({ excerpt: cut(String(item.arguments), most) })
        : shortened(item[place], most);
  }
  return short;
}

/** The length of the longest text in items. */
export function longestIn(items: readonly Item[]): number {
  return Math.max(0, ...items.flatMap((item) => PLACES.map((place) => lengthOf(item[place]))));
}

function lengthOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (!Array.isArray(value)) return 0;
  return Math.max(
    0,
    ...value.map((part: Part | null) => (isText(part) ? part.text.length : isOpaque(part) ? OPAQUE : 0)),
  );
}

function shortened(value: unknown, most: number): unknown {
  if (typeof value === "string") return cut(value, most);
  return (value as (Part | null)[]).map((part) => {
    if (isText(part)) return part.text.length > most ? { ...part, text: cut(part.text, most) } : part;
    return most < OPAQUE && isOpaque(part) ? { type: "input_text", text: `[${part.type} left out]` } : part;
  });
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const side = Math.floor(most / 2);
  const [head, tail] = [text.slice(0, side), text.slice(text.length - side)];
  return `${head.toWellFormed()}\n[${text.length - 2 * side} characters left out]\n${tail.toWellFormed()}`;
}

function isOpaque(part: Part | null): part is Part & { type: string } {
  return part?.type === "input_image" || part?.type === "input_file" || part?.type === "input_audio";
}

function isText(part: Part | null): part is Part & { text: string } {
  return typeof part?.text === "string";
}
