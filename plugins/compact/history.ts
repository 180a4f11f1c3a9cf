// Where a history may be cut, what of the part before the cut stays as it is, and how it is known again.

import { createHash } from "node:crypto";
import { type Item, roughTokens, type Turn } from "codexd/plugin";

/** Written before every summary that stands in a history, so that it is known from what a user said. */
export const SUMMARY_TITLE = "Summary of the conversation so far (what came before was shortened to make room):";

/** Instructions and tools hold for what follows, wherever they were given. */
export function isStanding(item: Item): boolean {
  const { type, role } = item;
  return role === "developer" || role === "system" || type === "additional_tools" || type === "configuration_update";
}

/** How many items at the start are instructions and tools: never a part of what is shortened. */
export function headOf(items: readonly Item[]): number {
  const first = items.findIndex((item) => !isStanding(item));
  return first === -1 ? items.length : first;
}

/** A compaction under any of its names. */
export function isCompaction({ type }: Item): boolean {
  return type === "compaction" || type === "compaction_summary" || type === "context_compaction";
}

export function isTrigger(item: Item | undefined): boolean {
  return item?.type === "compaction_trigger";
}

/** The places where a history may be cut in two: between no call and its output, and not between a thought and what it led to. */
export function seams(items: readonly Item[]): number[] {
  const open = new Int32Array(items.length + 1);
  for (const [from, to] of pairs(items)) {
    open[from + 1] = (open[from + 1] ?? 0) + 1;
    open[to + 1] = (open[to + 1] ?? 0) - 1;
  }
  const places: number[] = [];
  let within = 0;
  for (let at = 1; at < items.length; at++) {
    within += open[at] ?? 0;
    if (within === 0 && !leads(items, at)) places.push(at);
  }
  return places;
}

/** Each call with its output, as places in ascending order. An output without an id belongs to the first call that waits. */
function pairs(items: readonly Item[]): [number, number][] {
  const found: [number, number][] = [];
  const waiting = new Map<string, { call: number[]; output: number[] }>();
  const nameless: number[] = [];
  for (const [at, item] of items.entries()) {
    const side = sideOf(item);
    if (!side) continue;
    const id = idOf(item);
    if (id === "" && side === "output") {
      nameless.push(at);
      continue;
    }
    const known = waiting.get(id) ?? { call: [], output: [] };
    waiting.set(id, known);
    const other = known[side === "call" ? "output" : "call"].shift();
    if (other === undefined) known[side].push(at);
    else found.push([other, at]);
  }
  const left = [...waiting.values()].flatMap(({ call }) => call).sort((a, b) => a - b);
  for (const output of nameless) {
    const call = left.shift();
    if (call !== undefined) found.push(call < output ? [call, output] : [output, call]);
  }
  return found;
}

function sideOf({ type }: Item): "call" | "output" | undefined {
  if (type === undefined) return undefined;
  if (type.endsWith("_output") || type === "mcp_approval_response") return "output";
  return type.endsWith("_call") || type === "mcp_approval_request" ? "call" : undefined;
}

function idOf({ type, id, call_id: callId, approval_request_id: asked }: Item): string {
  const known = type === "mcp_approval_request" ? id : (callId ?? asked);
  return typeof known === "string" ? known : "";
}

/** Of a part that is shortened away: what was told to hold, and the newest that the user said, word for word, as far as there is room. */
export function kept(items: readonly Item[], room: number): Item[] {
  const stay = new Set<Item>(items.filter((item) => item.type === "additional_tools"));
  let left = room;
  for (const item of items.toReversed()) {
    if (!isSaid(item)) continue;
    left -= weightOf([item]);
    if (left < 0) break;
    stay.add(item);
  }
  return items.filter((item) => stay.has(item));
}

/** Without what was said: what a compaction stands beside is in it too. */
export function unsaid(items: readonly Item[]): Item[] {
  return items.filter((item) => !isSaid(item));
}

function isSaid(item: Item): boolean {
  if (item.type !== undefined && item.type !== "message") return false;
  if (item.role === "developer" || item.role === "system") return true;
  return item.role === "user" && !textOf(item).startsWith(SUMMARY_TITLE);
}

/** The turn for a question of ours: nothing of the form that the client wants of its answer holds for it. */
export function bare({ text, max_output_tokens: _, max_tool_calls: __, stop: ___, ...turn }: Turn): Turn {
  const { format: ____, ...style } = text ?? {};
  return { ...turn, ...(Object.keys(style).length > 0 ? { text: style } : {}), store: false };
}

/** The texts of a message. */
export function textOf({ content }: Item): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === "string" ? part.text : "")).join("");
}

export function userMessage(text: string): Item {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

export function summaryMessage(summary: string): Item {
  return userMessage(`${SUMMARY_TITLE}\n\n${summary}`);
}

/** Tokens, roughly. */
export function weightOf(items: readonly Item[]): number {
  return roughTokens({ model: "", input: items as Item[] });
}

/** Thoughts come and go with the account, the dialect and the server's memory: a history is the same with and without them. */
export function isCounted({ type }: Item): boolean {
  return type !== "reasoning";
}

/** The digests of a history up to each of these places, a place being so many counted items; undefined beyond its end. */
export function digests(items: readonly Item[], places: readonly number[]): Map<number, string> {
  const hash = createHash("sha256");
  const wanted = new Set(places);
  const found = new Map<number, string>();
  let count = 0;
  for (const item of items) {
    if (wanted.has(count) && !found.has(count)) found.set(count, hash.copy().digest("hex"));
    if (found.size === wanted.size) return found;
    if (!isCounted(item)) continue;
    hash.update(JSON.stringify(essence(item)));
    count++;
  }
  if (wanted.has(count)) found.set(count, hash.digest("hex"));
  return found;
}

/** What an item says. Ids are left out: a decoder mints some of them anew for every request. */
function essence({ type = "message", id: _, call_id: __, status: ___, ...rest }: Item): unknown {
  delete rest.internal_chat_message_metadata_passthrough;
  return [type, rest];
}

/** The index in `items` after so many counted ones, with the thoughts that belong to them. */
export function indexAfter(items: readonly Item[], place: number): number {
  let count = 0;
  for (const [at, item] of items.entries()) {
    if (!isCounted(item)) continue;
    if (count === place) return leadingThoughts(items, at);
    count++;
  }
  return items.length;
}

function leadingThoughts(items: readonly Item[], at: number): number {
  let from = at;
  while (leads(items, from)) from--;
  return from;
}

/** A thought belongs to what follows it, unless that is what the user said next. */
function leads(items: readonly Item[], at: number): boolean {
  return items[at - 1]?.type === "reasoning" && items[at]?.role !== "user";
}
