// The fields of a Chat delta or message, in the spellings of the providers that exist.

type Json = Record<string, unknown>;

/** One fragment of a tool call. */
export interface CallPiece {
  index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  arguments: unknown;
  /** A custom tool's own form: what looks like arguments is the bare input. */
  freeform: boolean;
}

/** The reasoning text. Providers that fill several of these fields say the same thing in each. */
export function reasoningOf(delta: Json): string {
  for (const value of [delta.reasoning_content, delta.reasoning])
    if (typeof value === "string" && value !== "") return value;
  if (!Array.isArray(delta.reasoning_details)) return "";
  const texts = delta.reasoning_details.map((detail: Json | null) => detail?.text ?? detail?.summary);
  return texts.filter((text) => typeof text === "string").join("");
}

/** The text, which some providers send as parts. */
export function contentPieces(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part: Json | null) => (typeof part?.text === "string" ? [part.text] : []));
}

export function callPieces(delta: Json): CallPiece[] {
  const pieces: CallPiece[] = [];
  for (const value of Array.isArray(delta.tool_calls) ? (delta.tool_calls as (Json | null)[]) : []) {
    if (!value) continue;
    const freeform = !value.function && typeof value.custom === "object" && value.custom !== null;
    const called = (value.function ?? value.custom ?? {}) as Json;
    pieces.push({
      index: typeof value.index === "number" ? value.index : undefined,
      id: text(value.id),
      name: text(called.name),
      arguments: called.arguments ?? called.input,
      freeform,
    });
  }
  const legacy = delta.function_call as Json | null | undefined;
  if (legacy) {
    const { name, arguments: args } = legacy;
    pieces.push({ index: 0, id: undefined, name: text(name), arguments: args, freeform: false });
  }
  return pieces;
}

export function argumentsOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A citation in the flat form of the Responses wire; undefined for kinds that it has no place for. */
export function annotationOf(value: unknown): Json | undefined {
  const annotation = (value ?? {}) as Json;
  const cited = (annotation.url_citation ?? annotation) as Json;
  const url = text(cited.url);
  if (annotation.type !== "url_citation" || url === undefined) return undefined;
  return {
    type: "url_citation",
    url,
    title: text(cited.title) ?? url,
    start_index: place(cited.start_index),
    end_index: place(cited.end_index),
  };
}

export function imagesOf(value: unknown): { url: string; base64: string | undefined; format: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((image: Json | null) => {
    const held = image?.image_url as Json | string | undefined;
    const url = text(typeof held === "string" ? held : held?.url);
    if (url === undefined) return [];
    const data = /^data:image\/([a-z0-9.+-]+);base64,/i.exec(url);
    return [{ url, base64: data ? url.slice(data[0].length) : undefined, format: data?.[1] ?? "png" }];
  });
}

function place(value: unknown): number {
  return typeof value === "number" && Number.isInteger(value) ? value : 0;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
