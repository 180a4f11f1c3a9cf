// The reasoning behind the tool calls of an answer, and how it goes back to its place in a history.

import type { Event } from "../core/event.ts";
import { reasoningTexts } from "../core/item.ts";
import { seal } from "../core/seal.ts";
import type { Item } from "../core/turn.ts";

/** What the model thought before one call: before what it said on the way there, and after that. */
export interface Thought {
  before: Item[];
  after: Item[];
}

/** Whose ciphertext it is, and whether the upstream shows its reasoning as text instead and may take that back. */
export interface Origin {
  account: string | undefined;
  open: boolean;
}

/** By which a call is known: its id, unless the client's dialect has none. */
export function idKey({ call_id: id }: Item): string | undefined {
  return typeof id === "string" && id !== "" ? id : undefined;
}

/** And by its place among the calls and its words. */
export function placeKey(call: Item, place: number): string {
  const said = call.type === "custom_tool_call" ? call.input : canonical(call.arguments);
  return `#${place} ${Bun.hash(`${call.name}\n${said}`).toString(36)}`;
}

export function keysOf(call: Item, place: number): string[] {
  const id = idKey(call);
  return id === undefined ? [placeKey(call, place)] : [id, placeKey(call, place)];
}

/** Dialects that have arguments as objects write them anew. */
function canonical(args: unknown): unknown {
  try {
    return typeof args === "string" ? JSON.stringify(JSON.parse(args)) : args;
  } catch {
    return args;
  }
}

export function isCall({ type }: Item): boolean {
  return type === "function_call" || type === "custom_tool_call";
}

/** The calls of an answer, in their order, each with what led to it. */
export function thoughtsOf(finished: readonly Event[], origin: Origin): { call: Item; thought: Thought | undefined }[] {
  const calls: { call: Item; thought: Thought | undefined }[] = [];
  let thought: Thought = { before: [], after: [] };
  let spoke = false;
  for (const item of itemsOf(finished)) {
    if (item?.type === "reasoning") {
      const kept = keptItem(item, origin);
      if (kept) (spoke ? thought.after : thought.before).push(kept);
    } else if (item?.type === "message") spoke = true;
    else if (item && isCall(item)) {
      calls.push({ call: item, thought: thought.before.length + thought.after.length > 0 ? thought : undefined });
      thought = { before: [], after: [] };
      spoke = false;
    }
  }
  return calls;
}

function itemsOf(finished: readonly Event[]): (Item | undefined)[] {
  const place = ({ output_index: index }: Event["data"]) => (typeof index === "number" ? index : 0);
  return finished
    .map(({ data }) => data)
    .toSorted((a, b) => place(a) - place(b))
    .map(({ item }) => item as Item | undefined);
}

/** A ciphertext with the mark of its account, or the text of an upstream that shows it. */
function keptItem(item: Item, { account, open }: Origin): Item | undefined {
  const { id, encrypted_content: content, summary } = item;
  const named = typeof id === "string" ? { id } : {};
  if (typeof content === "string" && content !== "")
    return { type: "reasoning", ...named, summary: [], encrypted_content: seal(content, account, named.id) };
  return open && reasoningTexts(item).length > 0 ? { type: "reasoning", summary } : undefined;
}

/** Items of the assistant's own between two that are not make one step. */
function endsStep({ type, role }: Item): boolean {
  if (type === undefined || type === "message") return role !== "assistant";
  return type.endsWith("_output");
}

/** The history with what `find` knows of its calls, in every step that came without any reasoning. */
export function restored(input: readonly Item[], find: (call: Item, place: number) => Thought | undefined): Item[] {
  const out: Item[] = [];
  /** The client sent reasoning of this step itself. */
  let reasoned = false;
  let place = 0;
  for (const item of input) {
    if (endsStep(item)) reasoned = false;
    else if (item.type === "reasoning") reasoned = true;
    else if (isCall(item)) {
      const thought = find(item, place++);
      if (thought && !reasoned) putBack(out, thought);
    }
    out.push(item);
  }
  return out;
}

/** What came before the text goes before the text that stands right before the call. */
function putBack(out: Item[], { before, after }: Thought): void {
  const last = out.at(-1);
  const text = last && !endsStep(last) && last.role === "assistant" ? 1 : 0;
  out.splice(out.length - text, 0, ...before.map(copy));
  out.push(...after.map(copy));
}

/** Plugins may change items in place; what is remembered is not theirs. */
function copy(item: Item): Item {
  return { ...item };
}
