// Quotas and prices in the configuration: limits beyond those of a licence, and what tokens cost.

import type { TSchema } from "@sinclair/typebox";
import * as Type from "@sinclair/typebox";
import { LIMITS, type Limits } from "../core/limit.ts";
import type { Price, Prices } from "../core/price.ts";
import type { Checking } from "./check.ts";

/** One entry of `quotas`: who and what it is about, and what it allows. */
export interface QuotaConfig extends Limits {
  /** Patterns; absent for everything. */
  licence?: string;
  model?: string;
  upstream?: string;
  per: "licence" | "all";
  budget?: { tokens?: number; money?: number; per: "day" | "month"; warnAt: number };
}

/** `memory` or the address of a Redis; its path is the number of a database. */
export const COUNTERS_PATTERN = "^(memory|rediss?://[^/\\s?#]+(/[0-9]*)?)$";

const choice = (values: readonly string[], options: Record<string, unknown>): TSchema =>
  Type.Unsafe<string>({ type: "string", enum: [...values], ...options });

const pattern = (description: string, example: string) =>
  Type.Optional(Type.String({ minLength: 1, description, examples: [example] }));

const atLeastOne = (description: string) => Type.Optional(Type.Integer({ minimum: 1, description }));

const budget = Type.Object(
  {
    tokens: atLeastOne("Input and output tokens together."),
    money: Type.Optional(
      Type.Number({
        minimum: 0.000001,
        description: "In the currency of `prices`, by which it is estimated; it is no bill.",
      }),
    ),
    per: choice(["day", "month"], { description: "Of the calendar, in UTC." }),
    warnAt: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        default: 0.8,
        description:
          "Share from which on answers carry the header x-codexd-budget-warning; the log and a metric tell once per instance and period.",
      }),
    ),
  },
  {
    additionalProperties: false,
    description: "What may be spent: when it is, requests are refused with `insufficient_quota`.",
  },
);

const quota = Type.Object(
  {
    licence: pattern("Licences it is about, by id; `*` stands for any characters. Left out: all.", "team-*"),
    model: pattern("Models it is about, as they are sent upstream. Left out: all.", "gpt-5*"),
    upstream: pattern("Upstreams it is about, by name. Left out: all.", "codex"),
    per: Type.Optional(
      choice(["licence", "all"], {
        default: "licence",
        description: "Whether each of those licences has this much, or all of them together.",
      }),
    ),
    requestsPerMinute: atLeastOne("Requests in a minute, which begins with the first of them."),
    requestsPerDay: atLeastOne("Requests in 24 hours, which begin with the first of them."),
    tokensPerMinute: atLeastOne("Input and output tokens in a minute."),
    tokensPerDay: atLeastOne("Input and output tokens in 24 hours."),
    streams: atLeastOne("Exchanges under way at once, streaming or not."),
    budget: Type.Optional(budget),
  },
  { additionalProperties: false, description: "Limits for some licences, models or upstreams." },
);

export const quotasSchema = Type.Array(quota, {
  description:
    "Limits beyond those that a licence has of its own. Every quota that fits an exchange holds. A request that one of them refuses is not counted in any; counting tokens and listing models are no requests. Tokens are counted when the upstream has told them; until then an estimate of the input is held for each exchange under way.",
});

const price = Type.Object(
  {
    input: Type.Number({ minimum: 0, description: "Of a million tokens of input." }),
    cachedInput: Type.Optional(
      Type.Number({ minimum: 0, description: "Of the input, what came from the prompt cache. Default: as `input`." }),
    ),
    output: Type.Number({ minimum: 0, description: "Of a million tokens of output, reasoning included." }),
  },
  { additionalProperties: false, description: "Price of a million tokens." },
);

export const pricesSchema = Type.Object(
  {
    currency: Type.Optional(
      Type.String({
        pattern: "^[A-Z]{3}$",
        default: "USD",
        examples: ["USD", "EUR"],
        description: "What the prices are in; nothing is converted.",
      }),
    ),
    models: Type.Record(Type.String({ minLength: 1 }), price, {
      description: "Prices by model, `*` for any characters; the first that fits counts.",
    }),
  },
  {
    additionalProperties: false,
    description: "What models cost, for budgets in money and for the costs in usage. Both are estimates.",
  },
);

/** The quotas, each checked for what a schema cannot say. */
export function readQuotas(
  list: readonly QuotaConfig[] | undefined,
  prices: Prices | undefined,
  { problem }: Checking,
) {
  const scopes = new Map<string, number>();
  for (const [at, { licence, model, upstream, per, budget, ...limits }] of (list ?? []).entries()) {
    const path = `quotas[${at}]`;
    if (!budget && LIMITS.every((name) => limits[name] === undefined))
      problem(path, `limits nothing; legal is at least one of ${LIMITS.join(", ")}, budget`);
    if (budget && budget.tokens === undefined && budget.money === undefined)
      problem(`${path}.budget`, "allows nothing in particular; legal is tokens, money or both");
    if (budget?.money !== undefined && !prices)
      problem(`${path}.budget.money`, "there is no price table to estimate it by; write one under prices");
    // Counters are named by scope, so that they outlive another order of the list.
    const scope = JSON.stringify([licence, model, upstream, per]);
    const twin = scopes.get(scope);
    if (twin !== undefined) problem(path, `is about the same as quotas[${twin}]; write both as one`);
    scopes.set(scope, at);
  }
  return [...(list ?? [])];
}

export function readPrices(
  given:
    | { currency: string; models?: Record<string, Omit<Price, "cachedInput"> & { cachedInput?: number }> }
    | undefined,
): Prices | undefined {
  if (!given?.models) return undefined;
  const models = Object.entries(given.models).map(([model, { input, cachedInput = input, output }]) => [
    model,
    { input, cachedInput, output },
  ]);
  return { currency: given.currency, models: Object.fromEntries(models) };
}
