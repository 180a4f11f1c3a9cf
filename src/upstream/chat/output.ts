// Output items on their way out: each grows as the provider's deltas come, and says so in the events of the Responses stream.

import type { Item } from "../../core/turn.ts";

type Json = Record<string, unknown>;

/** Sends one event of the item that is being told; the place of the item is added by whoever made this. */
export type Emit = (type: string, fields: Json) => void;

export type ItemStatus = "completed" | "incomplete";

/** One output item. `tell` may be called as often as there is news, `finish` once, after which it takes nothing more. */
export interface Output {
  readonly id: string;
  /** Nothing is missing, so far as anyone can know before the end of the answer. */
  readonly whole: boolean;
  tell(emit: Emit): void;
  finish(emit: Emit, status: ItemStatus): Item;
}

interface Part {
  type: "text" | "refusal";
  text: string;
  unsent: string;
  annotations: Json[];
  told: number;
  opened: boolean;
}

/** The assistant's text, refusals as parts of their own. */
export class MessageOutput implements Output {
  readonly whole = true;
  readonly id: string;
  readonly #parts: Part[] = [];
  #begun = false;
  #at = 0;

  constructor(id: string) {
    this.id = id;
  }

  add(type: Part["type"], piece: string): void {
    let part = this.#parts.at(-1);
    if (part?.type !== type) {
      part = { type, text: "", unsent: "", annotations: [], told: 0, opened: false };
      this.#parts.push(part);
    }
    part.unsent += piece;
  }

  annotate(annotation: Json): void {
    this.#parts.findLast((part) => part.type === "text")?.annotations.push(annotation);
  }

  tell(emit: Emit): void {
    if (!this.#begun) {
      this.#begun = true;
      emit("response.output_item.added", {
        item: { id: this.id, type: "message", status: "in_progress", role: "assistant", content: [] },
      });
    }
    for (; this.#at < this.#parts.length; this.#at++) {
      const part = this.#parts[this.#at] as Part;
      tellPart(part, this.#at, this.id, emit);
      if (this.#at === this.#parts.length - 1) return;
      closePart(part, this.#at, this.id, emit);
    }
  }

  finish(emit: Emit, status: ItemStatus): Item {
    this.tell(emit);
    const last = this.#parts.at(-1);
    if (last) closePart(last, this.#parts.length - 1, this.id, emit);
    const item = { id: this.id, type: "message", status, role: "assistant", content: this.#parts.map(contentOf) };
    emit("response.output_item.done", { item });
    return item;
  }
}

function tellPart(part: Part, index: number, id: string, emit: Emit): void {
  const at = { item_id: id, content_index: index };
  if (!part.opened) {
    part.opened = true;
    emit("response.content_part.added", { ...at, part: contentOf(part) });
  }
  if (part.unsent !== "") {
    const delta = part.unsent;
    part.text += delta;
    part.unsent = "";
    if (part.type === "text") emit("response.output_text.delta", { ...at, delta, logprobs: [] });
    else emit("response.refusal.delta", { ...at, delta });
  }
  for (; part.told < part.annotations.length; part.told++) {
    const annotation = part.annotations[part.told];
    emit("response.output_text.annotation.added", { ...at, annotation_index: part.told, annotation });
  }
}

function closePart(part: Part, index: number, id: string, emit: Emit): void {
  const at = { item_id: id, content_index: index };
  if (part.type === "text") emit("response.output_text.done", { ...at, text: part.text, logprobs: [] });
  else emit("response.refusal.done", { ...at, refusal: part.text });
  emit("response.content_part.done", { ...at, part: contentOf(part) });
}

function contentOf(part: Part): Json {
  if (part.type === "refusal") return { type: "refusal", refusal: part.text };
  return { type: "output_text", text: part.text, annotations: part.annotations.slice(0, part.told), logprobs: [] };
}

/** The model's reasoning, told as one summary part: the place where every dialect looks for text to show. */
export class ReasoningOutput implements Output {
  readonly whole = true;
  readonly id: string;
  #text = "";
  #unsent = "";
  #begun = false;

  constructor(id: string) {
    this.id = id;
  }

  add(piece: string): void {
    this.#unsent += piece;
  }

  tell(emit: Emit): void {
    const at = { item_id: this.id, summary_index: 0 };
    if (!this.#begun) {
      this.#begun = true;
      emit("response.output_item.added", {
        item: { id: this.id, type: "reasoning", status: "in_progress", summary: [] },
      });
      emit("response.reasoning_summary_part.added", { ...at, part: { type: "summary_text", text: "" } });
    }
    if (this.#unsent === "") return;
    const delta = this.#unsent;
    this.#text += delta;
    this.#unsent = "";
    emit("response.reasoning_summary_text.delta", { ...at, delta });
  }

  finish(emit: Emit, status: ItemStatus): Item {
    this.tell(emit);
    const at = { item_id: this.id, summary_index: 0 };
    const part = { type: "summary_text", text: this.#text };
    emit("response.reasoning_summary_text.done", { ...at, text: this.#text });
    emit("response.reasoning_summary_part.done", { ...at, part });
    const item = { id: this.id, type: "reasoning", status, summary: [part] };
    emit("response.output_item.done", { item });
    return item;
  }
}

/** A picture that the model made, which Chat providers hand over in one piece. */
export class ImageOutput implements Output {
  readonly whole = true;
  readonly id: string;
  readonly #base64: string;
  readonly #format: string;
  #begun = false;

  constructor(id: string, base64: string, format: string) {
    this.id = id;
    this.#base64 = base64;
    this.#format = format;
  }

  tell(emit: Emit): void {
    if (this.#begun) return;
    this.#begun = true;
    emit("response.output_item.added", {
      item: { id: this.id, type: "image_generation_call", status: "in_progress", result: null },
    });
    emit("response.image_generation_call.completed", { item_id: this.id });
  }

  finish(emit: Emit): Item {
    this.tell(emit);
    const item = {
      id: this.id,
      type: "image_generation_call",
      status: "completed",
      output_format: this.#format,
      result: this.#base64,
    };
    emit("response.output_item.done", { item });
    return item;
  }
}
