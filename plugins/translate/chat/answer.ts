// An answer as Chat sees it: walks the blocks once and tells a sink what to say, so that stream and unary reply cannot differ.

import { type Block, type BlockType, type Item, type ReplyContext, seal, type Usage } from "codexd/plugin";
import type { Wants } from "./decode.ts";

/** A tool call. Its `form` decides the fields it is told in. */
export interface Call {
  /** Place among the calls, from 0. */
  index: number;
  id: string;
  name: string;
  form: "function" | "custom" | "legacy";
}

export interface Head {
  id: string;
  created: number;
  model: string;
}

export interface Finish {
  reason: "stop" | "length" | "content_filter" | "tool_calls" | "function_call";
  usage: Record<string, unknown> | undefined;
  /** What clients take as a whole: `annotations`, `reasoning_details`. */
  extras: Record<string, unknown>;
  /** `service_tier`, `system_fingerprint`, where the upstream told them. */
  told: Record<string, unknown>;
}

/** Where an answer goes. */
export interface Sink {
  start(head: Head): void;
  content(text: string): void;
  reasoning(text: string): void;
  refusal(text: string): void;
  /** A call begins, with as much of its input as is known already. */
  call(call: Call, input: string): void;
  input(call: Call, text: string): void;
  image(url: string, index: number): void;
  finish(finish: Finish): void;
}

export class Answer {
  readonly #sink: Sink;
  readonly #context: ReplyContext;
  readonly #wants: Partial<Wants>;
  readonly #types: BlockType[] = [];
  /** Open calls by block, and the length of the content before each text block, which its citations count from. */
  readonly #calls = new Map<number, Call>();
  readonly #offsets = new Map<number, number>();
  readonly #images = new Map<number, { index: number; item: Item }>();
  readonly #annotations: unknown[] = [];
  readonly #details: unknown[] = [];
  #called = 0;
  #legacy = false;
  #written = 0;
  /** The reasoning block that spoke last, to part one from the next by a blank line; -1 before any. */
  #reasoned = -1;
  #thinking = false;

  constructor(sink: Sink, context: ReplyContext) {
    this.#sink = sink;
    this.#context = context;
    this.#wants = context.wants as Partial<Wants>;
  }

  take(blocks: readonly Block[]): void {
    for (let at = 0; at < blocks.length; at++) {
      const block = blocks[at] as Block;
      switch (block.kind) {
        case "delta":
          this.#delta(block);
          break;
        case "start":
          this.#sink.start(this.#head(block));
          break;
        case "open": {
          const next = blocks[at + 1];
          const input = next?.kind === "delta" && next.index === block.index ? next.text : undefined;
          // A call that comes whole is told whole, in one chunk.
          if (this.#open(block, input ?? "") && input !== undefined) at++;
          break;
        }
        case "part":
          this.#reasoning(block.index, "\n\n");
          break;
        case "annotation":
          this.#annotate(block.index, block.annotation);
          break;
        case "close":
          this.#close(block.index, block.item);
          break;
        case "finish":
          this.#finish(block);
          break;
      }
    }
  }

  #head(start: Extract<Block, { kind: "start" }>): Head {
    const { mint, turn } = this.#context;
    return {
      id: start.id === undefined ? mint.id("chatcmpl-") : `chatcmpl-${start.id.replace(/^resp_/, "")}`,
      created: start.createdAt === undefined ? mint.now() : Math.floor(start.createdAt),
      model: start.model ?? turn.model,
    };
  }

  /** Returns whether the block is a call, which took its first input with it. */
  #open(block: Extract<Block, { kind: "open" }>, input: string): boolean {
    this.#types[block.index] = block.type;
    if (block.type === "text") {
      this.#speak();
      this.#offsets.set(block.index, this.#written);
    } else if (block.type === "image") {
      this.#images.set(block.index, { index: this.#images.size, item: block.item });
    } else if (block.type === "function" || block.type === "custom") {
      this.#speak();
      const call = this.#call(block);
      this.#calls.set(block.index, call);
      this.#sink.call(call, input);
      return true;
    }
    return false;
  }

  #call(block: Extract<Block, { kind: "open" }>): Call {
    const id = block.callId ?? this.#context.mint.id("call_");
    const name = block.name ?? "";
    if (this.#wants.legacy && !this.#legacy) {
      this.#legacy = true;
      return { index: 0, id, name, form: "legacy" };
    }
    const custom = block.type === "custom" && this.#wants.custom?.includes(name);
    return { index: this.#called++, id, name, form: custom ? "custom" : "function" };
  }

  #delta(block: Extract<Block, { kind: "delta" }>): void {
    switch (this.#types[block.index]) {
      case "text":
        this.#speak();
        this.#content(block.text);
        break;
      case "reasoning":
        this.#reasoning(block.index, block.text);
        break;
      case "refusal":
        this.#speak();
        this.#sink.refusal(block.text);
        break;
      case "function":
      case "custom":
        this.#sink.input(this.#calls.get(block.index) as Call, block.text);
        break;
      case "image": {
        const image = this.#images.get(block.index);
        const format = block.item?.output_format ?? image?.item.output_format ?? "png";
        this.#sink.image(`data:image/${format};base64,${block.text}`, image?.index ?? 0);
        break;
      }
    }
  }

  #content(text: string): void {
    this.#written += text.length;
    this.#sink.content(text);
  }

  #reasoning(index: number, text: string): void {
    const style = this.#context.reasoning;
    if (style === "none") return;
    const apart = this.#reasoned !== -1 && this.#reasoned !== index;
    this.#reasoned = index;
    if (style !== "think") {
      this.#sink.reasoning(apart ? `\n\n${text}` : text);
      return;
    }
    this.#content(this.#thinking ? (apart ? `\n\n${text}` : text) : `<think>${text}`);
    this.#thinking = true;
  }

  /** Something that is no reasoning follows. */
  #speak(): void {
    if (!this.#thinking) return;
    this.#thinking = false;
    this.#content("</think>");
  }

  /** Chat knows citations of web pages only. */
  #annotate(index: number, annotation: Record<string, unknown>): void {
    if (annotation.type !== "url_citation") return;
    const offset = this.#offsets.get(index) ?? 0;
    const place = (value: unknown) => offset + (typeof value === "number" ? value : 0);
    this.#annotations.push({
      type: "url_citation",
      url_citation: {
        start_index: place(annotation.start_index),
        end_index: place(annotation.end_index),
        url: annotation.url ?? "",
        title: annotation.title ?? "",
      },
    });
  }

  #close(index: number, item: Item | undefined): void {
    if (this.#types[index] !== "reasoning" || this.#context.reasoning === "none") return;
    if (typeof item?.encrypted_content !== "string" || item.encrypted_content === "") return;
    const id = typeof item.id === "string" ? item.id : undefined;
    this.#details.push({
      type: "reasoning.encrypted",
      data: seal(item.encrypted_content, this.#context.account, id, this.#called || undefined),
      ...(id !== undefined && { id }),
      format: "codexd-v1",
      index: this.#details.length,
    });
  }

  #finish({ stop, usage, response }: Extract<Block, { kind: "finish" }>): void {
    this.#speak();
    const extras: Record<string, unknown> = {};
    if (this.#annotations.length > 0) extras.annotations = this.#annotations;
    if (this.#details.length > 0) extras.reasoning_details = this.#details;
    const told: Record<string, unknown> = {};
    for (const name of ["service_tier", "system_fingerprint"]) {
      if (typeof response[name] === "string") told[name] = response[name];
    }
    const called = this.#called > 0 ? "tool_calls" : this.#legacy ? "function_call" : undefined;
    // An unknown reason has no name here; the answer that there is ended.
    const reason = called ?? (stop === "other" ? "stop" : stop);
    this.#sink.finish({ reason, usage: usage && usageOf(usage), extras, told });
  }
}

/** Usage under Chat's names; details that only the upstream knows travel. */
function usageOf(usage: Usage): Record<string, unknown> {
  return {
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.total_tokens,
    prompt_tokens_details: usage.input_tokens_details,
    completion_tokens_details: usage.output_tokens_details,
  };
}
