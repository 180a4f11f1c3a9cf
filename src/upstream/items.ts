// Input items as the wire takes them: roles, ids, nulls and the call ids, each mended only where it is wrong.

import { type Failure, invalid } from "../core/failure.ts";
import type { Item } from "../core/turn.ts";
import { digest } from "./digest.ts";
import { isObject } from "./schema.ts";

/** Prefix of an item's id by its type (wire/codex.md B.2); a second one is legal where servers differ. */
const PREFIXES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  message: ["msg_"],
  reasoning: ["rs_"],
  function_call: ["fc_"],
  function_call_output: ["fco_", "fc_"],
  custom_tool_call: ["ctc_"],
  custom_tool_call_output: ["ctco_", "ctc_"],
  tool_search_call: ["tsc_"],
  tool_search_output: ["tso_"],
  local_shell_call: ["lsh_"],
  web_search_call: ["ws_"],
  image_generation_call: ["ig_"],
  compaction: ["cmp_"],
  compaction_summary: ["cmp_"],
  context_compaction: ["cmp_"],
  additional_tools: ["at_"],
  agent_message: ["amsg_"],
};

const LONGEST = 64;
/** Fields where null is a value of the wire (wire/codex.md B.2). */
const NULLABLE: Readonly<Record<string, ReadonlySet<string>>> = {
  reasoning: new Set(["content", "encrypted_content"]),
  tool_search_call: new Set(["call_id"]),
  tool_search_output: new Set(["call_id"]),
};

export interface Mending {
  /** `item_reference` can be resolved by this upstream itself. */
  references: boolean;
  /** This upstream keeps no items: a reasoning item that has only an id means nothing to it. */
  forgetful: boolean;
  /** Remove `prompt_cache_breakpoint` from content parts. */
  breakpoints: boolean;
  dropped: Set<string>;
  /** Shortened call id → the client's. */
  callIds: Map<string, string>;
}

/** A string input is one user message. */
export function itemsOf(input: unknown): unknown {
  if (typeof input !== "string") return input;
  return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
}

/** The server remembers recent items by licence and puts them in the place of their references; this one it does not know. */
export function unknownReference(item: Item, at: number): Failure {
  const message = `there is no item ${JSON.stringify(item.id)} here (any more): send the item itself, with store false and reasoning.encrypted_content included`;
  return invalid(`input[${at}].id`, message, "item_not_found");
}

/** One item, mended; the same object when nothing was wrong; undefined when it cannot be sent at all. */
export function mended(item: Item, at: number, mending: Mending): Item | undefined {
  if (item.type === "item_reference" && !mending.references) {
    throw unknownReference(item, at);
  }
  const type = typeof item.type === "string" ? item.type : "message";
  const next = withoutNulls(item, type);
  if (type === "reasoning") return mendedReasoning(next, mending.forgetful);
  let patch: Record<string, unknown> | undefined;
  if (type === "message" && next.role === "system") patch = { role: "developer" };
  if (mending.breakpoints && Array.isArray(next.content)) {
    const content = withoutBreakpoints(next.content, mending.dropped);
    if (content !== next.content) patch = { ...patch, content };
  }
  if (typeof next.call_id === "string" && next.call_id.length > LONGEST) {
    const short = shortCallId(next.call_id);
    mending.callIds.set(short, next.call_id);
    patch = { ...patch, call_id: short };
  }
  if (type === "function_call" && typeof next.arguments !== "string")
    patch = { ...patch, arguments: JSON.stringify(next.arguments ?? {}) };
  return mendedId(patch ? { ...next, ...patch } : next, type);
}

/** First 47 characters, an underscore and 16 of the digest: 64 in all (translation.md 0.3). */
export function shortCallId(id: string): string {
  return id.length <= LONGEST ? id : `${id.slice(0, 47)}_${digest(id).slice(0, 16)}`;
}

function withoutNulls(item: Item, type: string): Item {
  let copy: Item | undefined;
  // Every item of a long history comes by here, and hardly any has a null: no list of its fields is made.
  for (const key in item) {
    if (item[key] !== null || NULLABLE[type]?.has(key)) continue;
    copy ??= { ...item };
    delete copy[key];
  }
  return copy ?? item;
}

/** The ciphertext is bound to the item's id, so a reasoning item whose id cannot be sent is of no use. */
function mendedReasoning(item: Item, forgetful: boolean): Item | undefined {
  const sealed = typeof item.encrypted_content === "string" && item.encrypted_content !== "";
  if (sealed && typeof item.id === "string" && item.id.length > LONGEST) return undefined;
  if (sealed || !forgetful) return mendedId(item, "reasoning");
  return visibleReasoning(item);
}

/** What remains of a reasoning item without ciphertext: its text, or nothing. */
export function visibleReasoning(item: Item): Item | undefined {
  const { id: _, encrypted_content: __, ...visible } = item;
  const has = (list: unknown) => Array.isArray(list) && list.length > 0;
  return has(item.summary) || has(item.content) ? { ...visible, summary: item.summary ?? [] } : undefined;
}

function mendedId(item: Item, type: string): Item {
  const id = item.id;
  if (id === undefined) return item;
  const prefixes = PREFIXES[type];
  if (typeof id === "string" && id.length <= LONGEST && (!prefixes || prefixes.some((prefix) => id.startsWith(prefix))))
    return item;
  if (type === "item_reference") return item;
  if (typeof id === "string" && id !== "" && prefixes) return { ...item, id: repairedId(id, prefixes[0]) };
  const { id: _, ...rest } = item;
  return rest;
}

function repairedId(id: string, prefix: string): string {
  const whole = id.startsWith(prefix) ? id : `${prefix}${id}`;
  return whole.length <= LONGEST && /^[\w-]+$/.test(whole) ? whole : `${prefix}${digest(id).slice(0, 48)}`;
}

function withoutBreakpoints(content: readonly unknown[], dropped: Set<string>): unknown[] {
  if (!content.some((part) => isObject(part) && Object.hasOwn(part, "prompt_cache_breakpoint")))
    return content as unknown[];
  dropped.add("input[].content[].prompt_cache_breakpoint");
  return content.map((part) => {
    if (!isObject(part)) return part;
    const { prompt_cache_breakpoint: _, ...rest } = part;
    return rest;
  });
}
