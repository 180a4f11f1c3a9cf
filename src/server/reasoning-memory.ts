// Remembers the reasoning behind tool calls, for clients whose dialect has no place for it or that do not send it back.

import { createHash } from "node:crypto";
import type { Event } from "../core/event.ts";
import { reasoningTexts } from "../core/item.ts";
import { seal } from "../core/seal.ts";
import type { Item, Turn } from "../core/turn.ts";

/** Most characters of reasoning kept in all; the session that was quiet longest goes first. */
const ROOM = 32 * 1024 * 1024;
/** Most of one session. */
const SHARE = 4 * 1024 * 1024;

/** What the model thought before one call: before what it said on the way there, and after that. */
interface Thought {
  before: Item[];
  after: Item[];
}

/** Whose ciphertext it is, and whether the upstream shows its reasoning as text instead and may take that back. */
interface Origin {
  account: string | undefined;
  open: boolean;
}

/**
 * Kept in memory, by call. A session is forgotten as a whole, or by half when it alone is too large: to forget its calls one by one
 * would change the beginning of every later request, and the upstream's prompt cache is of use only while that stays the same.
 */
export class ReasoningMemory {
  readonly #sessions = new Map<string, SessionThoughts>();
  readonly #room: number;
  readonly #share: number;
  #size = 0;

  constructor(room = ROOM, share = SHARE) {
    this.#room = room;
    this.#share = share;
  }

  /** Puts the reasoning back before the calls that it led to, in every step of the history that came without any. */
  recall(owner: string, turn: Turn): Recollection {
    const session = this.#sessions.get(owner);
    const earlier = turn.input.filter(isCall).length;
    if (session && earlier > 0) {
      this.#touch(owner, session);
      turn.input = restored(turn.input, session);
    }
    return new Recollection(this, owner, earlier);
  }

  /** `earlier` is how many calls the history had before those of this answer. */
  keep(owner: string, earlier: number, finished: readonly Event[], origin: Origin): void {
    const calls = thoughtsOf(finished, origin);
    if (calls.length === 0) return;
    const session = this.#sessions.get(owner) ?? new SessionThoughts();
    this.#size -= session.size;
    for (const { call, at, thought } of calls) session.add(call, earlier + at, thought);
    if (session.size > this.#share) session.halve();
    this.#size += session.size;
    this.#touch(owner, session);
    for (const [oldest, { size }] of this.#sessions) {
      if (this.#size <= this.#room) break;
      this.#sessions.delete(oldest);
      this.#size -= size;
    }
  }

  /** The upstream refused it: nobody has a use for it any more. */
  forget(owner: string): void {
    this.#size -= this.#sessions.get(owner)?.size ?? 0;
    this.#sessions.delete(owner);
  }

  #touch(owner: string, session: SessionThoughts): void {
    this.#sessions.delete(owner);
    this.#sessions.set(owner, session);
  }
}

/** One exchange's part in it. */
export class Recollection {
  /** The `response.output_item.done` events of its answer. */
  readonly finished: Event[] = [];
  readonly #memory: ReasoningMemory;
  readonly #owner: string;
  readonly #earlier: number;

  constructor(memory: ReasoningMemory, owner: string, earlier: number) {
    this.#memory = memory;
    this.#owner = owner;
    this.#earlier = earlier;
  }

  keep(origin: Origin): void {
    if (this.finished.length > 1) this.#memory.keep(this.#owner, this.#earlier, this.finished, origin);
  }

  forget(): void {
    this.#memory.forget(this.#owner);
  }
}

/** The thoughts of one session, under the call's id and, for clients that send no ids, under its place and words. */
class SessionThoughts {
  readonly #byKey = new Map<string, Thought>();
  #kept: { keys: string[]; size: number }[] = [];
  size = 0;

  /** The first one stays: an answer that was asked for twice must not change what is upstream's beginning by now. */
  add(call: Item, place: number, thought: Thought): void {
    const keys = keysOf(call, place).filter((key) => !this.#byKey.has(key));
    if (keys.length === 0) return;
    for (const key of keys) this.#byKey.set(key, thought);
    const size = JSON.stringify(thought).length;
    this.#kept.push({ keys, size });
    this.size += size;
  }

  find(call: Item, place: number): Thought | undefined {
    for (const key of keysOf(call, place)) {
      const thought = this.#byKey.get(key);
      if (thought) return thought;
    }
    return undefined;
  }

  halve(): void {
    for (const { keys, size } of this.#kept.splice(0, Math.ceil(this.#kept.length / 2))) {
      for (const key of keys) this.#byKey.delete(key);
      this.size -= size;
    }
  }
}

function keysOf(call: Item, place: number): string[] {
  const { call_id: id, name } = call;
  const said = call.type === "custom_tool_call" ? call.input : canonical(call.arguments);
  const byPlace = `#${place} ${createHash("sha256").update(`${name}\n${said}`).digest("hex")}`;
  return typeof id === "string" && id !== "" ? [id, byPlace] : [byPlace];
}

/** Dialects that have arguments as objects write them anew. */
function canonical(args: unknown): unknown {
  try {
    return typeof args === "string" ? JSON.stringify(JSON.parse(args)) : args;
  } catch {
    return args;
  }
}

function isCall({ type }: Item): boolean {
  return type === "function_call" || type === "custom_tool_call";
}

/** The calls of an answer that reasoning led to; `at` is which of its calls each is. */
function thoughtsOf(finished: readonly Event[], origin: Origin) {
  const calls: { call: Item; at: number; thought: Thought }[] = [];
  let thought: Thought = { before: [], after: [] };
  let spoke = false;
  let at = 0;
  for (const item of itemsOf(finished)) {
    if (item?.type === "reasoning") {
      const kept = keptItem(item, origin);
      if (kept) (spoke ? thought.after : thought.before).push(kept);
    } else if (item?.type === "message") spoke = true;
    else if (item && isCall(item)) {
      if (thought.before.length + thought.after.length > 0) calls.push({ call: item, at, thought });
      thought = { before: [], after: [] };
      spoke = false;
      at++;
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

function restored(input: readonly Item[], session: SessionThoughts): Item[] {
  const out: Item[] = [];
  /** The client sent reasoning of this step itself. */
  let reasoned = false;
  let place = 0;
  for (const item of input) {
    if (endsStep(item)) reasoned = false;
    else if (item.type === "reasoning") reasoned = true;
    else if (isCall(item)) {
      const thought = session.find(item, place++);
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
