// Holds options against a plugin's own TypeBox schema, for everything that the configuration's own check does not know.

import type { TSchema } from "@sinclair/typebox";
import { Kind } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Plugin } from "../core/hooks.ts";

export interface OptionFault {
  /** Keys and indices down to the place. */
  path: string[];
  /** What is there, in words that give no text away. */
  found: string;
  legal: string;
}

/** Durations and sizes are numbers by now, whatever their schema says of the text. */
const RESOLVED = ["duration", "size"];

/** Every fault; none for a schema that TypeBox did not make, which only it could read. */
export function optionFaults({ options: schema }: Plugin<never>, options: unknown): OptionFault[] {
  if (schema === undefined || !(Kind in (schema as object))) return [];
  const faults: OptionFault[] = [];
  for (const { path, value, message, schema: node } of Value.Errors(schema as TSchema, options)) {
    if (RESOLVED.includes(node.meaning)) continue;
    faults.push({
      path: path.split("/").slice(1).map(unescaped),
      found: wordsOf(value),
      legal: message.replace(/^Expected /, "").replace(/^(Unexpected|Required) property$/, "another key"),
    });
  }
  return faults;
}

/** A step of a JSON pointer. */
const unescaped = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~");

function wordsOf(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "string") return `a text of ${value.length} characters`;
  if (typeof value === "object") return Array.isArray(value) ? `a list of ${value.length}` : "a mapping";
  return String(value);
}
