// Content parts of the Responses wire as Chat content parts, with the path of each that Chat has no place for.

type Json = Record<string, unknown>;

export interface Parts {
  /** Chat content parts, in order. */
  parts: Json[];
  /** Paths of what could not be said. */
  dropped: string[];
}

/** Converts an item's content (or a call's output), be it a string or parts. */
export function partsOf(content: unknown, path: string): Parts {
  if (typeof content === "string")
    return { parts: content === "" ? [] : [{ type: "text", text: content }], dropped: [] };
  if (!Array.isArray(content)) return { parts: [], dropped: [] };
  const parts: Json[] = [];
  const dropped: string[] = [];
  for (const [index, part] of (content as (Json | null)[]).entries()) {
    const converted = part ? partOf(part) : undefined;
    if (converted) parts.push(converted);
    else dropped.push(`${path}[${index}]`);
  }
  return { parts, dropped };
}

/** The text of text parts, one after the other. */
export function textOf(parts: readonly Json[], joint: string): string {
  return parts.flatMap((part) => (typeof part.text === "string" ? [part.text] : [])).join(joint);
}

/** A lone text as a string, which every provider takes; parts otherwise. */
export function contentOf(parts: Json[]): string | Json[] {
  const [only] = parts;
  return parts.length === 1 && typeof only?.text === "string" ? only.text : parts;
}

function partOf(part: Json): Json | undefined {
  switch (part.type) {
    case "input_text":
    case "output_text":
    case "text":
    case "summary_text":
    case "reasoning_text":
      return typeof part.text === "string" ? { type: "text", text: part.text } : undefined;
    case "refusal":
      return typeof part.refusal === "string" ? { type: "text", text: part.refusal } : undefined;
    case "input_image":
    case "computer_screenshot":
      return imageOf(part);
    case "input_audio":
      return audioOf(part);
    case "input_file":
      return fileOf(part);
    default:
      return undefined;
  }
}

function imageOf(part: Json): Json | undefined {
  if (typeof part.image_url !== "string") return undefined;
  // Chat knows auto, low and high; `original` is the Responses word for "not made smaller".
  const detail = part.detail === "original" ? "high" : part.detail;
  return { type: "image_url", image_url: { url: part.image_url, ...(typeof detail === "string" ? { detail } : {}) } };
}

function audioOf(part: Json): Json | undefined {
  const held = part.input_audio as Json | null | undefined;
  if (typeof held?.data === "string")
    return { type: "input_audio", input_audio: { data: held.data, format: held.format ?? "wav" } };
  const data = /^data:audio\/(?:x-)?([a-z0-9]+)[^,]*;base64,/i.exec(
    typeof part.audio_url === "string" ? part.audio_url : "",
  );
  if (!data) return undefined;
  const format = data[1] === "mpeg" ? "mp3" : data[1];
  return { type: "input_audio", input_audio: { data: (part.audio_url as string).slice(data[0].length), format } };
}

function fileOf(part: Json): Json | undefined {
  if (typeof part.file_id === "string") return { type: "file", file: { file_id: part.file_id } };
  if (typeof part.file_data !== "string") return undefined;
  return { type: "file", file: { filename: part.filename ?? "file", file_data: part.file_data } };
}
