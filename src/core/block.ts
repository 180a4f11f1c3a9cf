// The fold: whatever order and completeness an upstream's events have, out come blocks that open once, grow and close once.

import type { Event, EventData } from "./event.ts";
import type { Item, Usage } from "./turn.ts";
import { usageOf } from "./turn.ts";

/** What a block holds. `other` is an item type that we carry but do not interpret. */
export type BlockType = "text" | "refusal" | "reasoning" | "function" | "custom" | "image" | "search" | "other";

/**
 * One step of an answer. `index` numbers blocks in the order they open; several may be open at once, and a dialect that
 * cannot interleave serialises them itself.
 *
 * - `start`: the response began.
 * - `open`: a block begins. Calls open only once their name is known.
 * - `delta`: text of the block (arguments for calls, base64 for images).
 * - `part`: in a reasoning block, the next summary part begins (shown as a blank line).
 * - `annotation`: a citation inside a text block.
 * - `close`: the block is complete; `item` is the finished item where the upstream sent one.
 * - `finish`: the response ended; `stop` says why.
 */
export type Block =
  | { kind: "start"; id: string | undefined; model: string | undefined; createdAt: number | undefined }
  | { kind: "open"; index: number; type: BlockType; id: string | undefined; callId: string | undefined; name: string | undefined; item: Item }
  | { kind: "delta"; index: number; text: string; item?: Item }
  | { kind: "part"; index: number }
  | { kind: "annotation"; index: number; annotation: Record<string, unknown> }
  | { kind: "close"; index: number; item: Item | undefined }
  | { kind: "finish"; stop: Stop; usage: Usage | undefined; response: Record<string, unknown> };

/** Why an answer ended, before a dialect gives it its own name. `other` keeps an unknown reason's text in `response`. */
export type Stop = "stop" | "length" | "content_filter" | "other";

interface Open {
  index: number;
  type: BlockType;
  /** What was sent as deltas so far, to complete it from the finished item without repeating anything. */
  sent: string;
  parts: number;
  key: string;
}

interface Slot {
  item: Item;
  itemId: string | undefined;
  done: boolean;
  /** Open blocks of this item: one, or for a message one per content part. */
  blocks: Map<string, Open>;
  /** Argument text that arrived before the call's name. */
  early: string;
  partPending: boolean;
}

/** Folds the events of one response into blocks. One per response; feed every event, in order. */
export class BlockFold {
  #next = 0;
  #started = false;
  readonly #slots = new Map<string, Slot>();
  #lastKey: string | undefined;
  #auto = 0;

  /** The blocks that this event brings. Unknown events bring none. */
  push(event: Event): Block[] {
    const out: Block[] = [];
    switch (event.type) {
      case "response.created":
        this.#start(event.data.response as Record<string, unknown> | undefined, out);
        break;
      case "response.output_item.added":
        this.#added(event.data, out);
        break;
      case "response.output_item.done":
        this.#done(event.data, out);
        break;
      case "response.content_part.done":
        this.#partDone(event.data, out);
        break;
      case "response.output_text.delta":
        this.#delta(event.data, "text", out);
        break;
      case "response.refusal.delta":
        this.#delta(event.data, "refusal", out);
        break;
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        this.#delta(event.data, "reasoning", out);
        break;
      case "response.reasoning_summary_part.added":
      case "response.reasoning_summary_text.done":
      case "response.reasoning_summary_part.done":
      case "response.reasoning_text.done":
        this.#summaryBoundary(event, out);
        break;
      case "response.function_call_arguments.delta":
        this.#delta(event.data, "function", out);
        break;
      case "response.custom_tool_call_input.delta":
        this.#delta(event.data, "custom", out);
        break;
      case "response.function_call_arguments.done":
        this.#complete(event.data, "function", event.data.arguments, out);
        break;
      case "response.custom_tool_call_input.done":
        this.#complete(event.data, "custom", event.data.input, out);
        break;
      case "response.output_text.done":
        this.#complete(event.data, "text", event.data.text, out);
        break;
      case "response.refusal.done":
        this.#complete(event.data, "refusal", event.data.refusal, out);
        break;
      case "response.output_text.annotation.added":
        this.#annotation(event.data, out);
        break;
      case "response.image_generation_call.partial_image":
        this.#image(event.data, out);
        break;
      case "response.completed":
      case "response.incomplete":
        this.#finish(event, out);
        break;
    }
    return out;
  }

  /** Closes whatever is still open, without a finish: for a stream that broke. */
  close(): Block[] {
    const out: Block[] = [];
    for (const slot of this.#slots.values()) this.#closeSlot(slot, undefined, out);
    return out;
  }

  #start(response: Record<string, unknown> | undefined, out: Block[]): void {
    if (this.#started) return;
    this.#started = true;
    out.push({
      kind: "start",
      id: text(response?.id),
      model: text(response?.model),
      createdAt: typeof response?.created_at === "number" ? response.created_at : undefined,
    });
  }

  #begin(out: Block[]): void {
    if (!this.#started) this.#start(undefined, out);
  }

  /** One slot per output item: by `output_index`, else by item id, else the last one of the same kind that is still open. */
  #slot(data: EventData, type: BlockType | undefined, item?: Item): Slot {
    const id = text(data.item_id) ?? text(item?.id);
    let key: string | undefined;
    if (typeof data.output_index === "number") key = `i${data.output_index}`;
    else if (id !== undefined) key = this.#keyOfId(id) ?? `s${id}`;
    else if (type !== undefined && this.#lastKey !== undefined) {
      const last = this.#slots.get(this.#lastKey);
      if (last && !last.done && sameKind(last.item, type)) key = this.#lastKey;
    }
    if (key === undefined && item?.call_id !== undefined) key = this.#keyOfCall(item.call_id);
    key ??= `a${this.#auto++}`;
    let slot = this.#slots.get(key);
    if (slot?.done && item && !sameItem(slot.item, item)) {
      // An upstream that gives every item the same index: a finished slot cannot take a second item.
      key = `a${this.#auto++}`;
      slot = undefined;
    }
    if (!slot) {
      slot = { item: item ?? { type: typeName(type) }, itemId: id, done: false, blocks: new Map(), early: "", partPending: false };
      this.#slots.set(key, slot);
    }
    slot.itemId ??= id;
    this.#lastKey = key;
    return slot;
  }

  #keyOfId(id: string): string | undefined {
    for (const [key, slot] of this.#slots) if (slot.itemId === id) return key;
    return undefined;
  }

  #keyOfCall(callId: unknown): string | undefined {
    for (const [key, slot] of this.#slots) if (slot.item.call_id === callId) return key;
    return undefined;
  }

  #added(data: EventData, out: Block[]): void {
    const item = data.item as Item | undefined;
    if (!item) return;
    this.#begin(out);
    const slot = this.#slot(data, undefined, item);
    slot.item = { ...slot.item, ...item };
    const type = typeOf(item);
    // A message opens with its first part, a call with its name, an image with its first bytes.
    if (type === "function" || type === "custom") this.#openCall(slot, type, out);
    else if (type === "reasoning" || type === "search" || type === "other") this.#open(slot, "", type, out);
  }

  #openCall(slot: Slot, type: BlockType, out: Block[]): Open | undefined {
    const open = slot.blocks.get("");
    if (open) return open;
    if (!text(slot.item.name)) return undefined;
    const opened = this.#open(slot, "", type, out);
    this.#send(opened, slot.early, out);
    slot.early = "";
    return opened;
  }

  #open(slot: Slot, part: string, type: BlockType, out: Block[]): Open {
    const known = slot.blocks.get(part);
    if (known) return known;
    const open: Open = { index: this.#next++, type, sent: "", parts: 0, key: part };
    slot.blocks.set(part, open);
    const { item } = slot;
    out.push({
      kind: "open",
      index: open.index,
      type,
      id: slot.itemId ?? text(item.id),
      callId: text(item.call_id) ?? slot.itemId ?? text(item.id),
      name: text(item.name),
      item,
    });
    return open;
  }

  #send(open: Open, delta: string, out: Block[]): void {
    if (delta === "") return;
    open.sent += delta;
    out.push({ kind: "delta", index: open.index, text: delta });
  }

  #delta(data: EventData, type: BlockType, out: Block[]): void {
    if (typeof data.delta !== "string") return;
    this.#begin(out);
    const slot = this.#slot(data, type);
    if (slot.done) return;
    if (type === "function" || type === "custom") {
      const open = this.#openCall(slot, type, out);
      if (open) this.#send(open, data.delta, out);
      else slot.early += data.delta;
      return;
    }
    if (type === "reasoning") {
      const open = this.#open(slot, "", type, out);
      if (slot.partPending && open.sent !== "") {
        out.push({ kind: "part", index: open.index });
        open.sent += "\n\n";
      }
      slot.partPending = false;
      this.#send(open, data.delta, out);
      return;
    }
    this.#send(this.#open(slot, partKey(data, type), type, out), data.delta, out);
  }

  /** A `…done` event carries the whole text: send what the deltas left out. */
  #complete(data: EventData, type: BlockType, whole: unknown, out: Block[]): void {
    if (typeof whole !== "string" || whole === "") return;
    this.#begin(out);
    const slot = this.#slot(data, type);
    if (slot.done) return;
    if (type === "function" || type === "custom") {
      if (!text(slot.item.name) && text(data.name)) slot.item = { ...slot.item, name: data.name };
      const open = this.#openCall(slot, type, out);
      if (open) this.#send(open, missing(open.sent, whole), out);
      else slot.early += missing(slot.early, whole);
      return;
    }
    const open = this.#open(slot, partKey(data, type), type, out);
    this.#send(open, missing(open.sent, whole), out);
  }

  #summaryBoundary(event: Event, out: Block[]): void {
    this.#begin(out);
    const slot = this.#slot(event.data, "reasoning");
    if (slot.done) return;
    const open = this.#open(slot, "", "reasoning", out);
    const whole = event.data.text;
    // A part that came without deltas is sent from its `done` event.
    if (typeof whole === "string" && whole !== "" && !slot.partPending && !open.sent.endsWith(whole)) {
      const at = open.sent.lastIndexOf("\n\n");
      const part = open.parts === 0 ? open.sent : open.sent.slice(at === -1 ? 0 : at + 2);
      this.#send(open, missing(part, whole), out);
    }
    if (!slot.partPending && open.sent !== "") {
      slot.partPending = true;
      open.parts++;
    }
  }

  #partDone(data: EventData, out: Block[]): void {
    const part = data.part as { type?: string; text?: string; refusal?: string } | undefined;
    const type = part?.type === "refusal" ? "refusal" : part?.type === "output_text" ? "text" : undefined;
    if (!type) return;
    this.#complete(data, type, type === "text" ? part?.text : part?.refusal, out);
  }

  #annotation(data: EventData, out: Block[]): void {
    const annotation = data.annotation;
    if (typeof annotation !== "object" || annotation === null) return;
    this.#begin(out);
    const slot = this.#slot(data, "text");
    if (slot.done) return;
    const open = this.#open(slot, partKey(data, "text"), "text", out);
    out.push({ kind: "annotation", index: open.index, annotation: annotation as Record<string, unknown> });
    (slot.item.seen ??= new Set<string>()) as Set<string>;
    (slot.item.seen as Set<string>).add(JSON.stringify(annotation));
  }

  #image(data: EventData, out: Block[]): void {
    if (typeof data.partial_image_b64 !== "string") return;
    this.#begin(out);
    const slot = this.#slot(data, "image");
    slot.item = { ...slot.item, type: "image_generation_call", output_format: data.output_format ?? slot.item.output_format };
    this.#frame(slot, data.partial_image_b64, out);
  }

  /** Each different picture of an image item is a delta of its own; the same one twice is sent once. */
  #frame(slot: Slot, base64: string, out: Block[]): void {
    const open = this.#open(slot, "", "image", out);
    if (open.sent === base64) return;
    open.sent = base64;
    out.push({ kind: "delta", index: open.index, text: base64 });
  }

  #done(data: EventData, out: Block[]): void {
    const item = data.item as Item | undefined;
    if (!item) return;
    this.#begin(out);
    const slot = this.#slot(data, undefined, item);
    if (slot.done) {
      if (typeOf(item) === "image" && typeof item.result === "string") {
        slot.item = { ...slot.item, ...item };
        this.#frame(slot, item.result, out);
      }
      return;
    }
    const early = slot.item;
    slot.item = { ...early, ...item };
    // Some upstreams send the ciphertext only with `added` (vector anth-res-006).
    if (early.encrypted_content && !item.encrypted_content) slot.item.encrypted_content = early.encrypted_content;
    this.#fill(slot, item, out);
    this.#closeSlot(slot, slot.item, out);
  }

  /** Sends everything of a finished item that its deltas did not bring. */
  #fill(slot: Slot, item: Item, out: Block[]): void {
    const type = typeOf(item);
    if (type === "function" || type === "custom") {
      const open = this.#openCall(slot, type, out);
      if (open) this.#send(open, missing(open.sent, argumentsOf(item)), out);
    } else if (type === "text") {
      this.#fillMessage(slot, item, out);
    } else if (type === "reasoning") {
      const open = this.#open(slot, "", "reasoning", out);
      if (open.sent === "") this.#fillReasoning(open, item, out);
    } else if (type === "image") {
      if (typeof item.result === "string") this.#frame(slot, item.result, out);
      else this.#open(slot, "", "image", out);
    } else {
      this.#open(slot, "", type, out);
    }
  }

  #fillMessage(slot: Slot, item: Item, out: Block[]): void {
    const seen = slot.item.seen as Set<string> | undefined;
    delete slot.item.seen;
    const parts = Array.isArray(item.content) ? (item.content as Record<string, unknown>[]) : [];
    // Deltas without a content_index all landed in part 0, whatever their parts were.
    for (const [at, part] of parts.entries()) {
      const type = part.type === "refusal" ? "refusal" : part.type === "output_text" || part.type === "text" ? "text" : undefined;
      const whole = type === "refusal" ? part.refusal : part.text;
      if (!type || typeof whole !== "string") continue;
      const key = `${type}${at}`;
      if (whole === "" && !slot.blocks.has(key)) continue;
      const open = this.#open(slot, key, type, out);
      this.#send(open, missing(open.sent, whole), out);
      for (const annotation of Array.isArray(part.annotations) ? part.annotations : []) {
        if (!seen?.has(JSON.stringify(annotation))) out.push({ kind: "annotation", index: open.index, annotation });
      }
    }
  }

  #fillReasoning(open: Open, item: Item, out: Block[]): void {
    for (const part of reasoningTexts(item)) {
      if (open.sent !== "") {
        out.push({ kind: "part", index: open.index });
        open.sent += "\n\n";
      }
      this.#send(open, part, out);
    }
  }

  #closeSlot(slot: Slot, item: Item | undefined, out: Block[]): void {
    if (slot.done) return;
    slot.done = true;
    for (const open of slot.blocks.values()) out.push({ kind: "close", index: open.index, item });
  }

  #finish(event: Event, out: Block[]): void {
    const response = (event.data.response ?? {}) as Record<string, unknown>;
    this.#begin(out);
    // Items that only the terminal event has are real; items already seen are never taken from it again.
    if (Array.isArray(response.output) && this.#slots.size === 0) {
      for (const [index, item] of (response.output as Item[]).entries()) this.#done({ type: "", output_index: index, item }, out);
    }
    for (const slot of this.#slots.values()) this.#closeSlot(slot, undefined, out);
    out.push({ kind: "finish", stop: stopOf(event.type, response), usage: usageOf(response.usage), response });
  }
}

/** The blocks of a complete Response object, for dialects' unary replies. */
export function blocksOf(response: Record<string, unknown>): Block[] {
  const fold = new BlockFold();
  const type = response.status === "incomplete" ? "response.incomplete" : "response.completed";
  const data: EventData = { type, response };
  const created: EventData = { type: "response.created", response };
  const event = (of: EventData) => ({ type: of.type, data: of, raw: new Uint8Array(0), json: "" }) as unknown as Event;
  return [...fold.push(event(created)), ...fold.push(event(data))];
}

function stopOf(type: string, response: Record<string, unknown>): Stop {
  const reason = (response.incomplete_details as { reason?: string } | null | undefined)?.reason;
  if (reason === "max_output_tokens") return "length";
  if (reason === "content_filter") return "content_filter";
  if (type === "response.incomplete" || response.status === "incomplete") return "other";
  return "stop";
}

function typeOf(item: Item): BlockType {
  switch (item.type) {
    case "message":
      return "text";
    case "reasoning":
      return "reasoning";
    case "function_call":
      return "function";
    case "custom_tool_call":
      return "custom";
    case "image_generation_call":
      return "image";
    case "web_search_call":
      return "search";
    default:
      return "other";
  }
}

function typeName(type: BlockType | undefined): string {
  const names: Partial<Record<BlockType, string>> = {
    text: "message",
    refusal: "message",
    reasoning: "reasoning",
    function: "function_call",
    custom: "custom_tool_call",
    image: "image_generation_call",
    search: "web_search_call",
  };
  return (type && names[type]) ?? "message";
}

function sameKind(item: Item, type: BlockType): boolean {
  return item.type === typeName(type);
}

/** Whether a finished slot's item and a new one are the same: an image may be finished twice with different pictures. */
function sameItem(known: Item, item: Item): boolean {
  if (known.type !== item.type) return false;
  if (known.id !== undefined && item.id !== undefined) return known.id === item.id;
  return known.call_id === item.call_id;
}

function partKey(data: EventData, type: BlockType): string {
  return `${type}${typeof data.content_index === "number" ? data.content_index : 0}`;
}

function argumentsOf(item: Item): string {
  const value = item.type === "custom_tool_call" ? item.input : item.arguments;
  return typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
}

/** The texts of a reasoning item: its summary parts, else its raw content. */
export function reasoningTexts(item: Item): string[] {
  for (const field of [item.summary, item.content]) {
    if (!Array.isArray(field)) continue;
    const texts = field.map((part: { text?: unknown }) => part?.text).filter((t): t is string => typeof t === "string" && t !== "");
    if (texts.length > 0) return texts;
  }
  return [];
}

/** What of `whole` was not sent yet. Nothing when the deltas said something else: never contradict what the client already has. */
function missing(sent: string, whole: string): string {
  return whole.startsWith(sent) ? whole.slice(sent.length) : "";
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
