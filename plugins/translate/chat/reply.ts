// The unary Chat answer: a `chat.completion` with everything the response holds.

import { blocksOf, type ReasoningStyle, type ReplyContext } from "codexd/plugin";
import { Answer, type Call, type Finish, type Head, type Sink } from "./answer.ts";

export function reply(response: Record<string, unknown>, context: ReplyContext): unknown {
  const message = new Message(context.reasoning);
  new Answer(message, context).take(blocksOf(response));
  return message.completion();
}

class Message implements Sink {
  readonly #style: ReasoningStyle;
  readonly #calls = new Map<Call, string>();
  readonly #images: unknown[] = [];
  #head: Head | undefined;
  #content = "";
  #reasoning = "";
  #refusal = "";
  #finish: Finish | undefined;

  constructor(style: ReasoningStyle) {
    this.#style = style;
  }

  start(head: Head): void {
    this.#head = head;
  }

  content(text: string): void {
    this.#content += text;
  }

  reasoning(text: string): void {
    this.#reasoning += text;
  }

  refusal(text: string): void {
    this.#refusal += text;
  }

  call(call: Call, input: string): void {
    this.#calls.set(call, input);
  }

  input(call: Call, text: string): void {
    this.#calls.set(call, (this.#calls.get(call) ?? "") + text);
  }

  image(url: string, index: number): void {
    this.#images[index] = { type: "image_url", image_url: { url }, index };
  }

  finish(finish: Finish): void {
    this.#finish = finish;
  }

  completion(): unknown {
    const { reason = "stop", usage, told } = this.#finish ?? {};
    return {
      ...this.#head,
      object: "chat.completion",
      choices: [{ index: 0, message: this.#message(), logprobs: null, finish_reason: reason }],
      ...(usage && { usage }),
      ...told,
    };
  }

  #message(): Record<string, unknown> {
    const calls = [...this.#calls];
    const tools = calls.filter(([call]) => call.form !== "legacy").map(([call, input]) => toolCall(call, input));
    const legacy = calls.find(([call]) => call.form === "legacy");
    const silent = calls.length > 0 || this.#refusal !== "";
    return {
      role: "assistant",
      content: this.#content === "" && silent ? null : this.#content,
      refusal: this.#refusal === "" ? null : this.#refusal,
      ...this.#reasoningFields(),
      ...(tools.length > 0 && { tool_calls: tools }),
      ...(legacy && { function_call: { name: legacy[0].name, arguments: legacy[1] } }),
      ...(this.#images.length > 0 && { images: this.#images }),
      ...this.#finish?.extras,
    };
  }

  #reasoningFields(): Record<string, string> {
    if (this.#reasoning === "") return {};
    if (this.#style === "both") return { reasoning_content: this.#reasoning, reasoning: this.#reasoning };
    return { [this.#style]: this.#reasoning };
  }
}

function toolCall({ id, name, form }: Call, input: string): Record<string, unknown> {
  return form === "custom"
    ? { id, type: "custom", custom: { name, input } }
    : { id, type: "function", function: { name, arguments: input } };
}
