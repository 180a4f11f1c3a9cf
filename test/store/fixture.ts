// A store in a folder of its own, receipts to write, and children that open the same file.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Receipt } from "../../src/core/receipt.ts";

/** The other process; see there for what it can be told to do. */
export const CHILD = fileURLToPath(import.meta.resolve("./child.ts"));

export const folder = (): string => join(mkdtempSync(join(tmpdir(), "codexd-store-")), "data");

let count = 0;

export function receipt(some: Partial<Receipt> = {}): Receipt {
  return {
    id: `req_${++count}`,
    at: Date.UTC(2026, 0, 31, 12),
    licence: "ci",
    session: null,
    dialect: "chat",
    operation: "turn",
    stream: true,
    askedModel: "gpt-5.5-high",
    model: "gpt-5.5",
    effort: "high",
    upstream: "codex",
    account: "work",
    outcome: "ok",
    status: 200,
    code: null,
    inputTokens: 100,
    cachedTokens: 40,
    outputTokens: 7,
    reasoningTokens: 3,
    firstMs: 12.5,
    totalMs: 250.25,
    tries: 1,
    ...some,
  };
}

/** Runs `child.ts` in another process. */
export function child(dataDir: string, ...args: string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn([process.execPath, CHILD, dataDir, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** The lines of a pipe as they come. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const piece of stream) {
    const parts = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
