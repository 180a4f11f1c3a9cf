// The response format: `responseMimeType` with `responseSchema` or `responseJsonSchema`.

import type { TextOptions } from "codexd/plugin";
import type { Fields } from "./fields.ts";
import { closed, jsonSchema } from "./schema.ts";

export interface Format {
  text?: TextOptions;
  /** The field that asked for it. */
  field: string;
  /** The upstream's schemas have an object at the root; any other answer travels in its `value`. */
  unwrap?: "json" | "text";
  /** What must be said in words when the input does not. */
  hint?: string;
}

const ENUM = "text/x.enum";

/** Reads the format; a mime type that nothing can hold the model to stays unread. */
export function formatOf(config: Fields): Format {
  const mime = config.peek("responseMimeType");
  const plain = config.get("responseSchema");
  const json = config.get("responseJsonSchema");
  if (mime === undefined || mime === "text/plain" || mime === "application/json" || mime === ENUM)
    config.string("responseMimeType");
  if (plain !== undefined || json !== undefined) {
    return {
      field: json === undefined ? "responseSchema" : "responseJsonSchema",
      ...schemaFormat(json ?? plain, mime === ENUM),
    };
  }
  if (mime !== "application/json") return { field: "responseMimeType" };
  return { field: "responseMimeType", text: { format: { type: "json_object" } }, hint: "Answer in JSON." };
}

function schemaFormat(given: unknown, isEnum: boolean): Omit<Format, "field"> {
  const root = jsonSchema(given);
  const isObject = root.type === "object" || (root.type === undefined && root.properties !== undefined);
  const { schema, strict } = closed(isObject ? { ...root, type: "object" } : wrapped(root));
  const text = { format: { type: "json_schema", name: "response", schema, strict } };
  return isObject ? { text } : { text, unwrap: isEnum ? "text" : "json" };
}

/** Definitions stay at the root, where references look for them. */
function wrapped({ $defs, definitions, ...value }: Record<string, unknown>): Record<string, unknown> {
  return {
    type: "object",
    properties: { value },
    required: ["value"],
    ...($defs === undefined ? {} : { $defs }),
    ...(definitions === undefined ? {} : { definitions }),
  };
}
