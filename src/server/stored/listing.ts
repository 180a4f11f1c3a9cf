// Items in lists: each with an id and in its whole form, a page at a time.

import { invalid } from "../../core/failure.ts";
import type { Mint } from "../../core/mint.ts";
import type { Item } from "../../core/turn.ts";

const PREFIXES: Readonly<Record<string, string>> = {
  message: "msg_",
  reasoning: "rs_",
  function_call: "fc_",
  function_call_output: "fco_",
  custom_tool_call: "ctc_",
  custom_tool_call_output: "ctco_",
  web_search_call: "ws_",
  image_generation_call: "ig_",
  compaction: "cmp_",
};
const MOST = 100;
const USUAL = 20;

/** An item as it was said, and the id that it has in lists. */
export interface Named {
  id: string;
  item: Item;
}

/** Items that have no id get one; what was said is not touched, for it goes upstream again. */
export function named(items: readonly Item[], mint: Mint): Named[] {
  return items.map((item) => ({ item, id: ownId(item) ?? mint.id(PREFIXES[typeOf(item)] ?? "item_") }));
}

/** The same, with ids that are the same each time: made of the place in the list of this owner. */
export function placed(items: readonly Item[], owner: string): Named[] {
  const suffix = owner.replace(/^[a-z]+_/, "");
  return items.map((item, at) => ({ item, id: ownId(item) ?? `${PREFIXES[typeOf(item)] ?? "item_"}${suffix}_${at}` }));
}

function ownId(item: Item): string | undefined {
  return typeof item.id === "string" && item.id !== "" ? item.id : undefined;
}

function typeOf(item: Item): string {
  return typeof item.type === "string" ? item.type : "message";
}

/** An item as lists show it: with its id, and a message that was written short with its parts. */
export function shown({ id, item }: Named): Item {
  if (typeOf(item) !== "message") return { ...item, id };
  const part = item.role === "assistant" ? "output_text" : "input_text";
  const extra = part === "output_text" ? { annotations: [], logprobs: [] } : {};
  const content = typeof item.content === "string" ? [{ type: part, text: item.content, ...extra }] : item.content;
  return { ...item, id, type: "message", status: item.status ?? "completed", content };
}

/** One page, in the order and after the item that the query names. */
export function pageOf(items: readonly Item[], query: URLSearchParams): Record<string, unknown> {
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc")
    throw invalid("order", `order is ${JSON.stringify(order)}; legal: asc, desc`);
  const sorted = order === "asc" ? items : items.toReversed();
  const after = query.get("after");
  const from = after === null ? 0 : sorted.findIndex(({ id }) => id === after) + 1;
  if (after !== null && from === 0) throw invalid("after", `there is no item ${JSON.stringify(after)} in this list`);
  const limit = limitOf(query);
  return listOf(sorted.slice(from, from + limit), sorted.length > from + limit);
}

export function listOf(data: readonly Item[], more = false): Record<string, unknown> {
  return { object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: more };
}

function limitOf(query: URLSearchParams): number {
  const text = query.get("limit");
  if (text === null) return USUAL;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST) return limit;
  throw invalid("limit", `limit is ${JSON.stringify(text)}; legal: a whole number from 1 to ${MOST}`);
}
