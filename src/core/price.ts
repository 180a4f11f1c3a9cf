// What tokens cost by a price table: an estimate, for the upstream's own bill may know discounts and fees that it does not.

import { matchesGlob } from "./glob.ts";

/** Per million tokens. */
export interface Price {
  input: number;
  /** Of the input, what came from the prompt cache. */
  cachedInput: number;
  output: number;
}

export interface Prices {
  currency: string;
  /** Models, `*` for any run of characters; the first that fits. */
  models: Readonly<Record<string, Price>>;
}

export interface Spent {
  inputTokens: number;
  /** Part of the input. */
  cachedTokens: number;
  outputTokens: number;
}

/** Millionths of the currency, a whole number: sums of them stay exact. Undefined for a model without a price. */
export function costOf(spent: Spent, model: string, { models }: Prices): number | undefined {
  const price = Object.entries(models).find(([pattern]) => matchesGlob(pattern, model))?.[1];
  if (!price) return undefined;
  const cached = Math.min(spent.cachedTokens, spent.inputTokens);
  // A price per million tokens is one of millionths per token.
  return Math.round(
    (spent.inputTokens - cached) * price.input + cached * price.cachedInput + spent.outputTokens * price.output,
  );
}
