// An answer in Ollama's words: lines of JSON for a stream, one object for the whole, from the same blocks.

import { type Block, BlockFold, type BlockType, blocksOf, type Encoder, type ReplyContext } from "codexd/plugin";
import type { Wants } from "./request.ts";

type Clock = () => number;

interface Said {
  content?: string;
  thinking?: string;
  tool_calls?: { function: { name: string; arguments: unknown } }[];
}

type Finish = Extract<Block, { kind: "finish" }>;

export function encoder(context: ReplyContext, clock: Clock): Encoder {
  const fold = new BlockFold();
  const reader = new Reader(context);
  return {
    event(event) {
      const lines = fold.push(event).map((block) => {
        if (block.kind === "finish") return line(context, {}, true, end(block, context, clock));
        const said = reader.read(block);
        return said ? line(context, said, false) : "";
      });
      return lines.join("") || undefined;
    },
    fail: ({ message }) => `${JSON.stringify({ error: message })}\n`,
    end: () => undefined,
  };
}

/** Everything that a stream would have said, in one message. */
export function reply(response: Record<string, unknown>, context: ReplyContext, clock: Clock): unknown {
  const reader = new Reader(context);
  const whole: Required<Said> = { content: "", thinking: "", tool_calls: [] };
  let finish: Record<string, unknown> = {};
  for (const block of blocksOf(response)) {
    const { content = "", thinking = "", tool_calls = [] } = reader.read(block) ?? {};
    whole.content += content;
    whole.thinking += thinking;
    whole.tool_calls.push(...tool_calls);
    if (block.kind === "finish") finish = end(block, context, clock);
  }
  const { content, thinking, tool_calls } = whole;
  const said = { content, ...(thinking && { thinking }), ...(tool_calls.length > 0 && { tool_calls }) };
  return message(context, said, true, finish);
}

export function line(...told: Parameters<typeof message>): string {
  return `${JSON.stringify(message(...told))}\n`;
}

function message(context: ReplyContext, said: Said, done: boolean, finish: Record<string, unknown> = {}) {
  const { content = "", ...rest } = said;
  const { generate } = context.wants as unknown as Wants;
  return {
    model: context.askedModel,
    created_at: new Date(context.mint.now() * 1000).toISOString(),
    ...(generate ? { response: content, ...rest } : { message: { role: "assistant", content, ...rest } }),
    done,
    ...finish,
  };
}

/** Reads blocks; a call is said only when it is whole, since its arguments are an object here. */
class Reader {
  readonly #thinking: boolean;
  readonly #open = new Map<number, { type: BlockType; name: string; text: string }>();

  constructor({ wants }: ReplyContext) {
    this.#thinking = (wants as unknown as Wants).thinking;
  }

  read(block: Block): Said | undefined {
    if (block.kind === "open") this.#open.set(block.index, { type: block.type, name: block.name ?? "", text: "" });
    const open = "index" in block ? this.#open.get(block.index) : undefined;
    if (!open) return undefined;
    if (block.kind === "part") return this.#thinking ? { thinking: "\n\n" } : undefined;
    if (block.kind === "close") return this.#close(open);
    if (block.kind !== "delta") return undefined;
    if (open.type === "text" || open.type === "refusal") return { content: block.text };
    if (open.type === "reasoning") return this.#thinking ? { thinking: block.text } : undefined;
    open.text += block.text;
    return undefined;
  }

  #close({ type, name, text }: { type: BlockType; name: string; text: string }): Said | undefined {
    if (type === "function") return { tool_calls: [{ function: { name, arguments: argumentsOf(text) } }] };
    if (type === "custom") return { tool_calls: [{ function: { name, arguments: { input: text } } }] };
    return undefined;
  }
}

/** A model may cut its arguments short or get them wrong; the client shall see that, and not lose the call. */
function argumentsOf(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return { invalid: text };
  }
}

function end({ stop, usage }: Finish, { wants }: ReplyContext, clock: Clock): Record<string, unknown> {
  const { at, load } = wants as unknown as Wants;
  // Nanoseconds. The upstream does not say how long it read and how long it wrote, so all of it counts as writing.
  const duration = Math.max(1, Math.round(clock() - at)) * 1_000_000;
  return {
    done_reason: load ? "load" : stop === "length" ? "length" : "stop",
    total_duration: duration,
    load_duration: 0,
    prompt_eval_count: usage?.input_tokens ?? 0,
    prompt_eval_duration: 0,
    eval_count: usage?.output_tokens ?? 0,
    eval_duration: duration,
  };
}
