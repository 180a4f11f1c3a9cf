// Pairs calls with their outputs, so that no history, however a client cut it, is refused upstream for a missing half.

import type { Item } from "../core/turn.ts";
import { digest } from "./digest.ts";
import { shortCallId } from "./items.ts";
import { isObject } from "./schema.ts";

const CALLS = new Set([
  ...["function_call", "custom_tool_call", "local_shell_call", "tool_search_call"],
  ...["shell_call", "apply_patch_call", "computer_call"],
]);
/** Only these are paired by us; the others belong to clients that know the wire. */
const OUTPUTS: Readonly<Record<string, string>> = {
  function_call: "function_call_output",
  custom_tool_call: "custom_tool_call_output",
};
const OUTPUT_TYPES = new Set(Object.values(OUTPUTS));

interface Call {
  at: number;
  item: Item;
  /** As the client wrote it; "" when it wrote none. */
  asked: string;
  id: string;
  output: { at: number; item: Item } | undefined;
}

/** `bare` leaves outputs without a call id alone, for the Codex CLI's own. The same array when all was well. */
export function paired(items: Item[], bare: boolean): Item[] {
  if (isWhole(items)) return items;
  const calls = callsOf(items);
  const orphans = assign(items, calls, bare);
  const byIndex = new Map(calls.map((call) => [call.at, call]));
  const owner = new Map(calls.flatMap((call) => (call.output ? [[call.output.at, call] as const] : [])));
  const out: Item[] = [];
  for (const [at, item] of items.entries()) {
    const call = byIndex.get(at);
    const answered = owner.get(at);
    if (call) {
      out.push(item.call_id === call.id ? item : { ...item, call_id: call.id });
      // An output that came before its call, and one that never came.
      if (call.output ? call.output.at < at : OUTPUTS[String(item.type)] !== undefined) out.push(outputOf(call));
    } else if (answered) {
      if (answered.at < at) out.push(outputOf(answered));
    } else out.push(orphans.has(at) ? orphanText(item) : item);
  }
  return out.length === items.length && out.every((item, at) => item === items[at]) ? items : out;
}

/** Every call has an id of its own and, later, its output: what clients mostly send, and quick to see. */
function isWhole(items: readonly Item[]): boolean {
  const used = new Set<unknown>();
  const open = new Map<unknown, string>();
  for (const { type, call_id: id, output } of items) {
    if (type === undefined) continue;
    if (CALLS.has(type)) {
      const expected = OUTPUTS[type];
      if (expected === undefined || typeof id !== "string" || id === "" || used.has(id)) return false;
      used.add(id);
      open.set(id, expected);
    } else if (OUTPUT_TYPES.has(type)) {
      if (open.get(id) !== type || (typeof output !== "string" && !Array.isArray(output))) return false;
      open.delete(id);
    }
  }
  return open.size === 0;
}

function callsOf(items: readonly Item[]): Call[] {
  const used = new Map<string, number>();
  const calls: Call[] = [];
  for (const [at, item] of items.entries()) {
    if (!CALLS.has(String(item.type))) continue;
    const asked = typeof item.call_id === "string" ? item.call_id : "";
    if (asked === "" && OUTPUTS[String(item.type)] === undefined) continue;
    const id = uniqueId(asked === "" ? mintedId(item, at) : asked, used);
    calls.push({ at, item, asked, id, output: undefined });
  }
  return calls;
}

/** Some models number their calls anew in every turn; the wire wants an id of its own for each. `used` has the last number of each id. */
function uniqueId(id: string, used: Map<string, number>): string {
  let count = used.get(id) ?? 0;
  let next = id;
  while (used.has(next)) next = shortCallId(`${id}_${++count + 1}`);
  used.set(id, count);
  if (next !== id) used.set(next, 0);
  return next;
}

/** From the call itself, so that the same history keeps the same prompt cache. */
function mintedId(item: Item, at: number): string {
  return `call_${digest(JSON.stringify([at, item.name, item.arguments ?? item.input])).slice(0, 24)}`;
}

/** Gives each output its call, by id and else in order; returns the places of those that have none. */
function assign(items: readonly Item[], calls: Call[], bare: boolean): Set<number> {
  const orphans = new Set<number>();
  const nameless: number[] = [];
  const byId = mapped(Map.groupBy(calls, (call) => call.asked));
  for (const [at, item] of items.entries()) {
    if (!OUTPUT_TYPES.has(String(item.type))) continue;
    if (typeof item.call_id !== "string" || item.call_id === "") {
      if (!bare) nameless.push(at);
      continue;
    }
    const call = byId.get(item.call_id)?.next();
    if (call) call.output = { at, item };
    else orphans.add(at);
  }
  if (nameless.length > 0) assignInOrder(items, calls, nameless, orphans);
  return orphans;
}

/** Outputs without an id belong to the first call before them that waits, of their name where they have one. */
function assignInOrder(
  items: readonly Item[],
  calls: readonly Call[],
  outputs: readonly number[],
  orphans: Set<number>,
): void {
  const pairing = calls.filter((call) => OUTPUTS[String(call.item.type)] !== undefined);
  const any = new Waiting(pairing);
  const named = mapped(Map.groupBy(pairing, (call) => call.item.name));
  for (const at of outputs) {
    const item = items[at] as Item;
    const call = (typeof item.name === "string" ? named.get(item.name) : any)?.next();
    if (call && call.at < at) call.output = { at, item };
    else orphans.add(at);
  }
}

/** Calls in their order, of which the first without an output is next; each is passed over once, however many there are. */
class Waiting {
  readonly #calls: readonly Call[];
  #from = 0;

  constructor(calls: readonly Call[]) {
    this.#calls = calls;
  }

  next(): Call | undefined {
    while (this.#calls[this.#from]?.output) this.#from++;
    return this.#calls[this.#from];
  }
}

function mapped<Key>(groups: ReadonlyMap<Key, Call[]>): Map<Key, Waiting> {
  return new Map([...groups].map(([key, calls]) => [key, new Waiting(calls)]));
}

/** The output of a call, of the type that goes with it; empty where there was none. */
function outputOf(call: Call): Item {
  const type = OUTPUTS[String(call.item.type)];
  if (!call.output) return { type: type as string, call_id: call.id, output: "" };
  const { item } = call.output;
  const patch: Item = {};
  if (type !== undefined && item.type !== type) patch.type = type;
  if (item.call_id !== call.id) patch.call_id = call.id;
  if (typeof item.output !== "string" && !Array.isArray(item.output)) {
    patch.output = item.output === undefined || item.output === null ? "" : JSON.stringify(item.output);
  }
  if (Object.keys(patch).length === 0) return item;
  const copy = { ...item, ...patch };
  // The prefix of an id belongs to the type that it had.
  if (patch.type !== undefined) delete copy.id;
  return copy;
}

/** What the tool said is still worth reading, so it stays as something that the user shows. */
function orphanText(item: Item): Item {
  const title = `Output of the tool call ${typeof item.call_id === "string" ? item.call_id : "without id"}:`;
  const { output } = item;
  const parts = Array.isArray(output) ? output.filter(isObject) : [];
  const content =
    parts.length > 0
      ? parts.map((part) => (typeof part.text === "string" ? { type: "input_text", text: part.text } : part))
      : [{ type: "input_text", text: typeof output === "string" ? output : JSON.stringify(output ?? "") }];
  return { type: "message", role: "user", content: [{ type: "input_text", text: title }, ...content] };
}
