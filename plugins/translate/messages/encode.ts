// Canonical events as a Messages stream.

import {
  type Block,
  BlockFold,
  type Chunk,
  type Encoder,
  type Event,
  type Failure,
  type ReplyContext,
  roughTokens,
} from "codexd/plugin";
import { Answer, type Sink } from "./answer.ts";
import { errorBody } from "./failure.ts";
import { messageUsage, tokensOf } from "./usage.ts";

export const PING = frame({ type: "ping" });

function frame(data: { type: string; [field: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function deltaPrefix(index: number, type: string, field: string): string {
  return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"${type}","${field}":`;
}

/** Writes frames. Text is nearly every frame of a stream, so what surrounds it is made once per block. */
class Frames implements Sink {
  #out = "";
  #index = 0;
  #text = "";
  #thinking = "";

  add(text: string): void {
    this.#out += text;
  }

  take(): string | undefined {
    const out = this.#out;
    this.#out = "";
    return out === "" ? undefined : out;
  }

  open(index: number, block: Record<string, unknown>): void {
    this.#index = index;
    this.#text = deltaPrefix(index, "text_delta", "text");
    this.#thinking = deltaPrefix(index, "thinking_delta", "thinking");
    this.#out += frame({ type: "content_block_start", index, content_block: block });
  }

  text(text: string): void {
    this.#out += `${this.#text}${JSON.stringify(text)}}}\n\n`;
  }

  thinking(text: string): void {
    this.#out += `${this.#thinking}${JSON.stringify(text)}}}\n\n`;
  }

  json(text: string): void {
    this.#out += `${deltaPrefix(this.#index, "input_json_delta", "partial_json")}${JSON.stringify(text)}}}\n\n`;
  }

  signature(signature: string): void {
    this.#out += `${deltaPrefix(this.#index, "signature_delta", "signature")}${JSON.stringify(signature)}}}\n\n`;
  }

  citation(citation: Record<string, unknown>): void {
    const delta = { type: "citations_delta", citation };
    this.#out += frame({ type: "content_block_delta", index: this.#index, delta });
  }

  close(): void {
    this.#out += frame({ type: "content_block_stop", index: this.#index });
  }
}

class MessagesEncoder implements Encoder {
  readonly #context: ReplyContext;
  readonly #fold = new BlockFold();
  readonly #frames = new Frames();
  readonly #answer: Answer;
  #estimate = 0;
  #ended = false;

  constructor(context: ReplyContext) {
    this.#context = context;
    this.#answer = new Answer(this.#frames, context);
  }

  event(event: Event): Chunk | undefined {
    if (this.#ended) return undefined;
    for (const block of this.#fold.push(event)) this.#push(block);
    return this.#frames.take();
  }

  fail(failure: Failure): Chunk {
    this.#ended = true;
    return (this.#frames.take() ?? "") + frame(errorBody(failure, this.#context.id));
  }

  end(): Chunk | undefined {
    return this.#frames.take();
  }

  #push(block: Block): void {
    if (block.kind === "start") this.#start(block);
    else if (block.kind === "finish") this.#finish(block);
    else this.#answer.push(block);
  }

  /** The true counts come last, in `message_delta`, and replace this estimate. */
  #start(start: Extract<Block, { kind: "start" }>): void {
    const { turn, mint } = this.#context;
    this.#estimate = roughTokens(turn);
    const message = {
      id: mint.id("msg_"),
      type: "message",
      role: "assistant",
      model: start.model ?? turn.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: messageUsage(tokensOf(undefined, 0, this.#estimate), this.#context),
    };
    this.#frames.add(frame({ type: "message_start", message }));
    this.#frames.add(PING);
  }

  #finish(finish: Extract<Block, { kind: "finish" }>): void {
    this.#ended = true;
    const usage = tokensOf(finish.usage, this.#answer.searches, this.#estimate);
    this.#frames.add(frame({ type: "message_delta", delta: this.#answer.end(finish), usage }));
    this.#frames.add(frame({ type: "message_stop" }));
  }
}

export function encoder(context: ReplyContext): Encoder {
  return new MessagesEncoder(context);
}
