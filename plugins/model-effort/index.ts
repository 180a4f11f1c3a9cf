// Resolves what a request calls its model: the model itself, its reasoning effort and its speed tier (product.md).

import type { Static } from "@sinclair/typebox";
import * as Type from "@sinclair/typebox";
import { definePlugin, EFFORTS, type Exchange, invalid, type ModelInfo, modelNamed } from "codexd/plugin";

const Options = Type.Object(
  {
    effort: Type.Optional(
      Type.Union(
        EFFORTS.map((effort) => Type.Literal(effort)),
        { description: "Effort when neither the request nor the licence names one." },
      ),
    ),
  },
  { additionalProperties: false },
);

/** Efforts that agents send blindly: these move to the nearest that the model has, any other unknown one is refused. */
const BLIND = ["none", "minimal", "max", "ultra"];
const RANK: readonly string[] = [...EFFORTS, "ultra"];

export const modelEffort = definePlugin<Static<typeof Options> | undefined>({
  name: "model-effort",
  apiVersion: 1,
  options: Options,
  setup(host, options) {
    return {
      turn(exchange) {
        const { model, effort, tier } = modelNamed(exchange.turn.model, host.models);
        exchange.turn.model = model.slug;
        if (tier !== undefined) exchange.turn.service_tier = tier;
        const settled = effort ?? bodyEffort(exchange, model) ?? defaultEffort(exchange, model, options?.effort);
        if (settled === undefined) {
          if (model.defaultEffort !== undefined) exchange.effort = model.defaultEffort;
          return;
        }
        exchange.turn.reasoning = { ...exchange.turn.reasoning, effort: settled };
        exchange.effort = String(settled);
      },
    };
  },
});

function bodyEffort(exchange: Exchange, model: ModelInfo): string | undefined {
  const asked: unknown = exchange.turn.reasoning?.effort;
  if (asked === undefined || asked === null) return undefined;
  const known = model.efforts;
  // Numeric efforts are a Codex client's own affair with its model (wire/codex.md B.1).
  if (typeof asked === "number") return asked as unknown as string;
  if (typeof asked === "string") {
    if (!known) return asked;
    if (known.includes(asked)) return asked;
    if (RANK.includes(asked) && (exchange.lenientEffort || BLIND.includes(asked))) return nearest(asked, known);
  }
  const field =
    (exchange.wants.names as Record<string, string> | undefined)?.["reasoning.effort"] ?? "reasoning.effort";
  throw invalid(
    field,
    `${model.slug} has no effort ${JSON.stringify(asked)}; legal: ${(known ?? EFFORTS).join(", ")}`,
    "unsupported_effort",
  );
}

/** Defaults are wishes: they bend to what the model has. */
function defaultEffort(exchange: Exchange, model: ModelInfo, configured: string | undefined): string | undefined {
  const wish = exchange.principal.effort ?? configured;
  if (wish === undefined || !model.efforts || model.efforts.includes(wish)) return wish;
  return RANK.includes(wish) ? nearest(wish, model.efforts) : undefined;
}

function nearest(effort: string, known: readonly string[]): string {
  const rank = RANK.indexOf(effort);
  const far = (candidate: string) => Math.abs(RANK.indexOf(candidate) - rank);
  return known.reduce((best, candidate) => (far(candidate) < far(best) ? candidate : best), known[0] ?? effort);
}
