// Keeps every exchange's receipt in the store and says it in one log line.

import { definePlugin } from "codexd/plugin";

/** Writes a receipt when the exchange has ended, whatever way it ended. `codexd usage` sums what it wrote. */
export const usageLog = definePlugin({
  name: "usage-log",
  apiVersion: 1,
  setup(host) {
    return {
      settled(receipt, exchange) {
        host.receipts.write(receipt);
        host.log.info("exchange", {
          id: receipt.id,
          licence: receipt.licence,
          dialect: receipt.dialect,
          model: receipt.model,
          effort: receipt.effort,
          outcome: receipt.outcome,
          status: receipt.status,
          code: receipt.code,
          in: receipt.inputTokens,
          cached: receipt.cachedTokens,
          out: receipt.outputTokens,
          firstMs: receipt.firstMs,
          totalMs: receipt.totalMs,
          ...(exchange?.trace && { traceId: exchange.trace.traceId, spanId: exchange.trace.spanId }),
        });
      },
    };
  },
});
