// A receipt as programs see it, as JSON and as CSV.

import type { Receipt } from "../../core/receipt.ts";
import { csvOf } from "./usage-answer.ts";

/** With its time as text. */
export function receiptJson({ at, ...receipt }: Receipt): Record<string, unknown> {
  const { id, ...rest } = receipt;
  return { id, at: new Date(at).toISOString(), ...rest };
}

const FIELDS = [
  ...["id", "at", "licence", "session", "dialect", "operation", "stream", "askedModel", "model", "effort", "upstream"],
  ...["account", "outcome", "status", "code", "failureKind", "inputTokens", "cachedTokens", "outputTokens"],
  ...["reasoningTokens", "firstMs", "totalMs", "tries"],
] as const;

export function receiptsCsv(receipts: readonly Receipt[]): string {
  const lines = receipts.map((receipt) => {
    const json = receiptJson(receipt);
    return FIELDS.map((field) => (json[field] ?? null) as string | number | boolean | null);
  });
  return csvOf(FIELDS, lines);
}
