// A limiter with counters of its own, a clock that stands still unless told, and exchanges reduced to what limits see of them.
import type { Config } from "../../src/config/load.ts";
import { Failure } from "../../src/core/failure.ts";
import type { Principal } from "../../src/core/hooks.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import { LimitGauges } from "../../src/server/limits/gauges.ts";
import type { Holding } from "../../src/server/limits/holding.ts";
import { Limiter } from "../../src/server/limits/limiter.ts";
import type { Counters } from "../../src/store/counters/index.ts";
import { MemoryCounters } from "../../src/store/counters/index.ts";

export const START = Date.UTC(2026, 0, 30, 23, 59, 0);

export interface Setting {
  now: number;
  limiter: Limiter;
  counters: MemoryCounters;
  gauges: LimitGauges;
  log: { message: string; fields: Record<string, unknown> | undefined }[];
}

export function setting(
  config: Partial<Pick<Config, "quotas" | "prices">> = {},
  counters?: (clock: () => number) => Counters,
): Setting {
  const log: Setting["log"] = [];
  const note = (message: string, fields?: Record<string, unknown>) => void log.push({ message, fields });
  const gauges = new LimitGauges();
  const memory = new MemoryCounters(() => made.now);
  const made: Setting = {
    now: START,
    log,
    gauges,
    counters: memory,
    limiter: new Limiter(
      { quotas: [], ...config },
      {
        counters: counters?.(() => made.now) ?? memory,
        limitGauges: gauges,
        clock: () => made.now,
        log: { debug: note, info: note, warn: note, error: note },
      },
    ),
  };
  return made;
}

/** One exchange up to the upstream: the licence's limits, then those of its model; what was refused comes as the failure. */
export async function begin(
  { limiter }: Setting,
  principal: Principal,
  { model = "gpt-5.5", upstream = "codex", input = "x".repeat(400) } = {},
): Promise<{ holding: Holding | undefined; refused: Failure | undefined }> {
  const holding = limiter.holding(principal);
  const turn = { model, input: [{ type: "message", role: "user", content: input }] };
  try {
    await holding?.enter();
    await holding?.ask(turn, limiter.scoped(principal, model, upstream));
    return { holding, refused: undefined };
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    holding?.settle(receipt({ outcome: "refused", tries: 0 }));
    return { holding, refused: thrown };
  }
}

export function receipt(fields: Partial<Receipt> = {}): Receipt {
  return {
    id: "req_1",
    at: START,
    licence: "ci",
    session: null,
    dialect: "chat",
    operation: "turn",
    stream: true,
    askedModel: "gpt-5.5",
    model: "gpt-5.5",
    effort: null,
    upstream: "codex",
    account: null,
    outcome: "ok",
    status: 200,
    code: null,
    failureKind: null,
    inputTokens: 0,
    cachedTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    firstMs: null,
    totalMs: 1,
    tries: 1,
    ...fields,
  };
}

export const spent = (inputTokens: number, outputTokens: number, fields: Partial<Receipt> = {}): Receipt =>
  receipt({ inputTokens, outputTokens, firstMs: 1, ...fields });
