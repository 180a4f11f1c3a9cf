// Content blocks of a Messages request as input parts of a turn.

import { invalid } from "codexd/plugin";

export type Block = Record<string, unknown>;
export type Part = { type: string; [field: string]: unknown };

/** What the conversion of blocks leaves behind for the rest of the decoder. */
export interface Notes {
  /** Paths of fields without effect. */
  readonly dropped: string[];
  /** Names of deferred tools that the conversation has loaded or called. */
  readonly referenced: Set<string>;
}

/** A string or an array of blocks, as both forms occur wherever content does. */
export function blocksOf(content: unknown, at: string): Block[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content)) throw invalid(at, `${at} must be a string or an array of content blocks`);
  for (let index = 0; index < content.length; index++) {
    const block: unknown = content[index];
    if (typeof block !== "object" || block === null)
      throw invalid(`${at}[${index}]`, `${at}[${index}] must be a content block`);
  }
  return content as Block[];
}

/** The parts of one block a user or a tool can send; empty when it has no place upstream. */
export function inputParts(block: Block, at: string, notes: Notes): Part[] {
  switch (block.type) {
    case "text":
      return textPart(block.text);
    case "image":
      return [imagePart(source(block, at), at)];
    case "document":
      return documentParts(block, at, notes);
    case "search_result":
      return textPart(
        [block.title, block.source, "", texts(block.content)].filter((line) => typeof line === "string").join("\n"),
      );
    case "tool_reference":
      if (typeof block.tool_name !== "string") return [];
      notes.referenced.add(block.tool_name);
      return textPart(`The tool ${block.tool_name} is loaded.`);
    default:
      if (typeof block.text === "string") return textPart(block.text);
      notes.dropped.push(at);
      return [];
  }
}

function textPart(text: unknown): Part[] {
  return typeof text === "string" && text !== "" ? [{ type: "input_text", text }] : [];
}

function source(block: Block, at: string): Block {
  if (typeof block.source === "object" && block.source !== null) return block.source as Block;
  throw invalid(`${at}.source`, `${at}.source must be an object with a type`);
}

function imagePart(from: Block, at: string): Part {
  switch (from.type) {
    case "base64":
      return { type: "input_image", image_url: dataUrl(from, "image/png") };
    case "url":
      return { type: "input_image", image_url: from.url };
    case "file":
      return { type: "input_image", file_id: from.file_id };
    default:
      throw invalid(`${at}.source.type`, `${at}.source.type must be one of base64, url, file`);
  }
}

function documentParts(block: Block, at: string, notes: Notes): Part[] {
  const from = source(block, at);
  if ((block.citations as { enabled?: unknown } | null | undefined)?.enabled === true)
    notes.dropped.push(`${at}.citations`);
  const context = textPart(block.context);
  const title = typeof block.title === "string" && block.title !== "" ? block.title : undefined;
  switch (from.type) {
    case "base64":
      return [
        ...context,
        { type: "input_file", filename: filename(title, from.media_type), file_data: dataUrl(from, "application/pdf") },
      ];
    case "url":
      return [...context, { type: "input_file", file_url: from.url }];
    case "file":
      return [...context, { type: "input_file", file_id: from.file_id }];
    case "text":
      return [...textPart(title), ...context, ...textPart(from.data)];
    case "content": {
      const inner = `${at}.source.content`;
      const parts = blocksOf(from.content, inner).flatMap((part, index) =>
        inputParts(part, `${inner}[${index}]`, notes),
      );
      return [...textPart(title), ...context, ...parts];
    }
    default:
      throw invalid(`${at}.source.type`, `${at}.source.type must be one of base64, text, url, content, file`);
  }
}

function dataUrl(from: Block, fallback: string): string {
  return `data:${typeof from.media_type === "string" ? from.media_type : fallback};base64,${String(from.data ?? "")}`;
}

/** Upstreams tell the kind of a file by its name's ending. */
function filename(title: string | undefined, mediaType: unknown): string {
  const ending =
    typeof mediaType === "string" && mediaType !== "application/pdf" ? `.${mediaType.split("/").pop()}` : ".pdf";
  const name = title ?? "document";
  return name.endsWith(ending) ? name : `${name}${ending}`;
}

/** The text of a block list, for places that hold nothing but text. */
export function texts(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((block: { text?: unknown } | null) => block?.text)
    .filter((text) => typeof text === "string")
    .join("\n");
}
