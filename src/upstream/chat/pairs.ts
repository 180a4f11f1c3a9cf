// Which output answers which call: Chat wants every call answered, at once and by its id.

import type { Item } from "../../core/turn.ts";

/** A call item as Chat can say it: the name of a tool and arguments or input. */
export interface Call {
  id: string;
  item: Item;
}

export interface Pairs {
  /** By index of the call item. */
  calls: Map<number, Call>;
  /** By index of the call item: the index of its output, if there is one. */
  answers: Map<number, number>;
  /** Indexes of outputs that are told with their call. */
  answered: Set<number>;
}

// Their names end alike, but `tool_search_output` lacks the `_call`.
const CALLS = new Set([
  "function_call",
  "custom_tool_call",
  "tool_search_call",
  "local_shell_call",
  "shell_call",
  "apply_patch_call",
]);

export function isCall(item: Item): boolean {
  return CALLS.has(item.type ?? "");
}

export function isOutput(item: Item): boolean {
  const { type } = item;
  return (
    type === "tool_search_output" || (type?.endsWith("_output") === true && CALLS.has(type.slice(0, -"_output".length)))
  );
}

/** Pairs by `call_id`; an output without one answers the first call that has none yet. */
export function pairsOf(input: readonly Item[]): Pairs {
  const pairs: Pairs = { calls: new Map(), answers: new Map(), answered: new Set() };
  const waiting = new Map<string, number[]>();
  for (const [index, item] of input.entries()) {
    if (!isCall(item)) continue;
    const id = idOf(item.call_id) ?? idOf(item.id) ?? `call_${index}`;
    pairs.calls.set(index, { id, item });
    waiting.set(id, [...(waiting.get(id) ?? []), index]);
  }
  for (const [index, item] of input.entries()) {
    if (!isOutput(item)) continue;
    const id = idOf(item.call_id);
    const call =
      id === undefined ? [...pairs.calls.keys()].find((at) => !pairs.answers.has(at)) : waiting.get(id)?.shift();
    if (call === undefined) continue;
    pairs.answers.set(call, index);
    pairs.answered.add(index);
  }
  return pairs;
}

function idOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
