// A complete response as one Messages object.

import { blocksOf, type ReplyContext, roughTokens } from "codexd/plugin";
import { Answer, type Sink } from "./answer.ts";
import { messageUsage, tokensOf } from "./usage.ts";

type ContentBlock = Record<string, unknown>;

/** Builds the content array, block by block. */
class Content implements Sink {
  readonly blocks: ContentBlock[] = [];
  #last: ContentBlock = {};
  #json = "";

  open(_index: number, block: ContentBlock): void {
    this.#last = { ...block };
    this.#json = "";
    this.blocks.push(this.#last);
  }

  text(text: string): void {
    this.#last.text = String(this.#last.text) + text;
  }

  thinking(text: string): void {
    this.#last.thinking = String(this.#last.thinking) + text;
  }

  json(text: string): void {
    this.#json += text;
  }

  signature(signature: string): void {
    this.#last.signature = signature;
  }

  citation(citation: Record<string, unknown>): void {
    this.#last.citations = [...((this.#last.citations as unknown[] | undefined) ?? []), citation];
  }

  close(): void {
    if (this.#last.input !== undefined) this.#last.input = inputOf(this.#json);
  }
}

/** A model may write arguments that are no JSON object; the dialect knows nothing else. */
function inputOf(json: string): unknown {
  try {
    const input = JSON.parse(json) as unknown;
    return typeof input === "object" && input !== null && !Array.isArray(input) ? input : {};
  } catch {
    return {};
  }
}

export function reply(response: Record<string, unknown>, context: ReplyContext): Record<string, unknown> {
  const content = new Content();
  const answer = new Answer(content, context);
  let message: Record<string, unknown> = {};
  for (const block of blocksOf(response)) {
    if (block.kind === "start") {
      message = {
        id: context.mint.id("msg_"),
        type: "message",
        role: "assistant",
        model: block.model ?? context.turn.model,
        content: content.blocks,
      };
    } else if (block.kind === "finish") {
      const tokens = tokensOf(block.usage, answer.searches, block.usage ? 0 : roughTokens(context.turn));
      message = { ...message, ...answer.end(block), usage: messageUsage(tokens, context) };
    } else {
      answer.push(block);
    }
  }
  return message;
}
