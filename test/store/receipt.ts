// A receipt to write, each with an id of its own.
import type { Receipt } from "../../src/core/receipt.ts";

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
    failureKind: null,
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
