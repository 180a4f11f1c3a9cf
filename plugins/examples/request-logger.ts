// Logs one line for each request: who asked what of which model, and what came of it.
//
//   plugins: [auth, ./request-logger.ts: { characters: 80 }, model-effort, translate, usage-log, compact]
//
// `characters` is how much of the last prompt is shown; none without it, since prompts are nobody else's business.

import { type Static, Type } from "@sinclair/typebox";
import { definePlugin, type Item, valueKey } from "codexd/plugin";

const Options = Type.Object(
  { characters: Type.Optional(Type.Integer({ minimum: 0, description: "Characters of the last prompt in the log." })) },
  { additionalProperties: false },
);

const promptKey = valueKey<string>("prompt");

export default definePlugin<Static<typeof Options> | undefined>({
  name: "request-logger",
  apiVersion: 1,
  options: Options,
  setup(host, options) {
    const characters = options?.characters ?? 0;
    return {
      turn(exchange) {
        // A compaction may replace the input later, so the prompt is taken now.
        if (characters > 0) exchange.values.set(promptKey, lastPrompt(exchange.turn.input).slice(0, characters));
      },
      // Once for every exchange, however it ended: also for those that no upstream was asked for.
      settled(receipt, exchange) {
        host.log.info("request", {
          id: receipt.id,
          licence: receipt.licence,
          dialect: receipt.dialect,
          model: receipt.model ?? receipt.askedModel,
          prompt: exchange?.values.get(promptKey),
          outcome: receipt.outcome,
          status: receipt.status,
          in: receipt.inputTokens,
          out: receipt.outputTokens,
          ms: Math.round(receipt.totalMs),
        });
      },
    };
  },
});

function lastPrompt(input: readonly Item[]): string {
  const content = input.findLast((item) => item.role === "user")?.content;
  if (typeof content === "string") return content;
  const parts = Array.isArray(content) ? (content as { text?: unknown }[]) : [];
  return parts.map(({ text }) => (typeof text === "string" ? text : "")).join(" ");
}
