// Content parts of Chat messages and tool results as Responses parts.

import { type Item, invalid } from "codexd/plugin";
import {
  type Fields,
  isObject,
  optionalArray,
  optionalString,
  others,
  requiredObject,
  requiredString,
} from "./field.ts";

/** Where a decoder puts the paths of fields that have no effect. Indexes are left out: the header stays short however long the history is. */
export type Dropped = Set<string>;

const LEGAL = "text, image_url, input_audio, file";

/** The content of a system, developer or user message. */
export function messageContent(content: unknown, path: string, dropped: Dropped): Item[] {
  if (typeof content === "string") return [{ type: "input_text", text: content }];
  const parts = optionalArray(content, path);
  if (!parts || parts.length === 0) {
    throw invalid(path, `${path} must be a string or a non-empty array of parts (${LEGAL})`);
  }
  return parts.map((part, index) => inputPart(part, `${path}[${index}]`, dropped));
}

function inputPart(value: unknown, path: string, dropped: Dropped): Item {
  const part = requiredObject(value, path);
  switch (part.type) {
    case "text":
      return { type: "input_text", text: anyString(part.text, `${path}.text`), ...rest(part, ["text"], dropped) };
    case "image_url":
      return image(part, path, dropped);
    case "input_audio":
      return { type: "input_audio", input_audio: requiredObject(part.input_audio, `${path}.input_audio`) };
    case "file":
      return file(part, path, dropped);
    case "refusal":
      return { type: "input_text", text: anyString(part.refusal, `${path}.refusal`) };
    default:
      // Agents that speak both OpenAI dialects put a Responses part here; it needs no translation.
      if (typeof part.type === "string" && part.type.startsWith("input_")) return part;
      throw invalid(
        `${path}.type`,
        `${path}.type must be one of ${LEGAL}, or an input_* part of the Responses API, found ${JSON.stringify(part.type) ?? "nothing"}`,
      );
  }
}

function image(part: Fields, path: string, dropped: Dropped): Item {
  const image = part.image_url;
  const plain = typeof image === "string";
  const fields = plain ? {} : requiredObject(image, `${path}.image_url`);
  const url = plain ? image : requiredString(fields.url, `${path}.image_url.url`);
  const detail = optionalString(fields.detail ?? part.detail, `${path}.image_url.detail`);
  return {
    type: "input_image",
    image_url: url,
    ...(detail !== undefined && { detail }),
    ...rest(part, ["image_url", "detail"], dropped),
  };
}

function file(part: Fields, path: string, dropped: Dropped): Item {
  const file = requiredObject(part.file, `${path}.file`);
  if (!["file_data", "file_id", "file_url"].some((name) => typeof file[name] === "string")) {
    throw invalid(`${path}.file`, `${path}.file must have file_data (a data URL) or file_id`);
  }
  return { type: "input_file", ...others(file, []), ...rest(part, ["file"], dropped) };
}

/** What else a part carries, for example a cache breakpoint. Anthropic's cache marks have no place in a turn. */
function rest(part: Fields, known: readonly string[], dropped: Dropped): Fields {
  if (part.cache_control) dropped.add("messages[].content[].cache_control");
  return others(part, ["type", "cache_control", ...known]);
}

function anyString(value: unknown, path: string): string {
  const text = optionalString(value, path);
  if (text === undefined) throw invalid(path, `${path} must be a string, found nothing`);
  return text;
}

/** The output of a tool: a string stays that string, parts keep their images, anything else is kept as its JSON. */
export function toolOutput(content: unknown, dropped: Dropped): string | Item[] {
  if (content === undefined) return "";
  if (!Array.isArray(content)) return typeof content === "string" ? content : JSON.stringify(content);
  if (content.length === 0) return "";
  return content.map((part) => outputPart(part, dropped));
}

/** A part that we cannot read is no reason to refuse the history: the model gets its JSON. */
function outputPart(part: unknown, dropped: Dropped): Item {
  if (isObject(part) && usable(part)) return inputPart(part, "content", dropped);
  return { type: "input_text", text: typeof part === "string" ? part : JSON.stringify(part) };
}

function usable(part: Fields): boolean {
  switch (part.type) {
    case "text":
    case "input_text":
      return typeof part.text === "string";
    case "image_url":
      return typeof part.image_url === "string" || (isObject(part.image_url) && typeof part.image_url.url === "string");
    case "input_image":
      return typeof part.image_url === "string" || typeof part.file_id === "string";
    case "file":
      return isObject(part.file) && (typeof part.file.file_data === "string" || typeof part.file.file_id === "string");
    case "input_file":
      return (
        typeof part.file_data === "string" || typeof part.file_id === "string" || typeof part.file_url === "string"
      );
    default:
      return false;
  }
}

/** The text and refusal parts of an assistant message; empty ones are left out. */
export function assistantContent(message: Fields, path: string): Item[] {
  const { content, refusal, annotations } = message;
  if (typeof content === "string" && refusal === undefined && annotations === undefined)
    return content === "" ? [] : [{ type: "output_text", text: content }];
  const parts: Item[] = [];
  const add = (type: "output_text" | "refusal", text: string | undefined) => {
    if (text) parts.push(type === "output_text" ? { type, text } : { type, refusal: text });
  };
  if (typeof message.content === "string") {
    add("output_text", message.content);
  } else {
    for (const [index, value] of (optionalArray(message.content, `${path}.content`) ?? []).entries()) {
      const at = `${path}.content[${index}]`;
      const part = requiredObject(value, at);
      if (part.type === "refusal") add("refusal", optionalString(part.refusal, `${at}.refusal`));
      else if (part.type === "text" || part.type === "output_text")
        add("output_text", optionalString(part.text, `${at}.text`));
      else
        throw invalid(
          `${at}.type`,
          `${at}.type must be text or refusal, found ${JSON.stringify(part.type) ?? "nothing"}`,
        );
    }
  }
  add("refusal", optionalString(message.refusal, `${path}.refusal`));
  const citations = citationsOf(message.annotations);
  const first = parts.find((part) => part.type === "output_text");
  if (first && citations.length > 0) first.annotations = citations;
  return parts;
}

/** Citations of an earlier answer, flat as the Responses wire has them. */
function citationsOf(annotations: unknown): Item[] {
  if (!Array.isArray(annotations)) return [];
  return annotations
    .filter((one): one is Fields => isObject(one) && one.type === "url_citation" && isObject(one.url_citation))
    .map((one) => ({ type: "url_citation", ...(one.url_citation as Fields) }));
}
