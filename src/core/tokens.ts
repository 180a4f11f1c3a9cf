// How many tokens a turn will cost: exactly enough for `count_tokens`, and roughly, at no cost, for the start of a stream.

import type { Item, Tool, Turn } from "./turn.ts";

type Count = (text: string) => number;

/** Harmony's frame around a message (`<|start|>role<|message|>…<|end|>`), and the opening of the answer. */
const PER_MESSAGE = 4;
const ANSWER = 2;
/** An assistant's message also names its channel. */
const CHANNEL = 2;
/** A call or an output also names its tool and its channel. */
const PER_CALL = 8;
/** An image whose size nobody can see from here counts as one of 1024 × 1024. */
const UNKNOWN_SIDE = 1024;
/** A page of a PDF is its text and its picture; measured on recorded usage. */
const PER_PAGE = 600;
/** The event loop gets its turn after so many characters, a few milliseconds: a count must not hold up other clients' streams. */
const BREATH = 16 * 1024;
/** Text is counted in slices; each cut costs at most one token too many. */
const SLICE = 4096;
/** Merging a run without spaces is quadratic, so one that is longer than any word is cut there. */
const RUN = 128;
/** What a character of such a run costs, in those of words. */
const DEAR = 16;
/** A JPEG may carry long notes before its size. */
const IMAGE_HEAD = 64 * 1024;

let tokenizer: Promise<Count> | undefined;

/** The vocabulary is megabytes, so it is loaded with the first count, not at start-up. */
function load(): Promise<Count> {
  tokenizer ??= import("gpt-tokenizer/encoding/o200k_base").then(({ countTokens: count }) => {
    // What looks like a control token is plain text when a client sends it.
    const plain = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
    return (text) => count(text, plain);
  });
  return tokenizer;
}

/** Counts a turn with the model family's own tokenizer; tools, images, files and formats included. */
export async function countTokens(turn: Turn): Promise<number> {
  const count = await load();
  const texts: string[] = [];
  let total = ANSWER + sized(turn, texts);
  let since = 0;
  for (const text of texts) {
    for (let at = 0; at < text.length; ) {
      const slice = sliceOf(text, at);
      total += count(slice);
      at += slice.length;
      since += slice.length > RUN ? slice.length : slice.length * DEAR;
      if (since < BREATH) continue;
      since = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
  return total;
}

const LONG_RUN = new RegExp(`\\S{${RUN}}`);

/** Up to the next long run, or a piece of it. */
function sliceOf(text: string, at: number): string {
  const slice = text.slice(at, at + SLICE);
  const run = LONG_RUN.exec(slice);
  return run ? slice.slice(0, run.index || RUN) : slice;
}

/** Collects every text that the model will read; returns the tokens that are no text. */
function sized(turn: Turn, texts: string[]): number {
  let total = 0;
  if (typeof turn.instructions === "string" && turn.instructions !== "") {
    texts.push(turn.instructions);
    total += PER_MESSAGE;
  }
  for (const item of turn.input) total += itemTokens(item, texts);
  const functions = (turn.tools ?? []).filter((tool) => tool.type === "function" || tool.type === "custom");
  if (functions.length > 0) texts.push(declarations(functions));
  for (const tool of turn.tools ?? []) if (!functions.includes(tool)) texts.push(JSON.stringify(tool));
  const schema = turn.text?.format?.schema;
  if (schema !== undefined) texts.push(JSON.stringify(schema));
  return total;
}

function itemTokens(item: Item, texts: string[]): number {
  switch (item.type) {
    case "function_call":
    case "custom_tool_call":
      texts.push(String(item.name ?? ""), String(item.arguments ?? item.input ?? ""));
      return PER_CALL;
    case "function_call_output":
    case "custom_tool_call_output":
      return PER_CALL + contentTokens(item.output, texts);
    case "reasoning":
    case "compaction":
    case "compaction_summary":
    case "context_compaction":
      // Measured on recorded ciphertexts: about 980 characters of envelope, then 5 a token.
      return typeof item.encrypted_content === "string"
        ? Math.ceil(Math.max(0, item.encrypted_content.length - 980) / 5)
        : 0;
    case "message":
    case undefined:
      return PER_MESSAGE + (item.role === "assistant" ? CHANNEL : 0) + contentTokens(item.content, texts);
    default:
      texts.push(JSON.stringify(item));
      return PER_MESSAGE;
  }
}

function contentTokens(content: unknown, texts: string[]): number {
  if (typeof content === "string") texts.push(content);
  if (!Array.isArray(content)) return 0;
  let total = 0;
  for (const part of content as Record<string, unknown>[]) {
    if (typeof part?.text === "string") texts.push(part.text);
    else if (typeof part?.refusal === "string") texts.push(part.refusal);
    else if (part?.type === "input_image") total += imageTokens(part);
    else if (part?.type === "input_file") total += fileTokens(part);
  }
  return total;
}

/** Tools reach the model as TypeScript declarations; so they are counted as such. */
function declarations(tools: Tool[]): string {
  const types = tools.map((tool) => {
    const about = typeof tool.description === "string" && tool.description !== "" ? `// ${tool.description}\n` : "";
    if (tool.type === "custom")
      return `${about}type ${tool.name} = (FREEFORM) => any;\n${JSON.stringify(tool.format ?? "")}`;
    return `${about}type ${tool.name} = (_: ${typeScript(tool.parameters)}) => any;`;
  });
  return `\n# Tools\n\n## functions\n\nnamespace functions {\n\n${types.join("\n\n")}\n\n} // namespace functions`;
}

function typeScript(schema: unknown): string {
  if (typeof schema !== "object" || schema === null) return "any";
  const node = schema as Record<string, unknown>;
  if (Array.isArray(node.enum)) return node.enum.map((value) => JSON.stringify(value)).join(" | ");
  const union = node.anyOf ?? node.oneOf;
  if (Array.isArray(union)) return union.map(typeScript).join(" | ");
  if (Array.isArray(node.type)) return node.type.join(" | ");
  if (node.type === "array") return `${typeScript(node.items)}[]`;
  if (node.type === "integer") return "number";
  if (node.type !== "object" && node.properties === undefined) return typeof node.type === "string" ? node.type : "any";
  const required = Array.isArray(node.required) ? node.required : [];
  const fields = Object.entries((node.properties ?? {}) as Record<string, Record<string, unknown>>).map(
    ([name, field]) => {
      const about = typeof field?.description === "string" ? `// ${field.description}\n` : "";
      return `${about}${name}${required.includes(name) ? "" : "?"}: ${typeScript(field)},\n`;
    },
  );
  return `{\n${fields.join("")}}`;
}

/** OpenAI's tile rule: fit into 2048 × 2048, shorter side to 768, then 140 a tile of 512 × 512 over a base of 70. */
function imageTokens(part: Record<string, unknown>): number {
  if (part.detail === "low") return 70;
  const [width, height] = imageSize(part.image_url) ?? [UNKNOWN_SIDE, UNKNOWN_SIDE];
  const fit = Math.min(1, 2048 / Math.max(width, height));
  const shrink = Math.min(1, 768 / Math.min(width * fit, height * fit));
  const tiles = Math.ceil((width * fit * shrink) / 512) * Math.ceil((height * fit * shrink) / 512);
  return 70 + 140 * Math.max(1, tiles);
}

/** Width and height from the first bytes of a `data:` URL; undefined for anything else. */
function imageSize(url: unknown): [number, number] | undefined {
  if (typeof url !== "string" || !url.startsWith("data:")) return undefined;
  const comma = url.indexOf(",");
  const bytes = Buffer.from(url.slice(comma + 1, comma + 1 + IMAGE_HEAD), "base64");
  if (bytes.length < 30) return undefined;
  if (bytes.toString("latin1", 1, 4) === "PNG") return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  if (bytes.toString("latin1", 0, 3) === "GIF") return [bytes.readUInt16LE(6), bytes.readUInt16LE(8)];
  if (bytes.toString("latin1", 8, 12) === "WEBP") return webpSize(bytes);
  return bytes[0] === 0xff && bytes[1] === 0xd8 ? jpegSize(bytes) : undefined;
}

function webpSize(bytes: Buffer): [number, number] | undefined {
  const form = bytes.toString("latin1", 12, 16);
  if (form === "VP8X") return [bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1];
  if (form === "VP8 ") return [bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff];
  if (form !== "VP8L") return undefined;
  const bits = bytes.readUInt32LE(21);
  return [(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1];
}

/** Walks the segments up to the frame header, SOF0 to SOF15 without the three markers of that range that are none. */
function jpegSize(bytes: Buffer): [number, number] | undefined {
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] as number;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

function fileTokens(part: Record<string, unknown>): number {
  if (typeof part.file_data !== "string") return 2 * PER_PAGE;
  const bytes = Buffer.from(part.file_data.slice(part.file_data.indexOf(",") + 1), "base64").toString("latin1");
  if (!bytes.startsWith("%PDF")) return Math.ceil(bytes.length / 4);
  return Math.max(1, bytes.match(/\/Type\s*\/Page\b/g)?.length ?? 0) * PER_PAGE;
}

/** An estimate that costs next to nothing: four characters a token, a flat price for pictures and files. */
export function roughTokens(turn: Turn): number {
  const characters = { instructions: turn.instructions, input: turn.input, tools: turn.tools, text: turn.text };
  return Math.ceil(weigh(characters) / 4);
}

function weigh(value: unknown): number {
  if (typeof value === "string") return value.startsWith("data:") ? 4 * PER_PAGE : value.length;
  if (typeof value !== "object" || value === null) return 1;
  let total = 0;
  if (Array.isArray(value)) for (const entry of value) total += weigh(entry);
  else for (const key in value) total += key.length + weigh((value as Record<string, unknown>)[key]);
  return total;
}
