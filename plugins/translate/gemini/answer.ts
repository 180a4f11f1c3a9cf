// Blocks of an answer → parts of one Gemini candidate, and at the end how the candidate finished.

import { type Block, type BlockType, type Item, type ReplyContext, seal, type Usage } from "codexd/plugin";
import { Grounding } from "./grounding.ts";
import { Logprobs } from "./logprobs.ts";
import { StopFilter } from "./stop.ts";
import { Unwrap } from "./unwrap.ts";
import { type Wants, wantsOf } from "./wants.ts";

export type Part = Record<string, unknown>;
type Chunk = Record<string, unknown>;

interface Open {
  type: BlockType;
  name: string | undefined;
  callId: string | undefined;
  /** Text of a text block as it was shown, arguments of a call, the latest picture of an image. */
  text: string;
  unwrap: Unwrap | undefined;
  stop: StopFilter;
  closed: boolean;
}

type Finish = Extract<Block, { kind: "finish" }>;

/** One candidate in the making. Feed it every block; each gives the parts that the client gets for it. */
export class Answer {
  readonly #context: ReplyContext;
  readonly #wants: Wants;
  readonly #blocks = new Map<number, Open>();
  readonly #grounding = new Grounding();
  readonly #logprobs = new Logprobs();
  #id: string | undefined;
  #model: string | undefined;
  /** The seal of reasoning whose call has not come yet. */
  #signature: string | undefined;
  /** The text block in which a stop sequence was met: what follows it was never written. */
  #stopped = Number.POSITIVE_INFINITY;
  #refused = false;
  #malformed: string | undefined;
  #finish: Finish | undefined;

  constructor(context: ReplyContext) {
    this.#context = context;
    this.#wants = wantsOf(context.wants);
  }

  get finished(): boolean {
    return this.#finish !== undefined;
  }

  take(block: Block): Part[] {
    switch (block.kind) {
      case "start":
        this.#id = block.id;
        this.#model = block.model;
        return [];
      case "open":
        this.#open(block);
        return [];
      case "delta":
        return this.#delta(block.index, block.text);
      case "part":
        return this.#delta(block.index, "\n\n");
      case "annotation":
        this.#grounding.cite(block.annotation, block.index);
        return [];
      case "close":
        return this.#close(block.index, block.item);
      case "finish":
        this.#finish = block;
        return this.#unsent();
    }
  }

  /** A whole response object with these parts; the last one also says how it ended. */
  chunk(parts: Part[]): Chunk {
    const finish = this.#finish;
    this.#id ??= this.#context.mint.id("resp_");
    const shown = finish && parts.length === 0 ? [{ text: "" }] : parts;
    const candidate = { content: { role: "model", parts: shown }, ...(finish && this.#ending(finish)), index: 0 };
    return {
      candidates: [candidate],
      ...(finish?.usage && { usageMetadata: usageMetadata(finish.usage) }),
      modelVersion: this.#model ?? this.#context.turn.model,
      responseId: this.#id,
    };
  }

  #open(block: Extract<Block, { kind: "open" }>): void {
    this.#blocks.set(block.index, {
      type: block.type,
      name: block.name,
      callId: block.callId,
      text: "",
      unwrap: block.type === "text" && this.#wants.unwrap ? new Unwrap(this.#wants.unwrap) : undefined,
      stop: new StopFilter(block.type === "text" ? this.#wants.stop : []),
      closed: false,
    });
  }

  #delta(index: number, delta: string): Part[] {
    const block = this.#blocks.get(index);
    if (!block || index > this.#stopped) return [];
    switch (block.type) {
      case "text":
      case "refusal":
        return this.#text(index, block, block.unwrap ? block.unwrap.push(delta) : delta);
      case "reasoning":
        return this.#wants.includeThoughts ? [{ text: delta, thought: true }] : [];
      case "image":
        block.text = delta;
        // A second picture of an item that was finished before.
        return block.closed ? [imagePart(block, undefined)] : [];
      default:
        block.text += delta;
        return [];
    }
  }

  #text(index: number, block: Open, delta: string): Part[] {
    const text = block.stop.push(delta);
    return this.#shown(index, block, text);
  }

  #shown(index: number, block: Open, text: string): Part[] {
    if (block.stop.hit) this.#stopped = Math.min(this.#stopped, index);
    block.text += text;
    return text === "" ? [] : [{ text }];
  }

  #close(index: number, item: Item | undefined): Part[] {
    const block = this.#blocks.get(index);
    if (!block || block.closed || index > this.#stopped) return [];
    block.closed = true;
    switch (block.type) {
      case "text":
      case "refusal": {
        if (this.#wants.logprobs) this.#logprobs.message(item);
        this.#refused ||= block.type === "refusal";
        const rest = block.unwrap ? this.#text(index, block, block.unwrap.end()) : [];
        return [...rest, ...this.#shown(index, block, block.stop.end())];
      }
      case "reasoning":
        return this.#seal(item);
      case "function":
      case "custom":
        return this.#call(block);
      case "image":
        return block.text === "" ? [] : [imagePart(block, item)];
      case "search":
        this.#grounding.search(item);
        return [];
      default:
        return item?.type === "code_interpreter_call" ? codeParts(item) : [];
    }
  }

  /** Keeps the seal for the next call. A second one before any call sends the first one on alone, so that none is lost. */
  #seal(item: Item | undefined): Part[] {
    const encrypted = item?.encrypted_content;
    if (typeof encrypted !== "string" || encrypted === "") return [];
    const parts = this.#unsent();
    const sealed = seal(encrypted, this.#context.account, typeof item?.id === "string" ? item.id : undefined);
    // The field has the type bytes: SDKs that know types decode it as base64 and encode it again.
    this.#signature = Buffer.from(sealed).toString("base64");
    return parts;
  }

  #unsent(): Part[] {
    const signature = this.#signature;
    this.#signature = undefined;
    return signature === undefined ? [] : [{ text: "", thoughtSignature: signature }];
  }

  #call(block: Open): Part[] {
    const name = block.name ?? "";
    const args = block.type === "custom" ? { input: block.text } : argsOf(block.text);
    if (!args) {
      this.#malformed ??= `${name}(${block.text})`;
      return [];
    }
    const thoughtSignature = this.#signature;
    this.#signature = undefined;
    const functionCall = { ...(block.callId === undefined ? {} : { id: block.callId }), name, args };
    return [{ functionCall, ...(thoughtSignature === undefined ? {} : { thoughtSignature }) }];
  }

  #ending(finish: Finish): Record<string, unknown> {
    const grounding = this.#grounding.metadata((index) => this.#blocks.get(index)?.text ?? "");
    const finishReason = this.#reason(finish);
    return {
      finishReason,
      ...(finishReason === "MALFORMED_FUNCTION_CALL" && {
        finishMessage: `Malformed function call: ${this.#malformed}`,
      }),
      ...(grounding && { groundingMetadata: grounding }),
      ...this.#logprobs.fields(),
    };
  }

  #reason(finish: Finish): string {
    if (this.#stopped !== Number.POSITIVE_INFINITY) return "STOP";
    if (finish.stop === "length") return "MAX_TOKENS";
    if (finish.stop === "content_filter" || this.#refused) return "SAFETY";
    if (finish.stop === "other") return "OTHER";
    return this.#malformed === undefined ? "STOP" : "MALFORMED_FUNCTION_CALL";
  }
}

/** Arguments must be an object here; a call without any is written in several ways. Undefined when it is none. */
function argsOf(json: string): Record<string, unknown> | undefined {
  if (json.trim() === "") return {};
  try {
    const args: unknown = JSON.parse(json);
    if (args === null) return {};
    return typeof args === "object" && !Array.isArray(args) ? (args as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function imagePart(block: Open, item: Item | undefined): Part {
  const format = typeof item?.output_format === "string" ? item.output_format : "png";
  return { inlineData: { mimeType: `image/${format}`, data: block.text } };
}

function codeParts(item: Item): Part[] {
  const outputs = Array.isArray(item.outputs) ? (item.outputs as Item[]) : [];
  const output = outputs.map((part) => (typeof part.logs === "string" ? part.logs : "")).join("");
  const outcome = item.status === "failed" ? "OUTCOME_FAILED" : "OUTCOME_OK";
  return [
    { executableCode: { language: "PYTHON", code: typeof item.code === "string" ? item.code : "" } },
    { codeExecutionResult: { outcome, output } },
  ];
}

function usageMetadata(usage: Usage): Record<string, number> {
  const thoughts = usage.output_tokens_details.reasoning_tokens;
  return {
    promptTokenCount: usage.input_tokens,
    candidatesTokenCount: Math.max(0, usage.output_tokens - thoughts),
    thoughtsTokenCount: thoughts,
    cachedContentTokenCount: usage.input_tokens_details.cached_tokens,
    totalTokenCount: usage.total_tokens,
  };
}
