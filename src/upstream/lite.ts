// Recognises the reduced form of the current models, where tools and instructions travel as items (wire/codex.md B.4).

import { isObject } from "./schema.ts";

export const LITE_HEADER = "x-openai-internal-codex-responses-lite";

export function isLite(headers: Headers, turn: { input?: unknown }): boolean {
  const first: unknown = Array.isArray(turn.input) ? turn.input[0] : undefined;
  return headers.get(LITE_HEADER) === "true" || (isObject(first) && first.type === "additional_tools");
}
