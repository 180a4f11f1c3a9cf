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

/** Items with ids, those that have none with new ones. */
export function withIds(items: readonly Item[], mint: Mint): Item[] {
  return items.map((item) => whole(item, () => mint.id(PREFIXES[typeOf(item)] ?? "item_")));
}

/** The same, with ids that are the same each time: made of the place in the list of this owner. */
export function withPlaces(items: readonly Item[], owner: string): Item[] {
  return items.map((item, at) =>
    whole(item, () => `${PREFIXES[typeOf(item)] ?? "item_"}${owner.replace(/^[a-z]+_/, "")}_${at}`),
  );
}

function typeOf(item: Item): string {
  return typeof item.type === "string" ? item.type : "message";
}

/** A message may be written short; in a list it has its parts. */
function whole(item: Item, id: () => string): Item {
  const named = typeof item.id === "string" && item.id !== "" ? item : { ...item, id: id() };
  if (typeOf(item) !== "message") return named;
  const part = item.role === "assistant" ? "output_text" : "input_text";
  const extra = part === "output_text" ? { annotations: [], logprobs: [] } : {};
  const content = typeof item.content === "string" ? [{ type: part, text: item.content, ...extra }] : item.content;
  return { ...named, type: "message", status: item.status ?? "completed", content };
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
