// Counts tokens as a real answer would show them, and how much of a prompt the cache already knew.
import type { Ask } from "./ask.ts";
import type { Json } from "./json.ts";

export interface Usage {
  input: number;
  cached: number;
  output: number;
  reasoning: number;
}

const BLOCK = 128;

export interface PromptCache {
  read(ask: Ask): { input: number; cached: number };
}

// The real cache counts whole blocks of 128 tokens of an unchanged prefix.
export function promptCache(limit = 256): PromptCache {
  const known = new Map<string, (number | bigint)[]>();
  return {
    read(ask) {
      const pieces = piecesOf(ask);
      const hashes = pieces.map((piece) => Bun.hash(piece));
      const input = counted(pieces);
      const before = ask.session ? known.get(ask.session) : undefined;
      if (ask.session) {
        known.delete(ask.session);
        known.set(ask.session, hashes);
        if (known.size > limit) known.delete(known.keys().next().value ?? "");
      }
      return { input, cached: before ? commonPrefix(pieces, hashes, before) : 0 };
    },
  };
}

export function promptTokens(ask: Ask): number {
  return counted(piecesOf(ask));
}

function piecesOf({ body, input }: Ask): string[] {
  return [body.instructions, body.tools, ...input].map((piece) => JSON.stringify(piece) ?? "");
}

function counted(pieces: string[]): number {
  return Math.max(
    1,
    pieces.reduce((sum, piece) => sum + tokens(piece), 0),
  );
}

export function tokens(text: string): number {
  return Math.ceil(text.length / 4);
}

export function usageObject(usage: Usage): Json {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: 0 },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}

function commonPrefix(pieces: string[], hashes: (number | bigint)[], before: (number | bigint)[]): number {
  const parting = hashes.findIndex((hash, index) => hash !== before[index]);
  const shared = parting < 0 ? pieces : pieces.slice(0, parting);
  const count = shared.reduce((sum, piece) => sum + tokens(piece), 0);
  return count - (count % BLOCK);
}
