// The stream of a Chat answer: chunk frames, of which everything but the delta is made once.

import {
  BlockFold,
  type Chunk,
  type Encoder,
  type Failure,
  openaiError,
  type ReasoningStyle,
  type ReplyContext,
} from "codexd/plugin";
import { Answer, type Call, type Finish, type Head, type Sink } from "./answer.ts";
import type { Wants } from "./decode.ts";

const DONE = "data: [DONE]\n\n";
const TAIL = `,"logprobs":null,"finish_reason":null}]}\n\n`;

export function encoder(context: ReplyContext): Encoder {
  const fold = new BlockFold();
  const frames = new Frames(context.reasoning, (context.wants as Partial<Wants>).usage === true);
  const answer = new Answer(frames, context);
  let closed = false;
  return {
    event(event): Chunk | undefined {
      answer.take(fold.push(event));
      return frames.taken();
    },
    fail(failure: Failure): Chunk {
      closed = true;
      return `data: ${JSON.stringify(openaiError(failure, context).body)}\n\n${DONE}`;
    },
    end: () => (closed ? undefined : DONE),
  };
}

/** Writes chunks. `reasoning_content` and `reasoning` are two names that clients look for; `both` says it twice. */
class Frames implements Sink {
  readonly #style: ReasoningStyle;
  readonly #usage: boolean;
  #out = "";
  /** A frame up to its `choices`, and up to its delta. */
  #head = "";
  #prefix = "";

  constructor(style: ReasoningStyle, usage: boolean) {
    this.#style = style;
    this.#usage = usage;
  }

  taken(): string | undefined {
    if (this.#out === "") return undefined;
    const out = this.#out;
    this.#out = "";
    return out;
  }

  start({ id, created, model }: Head): void {
    this.#head = `data: {"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(model)}`;
    this.#prefix = `${this.#head},"choices":[{"index":0,"delta":`;
    this.#write(`{"role":"assistant","content":""}`);
  }

  content(text: string): void {
    this.#write(`{"content":${JSON.stringify(text)}}`);
  }

  reasoning(text: string): void {
    const json = JSON.stringify(text);
    if (this.#style === "both") this.#write(`{"reasoning_content":${json},"reasoning":${json}}`);
    else this.#write(`{"${this.#style}":${json}}`);
  }

  refusal(text: string): void {
    this.#write(`{"refusal":${JSON.stringify(text)}}`);
  }

  call({ index, id, name, form }: Call, input: string): void {
    const said = `"name":${JSON.stringify(name)},"${form === "custom" ? "input" : "arguments"}":${JSON.stringify(input)}`;
    if (form === "legacy") this.#write(`{"function_call":{${said}}}`);
    else
      this.#write(
        `{"tool_calls":[{"index":${index},"id":${JSON.stringify(id)},"type":"${form}","${form}":{${said}}}]}`,
      );
  }

  input({ index, form }: Call, text: string): void {
    const json = JSON.stringify(text);
    if (form === "legacy") this.#write(`{"function_call":{"arguments":${json}}}`);
    else if (form === "custom") this.#write(`{"tool_calls":[{"index":${index},"custom":{"input":${json}}}]}`);
    else this.#write(`{"tool_calls":[{"index":${index},"function":{"arguments":${json}}}]}`);
  }

  image(url: string, index: number): void {
    this.#write(JSON.stringify({ images: [{ type: "image_url", image_url: { url }, index }] }));
  }

  finish({ reason, usage, extras, told }: Finish): void {
    // Official accumulators overwrite what they do not know, so a list must come whole, in one delta.
    if (Object.keys(extras).length > 0) this.#write(JSON.stringify(extras));
    const rest = Object.entries(told)
      .map(([name, value]) => `,"${name}":${JSON.stringify(value)}`)
      .join("");
    this.#out += `${this.#prefix}{},"logprobs":null,"finish_reason":"${reason}"}]${rest}}\n\n`;
    if (this.#usage && usage) this.#out += `${this.#head},"choices":[],"usage":${JSON.stringify(usage)}${rest}}\n\n`;
  }

  #write(delta: string): void {
    this.#out += this.#prefix + delta + TAIL;
  }
}
