// The fold: whatever order and completeness an upstream's events have, out come blocks that open once, grow and close once.

import type { Block, BlockType, Stop } from "./block.ts";
import { Event, type EventData } from "./event.ts";
import { argumentsOf, partType, reasoningTexts, typeOf } from "./item.ts";
import { type Opened, type Slot, Slots, text } from "./slot.ts";
import { missing } from "./thoughts.ts";
import { type Item, usageOf } from "./turn.ts";

/** The key of the one block of an item that is no message. */
const ONLY = -1;

/** Folds the events of one response into blocks. One per response; feed every event, in order. */
export class BlockFold {
  readonly #slots = new Slots();
  #next = 0;
  #started = false;
  #finished = false;

  /** The blocks that this event brings. Unknown events, and events after the end, bring none. */
  push(event: Event): Block[] {
    const out: Block[] = [];
    if (this.#finished) return out;
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
      case "response.output_text.delta":
        this.#text(event.data, "text", event.data.delta, false, out);
        break;
      case "response.refusal.delta":
        this.#text(event.data, "refusal", event.data.delta, false, out);
        break;
      case "response.function_call_arguments.delta":
        this.#call(event.data, "function_call", event.data.delta, false, out);
        break;
      case "response.custom_tool_call_input.delta":
        this.#call(event.data, "custom_tool_call", event.data.delta, false, out);
        break;
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        this.#thought(event.data, event.data.delta, out);
        break;
      default:
        this.#boundary(event, out);
    }
    return out;
  }

  /** Closes whatever is still open, without a finish: for a stream that broke. */
  close(): Block[] {
    const out: Block[] = [];
    for (const slot of this.#slots.all) this.#closeSlot(slot, undefined, out);
    return out;
  }

  /** Events that end something: each tells the whole, from which only what is missing is sent. */
  #boundary(event: Event, out: Block[]): void {
    switch (event.type) {
      case "response.output_text.done":
        this.#text(event.data, "text", event.data.text, true, out);
        break;
      case "response.refusal.done":
        this.#text(event.data, "refusal", event.data.refusal, true, out);
        break;
      case "response.content_part.done": {
        const part = event.data.part as Record<string, unknown> | undefined;
        const partOf = partType(part?.type);
        if (partOf) this.#text(event.data, partOf, partOf === "text" ? part?.text : part?.refusal, true, out);
        break;
      }
      case "response.function_call_arguments.done":
        this.#call(event.data, "function_call", event.data.arguments, true, out);
        break;
      case "response.custom_tool_call_input.done":
        this.#call(event.data, "custom_tool_call", event.data.input, true, out);
        break;
      case "response.reasoning_summary_text.done":
      case "response.reasoning_text.done":
        this.#thoughtEnd(event.data, event.data.text, out);
        break;
      case "response.reasoning_summary_part.done":
        this.#thoughtEnd(event.data, (event.data.part as { text?: unknown } | undefined)?.text, out);
        break;
      case "response.reasoning_summary_part.added":
        this.#thoughtEnd(event.data, undefined, out);
        break;
      case "response.output_text.annotation.added":
        this.#annotation(event.data, out);
        break;
      case "response.image_generation_call.partial_image":
        this.#image(event.data, out);
        break;
      case "response.completed":
      case "response.incomplete":
        this.#finish(event.type, event.data, out);
        break;
    }
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

  #added(data: EventData, out: Block[]): void {
    const item = data.item as Item | undefined;
    if (!item) return;
    this.#start(undefined, out);
    const slot = this.#slots.added(data, item);
    slot.item = { ...slot.item, ...item };
    const type = typeOf(item);
    // A message opens with its first part, a call with its name, an image with its first picture.
    if (type === "function" || type === "custom") this.#openCall(slot, out);
    else if (type !== "text" && type !== "image") this.#open(slot, ONLY, type, out);
  }

  #open(slot: Slot, key: number, type: BlockType, out: Block[]): Opened {
    const known = slot.blocks.get(key);
    if (known) return known;
    const opened: Opened = { index: this.#next++, sent: "" };
    slot.blocks.set(key, opened);
    const { item, id } = slot;
    out.push({
      kind: "open",
      index: opened.index,
      type,
      id: id ?? text(item.id),
      callId: text(item.call_id) ?? id ?? text(item.id),
      name: text(item.name),
      item,
    });
    return opened;
  }

  #openCall(slot: Slot, out: Block[]): Opened | undefined {
    const known = slot.blocks.get(ONLY);
    if (known || !text(slot.item.name)) return known;
    const opened = this.#open(slot, ONLY, typeOf(slot.item), out);
    this.#send(opened, slot.early, out);
    slot.early = "";
    return opened;
  }

  #send(opened: Opened, delta: string, out: Block[]): void {
    if (delta === "") return;
    opened.sent += delta;
    out.push({ kind: "delta", index: opened.index, text: delta });
  }

  /** A piece of a text or refusal part, or with `whole` all of it. */
  #text(data: EventData, type: "text" | "refusal", said: unknown, whole: boolean, out: Block[]): void {
    if (typeof said !== "string" || said === "") return;
    this.#start(undefined, out);
    const slot = this.#slots.inside(data, "message");
    if (slot.done) return;
    if (typeof data.content_index !== "number") slot.unindexed = true;
    const opened = this.#open(slot, partKey(data.content_index, type), type, out);
    this.#send(opened, whole ? missing(opened.sent, said) : said, out);
  }

  #call(data: EventData, itemType: string, said: unknown, whole: boolean, out: Block[]): void {
    if (typeof said !== "string") return;
    this.#start(undefined, out);
    const slot = this.#slots.inside(data, itemType);
    if (slot.done) return;
    if (!text(slot.item.name) && text(data.name)) slot.item = { ...slot.item, name: data.name };
    const opened = this.#openCall(slot, out);
    if (opened) this.#send(opened, whole ? missing(opened.sent, said) : said, out);
    else slot.early += whole ? missing(slot.early, said) : said;
  }

  #thought(data: EventData, said: unknown, out: Block[]): void {
    if (typeof said !== "string" || said === "") return;
    this.#start(undefined, out);
    const slot = this.#slots.inside(data, "reasoning");
    if (!slot.done) this.#think(slot, thoughtKey(data), said, out);
  }

  #think(slot: Slot, key: string | undefined, said: string, out: Block[]): void {
    const opened = this.#open(slot, ONLY, "reasoning", out);
    if (slot.thoughts.say(key, said)) out.push({ kind: "part", index: opened.index });
    this.#send(opened, said, out);
  }

  /** The end of a part, or the begin of the next: what is missing of `whole` is sent. */
  #thoughtEnd(data: EventData, whole: unknown, out: Block[]): void {
    this.#start(undefined, out);
    const slot = this.#slots.inside(data, "reasoning");
    if (slot.done) return;
    this.#open(slot, ONLY, "reasoning", out);
    const told = text(whole);
    const key = thoughtKey(data);
    if (told !== undefined) {
      const [part, rest] = slot.thoughts.end(key, told);
      if (rest !== "") this.#think(slot, part, rest, out);
    }
    slot.thoughts.close(told === undefined ? undefined : key);
  }

  #annotation(data: EventData, out: Block[]): void {
    const annotation = data.annotation as Record<string, unknown> | null | undefined;
    if (typeof annotation !== "object" || annotation === null) return;
    this.#start(undefined, out);
    const slot = this.#slots.inside(data, "message");
    if (slot.done) return;
    this.#cite(slot, this.#open(slot, partKey(data.content_index, "text"), "text", out), annotation, out);
  }

  #cite(slot: Slot, opened: Opened, annotation: Record<string, unknown>, out: Block[]): void {
    const json = JSON.stringify(annotation);
    slot.cited ??= new Set();
    if (slot.cited.has(json)) return;
    slot.cited.add(json);
    out.push({ kind: "annotation", index: opened.index, annotation });
  }

  #image(data: EventData, out: Block[]): void {
    if (typeof data.partial_image_b64 !== "string") return;
    this.#start(undefined, out);
    const slot = this.#slots.inside(data, "image_generation_call");
    slot.item = { ...slot.item, ...(text(data.output_format) && { output_format: data.output_format }) };
    this.#picture(slot, data.partial_image_b64, out);
  }

  /** Each different picture of an image item is a delta of its own; the same one twice is sent once. */
  #picture(slot: Slot, base64: string, out: Block[]): void {
    const opened = this.#open(slot, ONLY, "image", out);
    if (base64 === "" || opened.sent === base64) return;
    opened.sent = base64;
    out.push({ kind: "delta", index: opened.index, text: base64, item: slot.item });
  }

  #done(data: EventData, out: Block[]): void {
    const item = data.item as Item | undefined;
    if (!item) return;
    this.#start(undefined, out);
    this.#end(this.#slots.finished(data, item), item, out);
  }

  #end(slot: Slot, item: Item, out: Block[]): void {
    // Of a finished item only another picture is news.
    if (slot.done && typeOf(item) !== "image") return;
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
      const opened = this.#openCall(slot, out);
      if (opened) this.#send(opened, missing(opened.sent, argumentsOf(item)), out);
    } else if (type === "text") {
      this.#fillMessage(slot, item, out);
    } else if (type === "reasoning") {
      this.#fillReasoning(slot, item, out);
    } else if (type === "image") {
      this.#picture(slot, text(item.result) ?? "", out);
    } else {
      this.#open(slot, ONLY, type, out);
    }
  }

  #fillMessage(slot: Slot, item: Item, out: Block[]): void {
    const parts = Array.isArray(item.content) ? (item.content as Record<string, unknown>[]) : [];
    // What the deltas without a content_index said, all of it in part 0.
    const mixed = { text: "", refusal: "" };
    for (const [at, part] of parts.entries()) {
      const type = partType(part.type);
      const said = type === "refusal" ? part.refusal : part.text;
      if (!type || typeof said !== "string") continue;
      const key = partKey(slot.unindexed ? 0 : at, type);
      if (said === "" && !slot.blocks.has(key)) continue;
      const opened = this.#open(slot, key, type, out);
      mixed[type] += said;
      this.#send(opened, missing(opened.sent, slot.unindexed ? mixed[type] : said), out);
      for (const annotation of Array.isArray(part.annotations) ? part.annotations : [])
        this.#cite(slot, opened, annotation, out);
    }
  }

  #fillReasoning(slot: Slot, item: Item, out: Block[]): void {
    this.#open(slot, ONLY, "reasoning", out);
    for (const rest of slot.thoughts.lacking(reasoningTexts(item))) {
      this.#think(slot, undefined, rest, out);
      slot.thoughts.close(undefined);
    }
  }

  #closeSlot(slot: Slot, item: Item | undefined, out: Block[]): void {
    if (slot.done) return;
    slot.done = true;
    for (const opened of slot.blocks.values()) out.push({ kind: "close", index: opened.index, item });
  }

  #finish(type: string, data: EventData, out: Block[]): void {
    const response = (data.response ?? {}) as Record<string, unknown>;
    this.#start(response, out);
    // Items that only the terminal event has are real; items already seen are only completed from it.
    const output = (Array.isArray(response.output) ? (response.output as (Item | null)[]) : []).filter(
      (item): item is Item => typeof item === "object" && item !== null,
    );
    for (const [index, item] of output.entries()) {
      const slot = this.#slots.repeated(item, index, output);
      if (!slot) this.#done({ type: "", item }, out);
      else if (!slot.done) this.#end(slot, item, out);
    }
    for (const slot of this.#slots.all) this.#closeSlot(slot, undefined, out);
    this.#finished = true;
    out.push({ kind: "finish", stop: stopOf(type, response), usage: usageOf(response.usage), response });
  }
}

/** The blocks of a complete Response object, for dialects' unary replies. */
export function blocksOf(response: Record<string, unknown>): Block[] {
  const fold = new BlockFold();
  const type = response.status === "incomplete" ? "response.incomplete" : "response.completed";
  const data: EventData = { type, response };
  const created: EventData = { type: "response.created", response };
  const event = (of: EventData) => new Event(of.type, new Uint8Array(0), "", of);
  return [...fold.push(event(created)), ...fold.push(event(data))];
}

/** A part may turn from text to refusal under one index: two blocks. */
function partKey(contentIndex: unknown, type: "text" | "refusal"): number {
  return (typeof contentIndex === "number" ? contentIndex : 0) * 2 + (type === "refusal" ? 1 : 0);
}

function thoughtKey(data: EventData): string | undefined {
  if (typeof data.summary_index === "number") return `s${data.summary_index}`;
  return typeof data.content_index === "number" ? `c${data.content_index}` : undefined;
}

function stopOf(type: string, response: Record<string, unknown>): Stop {
  const reason = (response.incomplete_details as { reason?: string } | null | undefined)?.reason;
  if (reason === "max_output_tokens") return "length";
  if (reason === "content_filter") return "content_filter";
  if (type === "response.incomplete" || response.status === "incomplete") return "other";
  return "stop";
}
