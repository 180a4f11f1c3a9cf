// Tells each client what its answer cost, from a table of prices.
//
//   plugins:
//     - ./cost-headers.ts: { prices: { "gpt-5.5*": { input: 1.25, cached: 0.125, output: 10 } } }   # dollars per million tokens
//     - …                                                      # auth, model-effort, translate, usage-log, compact
//
// A whole answer has `x-cost-usd`. The headers of a stream leave before anybody knows, so they have only the prices
// (`x-cost-rates`), and the sum comes with the last event, as `usage.cost_usd`, in dialects that pass it on.

import { type Static, Type } from "@sinclair/typebox";
import { definePlugin, Event, type Exchange, matchesGlob, type Usage, usageOf } from "codexd/plugin";

const dollars = (description: string) => Type.Number({ minimum: 0, description });

const Price = Type.Object(
  {
    input: dollars("For a million input tokens."),
    cached: Type.Optional(
      dollars("For a million input tokens that the upstream had cached; the input price left out."),
    ),
    output: dollars("For a million output tokens, reasoning included."),
  },
  { additionalProperties: false },
);

const Options = Type.Object(
  {
    prices: Type.Record(Type.String(), Price, {
      description: "Prices by model, the first that fits; `*` for any characters.",
    }),
  },
  { additionalProperties: false },
);

export default definePlugin<Static<typeof Options>>({
  name: "cost-headers",
  apiVersion: 1,
  options: Options,
  setup(host, { prices }) {
    const priceOf = ({ turn }: Exchange) =>
      Object.entries(prices).find(([pattern]) => matchesGlob(pattern, turn.model))?.[1];

    const costOf = (usage: Usage | undefined, exchange: Exchange): number | undefined => {
      const price = priceOf(exchange);
      if (!price || !usage) return undefined;
      const { cached_tokens: cached } = usage.input_tokens_details;
      const fresh = Math.max(0, usage.input_tokens - cached);
      return (fresh * price.input + cached * (price.cached ?? price.input) + usage.output_tokens * price.output) / 1e6;
    };

    return {
      upstream(exchange) {
        const price = priceOf(exchange);
        if (!price) return;
        const { input, cached = input, output } = price;
        exchange.answerHeaders.set("x-cost-rates", `input=${input}; cached=${cached}; output=${output}`);
      },
      answer(response, exchange) {
        const cost = costOf(usageOf(response.usage), exchange);
        if (cost === undefined) return;
        host.log.info("cost", { id: exchange.id, licence: exchange.principal.id, dollars: cost });
        if (!exchange.stream) exchange.answerHeaders.set("x-cost-usd", cost.toFixed(6));
      },
      events: {
        types: ["response.completed", "response.incomplete"],
        handle({ data }, exchange) {
          const response = data.response as Record<string, unknown> | undefined;
          const usage = usageOf(response?.usage);
          const cost = exchange.stream ? costOf(usage, exchange) : undefined;
          if (cost === undefined) return;
          return Event.of({ ...data, response: { ...response, usage: { ...usage, cost_usd: cost } } });
        },
      },
    };
  },
});
