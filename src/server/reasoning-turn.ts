// What a turn of a translated dialect asks of a model that reasons: its ciphertexts, and no sampling that the API refuses such a model.

import { BUILT_IN, type Models } from "../core/models.ts";
import type { Turn } from "../core/turn.ts";
import type { Upstream } from "../upstream/index.ts";

const CIPHERTEXT = "reasoning.encrypted_content";
const SAMPLING = ["temperature", "top_p"] as const;

/** Changes the turn; gives the fields that were taken out of it. */
export function fitReasoning(turn: Turn, models: Models, { kind, wire }: Upstream): string[] {
  const known = (models.find(turn.model)?.efforts ?? BUILT_IN[turn.model] ?? []).length > 0;
  if (wire !== "chat" && (known || turn.reasoning !== undefined)) {
    // What is to be remembered has to be sent first, and an upstream that keeps nothing itself sends it when asked.
    turn.store ??= false;
    if (!turn.include?.includes(CIPHERTEXT)) turn.include = [...(turn.include ?? []), CIPHERTEXT];
  }
  if (kind !== "openai" || !known || turn.reasoning?.effort === "none") return [];
  // Clients of other vendors' models send it with every request, for there it is as good as any.
  const refused = SAMPLING.filter((field) => typeof turn[field] === "number" && turn[field] !== 1);
  for (const field of refused) delete turn[field];
  return refused;
}
