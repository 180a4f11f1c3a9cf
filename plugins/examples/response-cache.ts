// Answers a question that was asked before from the store instead of asking again: same licence, same turn, same answer.
//
//   plugins:
//     - …                                                      # auth, model-effort, translate, usage-log, compact
//     - ./response-cache.ts: { minutes: 60, tools: false }     # last, so that the turn is final when it is looked up
//
// Only complete answers are kept: no failure, nothing cut off, and no call of a tool unless `tools` is true. `x-cache` tells.

import { createHash } from "node:crypto";
import { type Static, Type } from "@sinclair/typebox";
import { definePlugin, type Exchange, type Item, valueKey } from "codexd/plugin";

const Options = Type.Object(
  {
    minutes: Type.Optional(Type.Number({ minimum: 0.001, description: "How long an answer is kept; 60 left out." })),
    tools: Type.Optional(Type.Boolean({ description: "Keep answers that call tools too." })),
  },
  { additionalProperties: false },
);

/** Where the answer of an exchange goes; absent where it came from the store itself. */
const placeKey = valueKey<string>("place");

/** Fields that do not change what is answered. */
const WITHOUT_MEANING = [
  "prompt_cache_key",
  "prompt_cache_retention",
  "metadata",
  "client_metadata",
  "store",
  "stream",
  "user",
];

export default definePlugin<Static<typeof Options> | undefined>({
  name: "response-cache",
  apiVersion: 1,
  options: Options,
  setup(host, options) {
    const ttl = (options?.minutes ?? 60) * 60_000;
    return {
      async upstream(exchange) {
        if (exchange.operation !== "turn") return;
        const place = placeOf(exchange);
        const kept = await host.store.get<Record<string, unknown>>(place);
        exchange.answerHeaders.set("x-cache", kept ? "hit" : "miss");
        if (!kept) {
          exchange.values.set(placeKey, place);
          return;
        }
        // An answer of its own, that no upstream was paid for.
        return { response: { ...kept, id: host.mint.id("resp_"), created_at: host.mint.now(), usage: NOTHING_SPENT } };
      },
      async answer(response, exchange) {
        const place = exchange.values.get(placeKey);
        if (place === undefined || response.status !== "completed") return;
        const output = Array.isArray(response.output) ? (response.output as Item[]) : [];
        const calls = output.some(({ type }) => type !== "message" && type !== "reasoning");
        if (output.length > 0 && (!calls || options?.tools)) await host.store.set(place, response, { ttl });
      },
    };
  },
});

const NOTHING_SPENT = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

/** Licences share nothing: what one was told is no business of another. */
function placeOf({ turn, principal, upstream }: Exchange): string {
  const asked = Object.entries(turn).filter(([name]) => !WITHOUT_MEANING.includes(name));
  const text = JSON.stringify([principal.id, upstream?.name, asked.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
  return createHash("sha256").update(text).digest("hex");
}
