// The items of a turn as Chat messages: one assistant message for what the assistant did at once, its calls answered right after it.

import { reasoningTexts } from "../../core/block.ts";
import type { Item, Turn } from "../../core/turn.ts";
import type { FlatNames } from "./names.ts";
import { isCall, isOutput, type Pairs, pairsOf } from "./pairs.ts";
import { contentOf, partsOf, textOf } from "./parts.ts";

type Json = Record<string, unknown>;

/** The field in which a provider takes reasoning back. */
export type ReasoningField = "reasoning_content" | "reasoning";

export interface MessageOptions {
  names: FlatNames;
  reasoningField?: ReasoningField | undefined;
  /** The provider knows `refusal` on an assistant message. */
  refusals: boolean;
}

export function chatMessages(turn: Turn, options: MessageOptions): { messages: Json[]; dropped: string[] } {
  const builder = new MessageBuilder(turn.input, options);
  if (turn.instructions) builder.system(turn.instructions);
  for (const [index, item] of turn.input.entries()) builder.item(item, index);
  return { messages: builder.end(), dropped: builder.dropped };
}

interface Assistant {
  reasoning: string[];
  text: string | undefined;
  refusal: string | undefined;
  calls: number[];
}

class MessageBuilder {
  readonly dropped: string[] = [];
  readonly #messages: Json[] = [];
  readonly #input: readonly Item[];
  readonly #pairs: Pairs;
  readonly #options: MessageOptions;
  #open: Assistant | undefined;

  constructor(input: readonly Item[], options: MessageOptions) {
    this.#input = input;
    this.#pairs = pairsOf(input);
    this.#options = options;
  }

  end(): Json[] {
    this.#close();
    return this.#messages;
  }

  item(item: Item, index: number): void {
    if (isCall(item)) this.#assistant((open) => open.refusal === undefined).calls.push(index);
    else if (isOutput(item)) this.#outputItem(item, index);
    else if (item.type === "message" || item.type === undefined) this.#message(item, index);
    else if (item.type === "reasoning") this.#reasoning(item);
    else if (item.type === "agent_message") this.#agentMessage(item, index);
    else if (item.type === "image_generation_call" && typeof item.result === "string") this.#image(item);
    else if (item.type !== "additional_tools") this.dropped.push(`input[${index}]`);
  }

  /** Leading system texts become one message, because many models' templates take one at the start and no more. */
  system(text: string): void {
    const first = this.#messages[0];
    if (this.#messages.length !== 1 || first?.role !== "system" || this.#open) {
      this.#push({ role: "system", content: text });
    } else if (first.content !== text) {
      first.content = `${first.content}\n\n${text}`;
    }
  }

  #push(message: Json): void {
    this.#close();
    this.#messages.push(message);
  }

  #parts(content: unknown, path: string): Json[] {
    const { parts, dropped } = partsOf(content, path);
    this.dropped.push(...dropped);
    return parts;
  }

  #message(item: Item, index: number): void {
    const path = `input[${index}].content`;
    if (item.role === "assistant") {
      this.#said(item, path);
      return;
    }
    const parts = this.#parts(item.content, path);
    if (parts.length === 0) return;
    if (item.role === "system" || item.role === "developer") this.system(textOf(parts, "\n\n"));
    else this.#push({ role: "user", content: contentOf(parts) });
  }

  #said(item: Item, path: string): void {
    const content = Array.isArray(item.content) ? (item.content as (Json | null)[]) : item.content;
    const refused =
      Array.isArray(content) && this.#options.refusals ? content.find((part) => part?.type === "refusal") : undefined;
    const kept =
      Array.isArray(content) && refused ? content.map((part) => (part?.type === "refusal" ? NOTHING : part)) : content;
    const text = textOf(this.#parts(kept, path), "");
    if (text === "" && !refused) return;
    const open = this.#assistant(
      (one) => one.text === undefined && one.refusal === undefined && one.calls.length === 0,
    );
    if (text !== "") open.text = text;
    if (typeof refused?.refusal === "string") open.refusal = refused.refusal;
  }

  #reasoning(item: Item): void {
    const text = reasoningTexts(item).join("\n\n");
    // Reasoning without text is another upstream's ciphertext, which nobody here could read.
    if (text === "" || this.#options.reasoningField === undefined) return;
    this.#assistant((one) => one.text === undefined && one.calls.length === 0).reasoning.push(text);
  }

  #agentMessage(item: Item, index: number): void {
    const parts = this.#parts(item.content, `input[${index}].content`);
    if (parts.length === 0) return;
    const from = [item.author && `from ${item.author}`, item.recipient && `to ${item.recipient}`]
      .filter(Boolean)
      .join(" ");
    this.#push({
      role: "user",
      content: contentOf(from === "" ? parts : [{ type: "text", text: `Message ${from}:` }, ...parts]),
    });
  }

  #image(item: Item): void {
    const url = `data:image/${item.output_format ?? "png"};base64,${item.result}`;
    this.#push({ role: "user", content: [{ type: "image_url", image_url: { url } }] });
  }

  /** An output whose call is gone (cut by a client to save room) still tells the model something. */
  #outputItem(item: Item, index: number): void {
    // A call after an output is the next step, not one more of the same moment.
    this.#close();
    if (this.#pairs.answered.has(index)) return;
    const parts = this.#output(item, index);
    const title = `Output of the tool call ${typeof item.call_id === "string" ? item.call_id : "without id"}:`;
    if (parts.length > 0) this.#push({ role: "user", content: [{ type: "text", text: title }, ...parts] });
  }

  /** The assistant message being gathered, if it still has room for what comes; else the next one. */
  #assistant(fits: (open: Assistant) => boolean): Assistant {
    if (this.#open && !fits(this.#open)) this.#close();
    this.#open ??= { reasoning: [], text: undefined, refusal: undefined, calls: [] };
    return this.#open;
  }

  #close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (!open || (open.text === undefined && open.refusal === undefined && open.calls.length === 0)) return;
    const { reasoningField } = this.#options;
    this.#messages.push({
      role: "assistant",
      content: open.text ?? null,
      ...(open.refusal === undefined ? {} : { refusal: open.refusal }),
      ...(reasoningField && open.reasoning.length > 0 ? { [reasoningField]: open.reasoning.join("\n\n") } : {}),
      ...(open.calls.length > 0 ? { tool_calls: open.calls.map((index) => this.#call(index)) } : {}),
    });
    this.#answer(open.calls);
  }

  #call(index: number): Json {
    const { id, item } = this.#pairs.calls.get(index) as { id: string; item: Item };
    return { id, type: "function", function: calledOf(item, this.#options.names) };
  }

  /** Tool messages hold text only, so pictures and files follow in one user message. */
  #answer(calls: readonly number[]): void {
    const media: Json[] = [];
    for (const index of calls) {
      const answer = this.#pairs.answers.get(index);
      const parts = answer === undefined ? [] : this.#output(this.#input[answer] as Item, answer);
      const id = this.#pairs.calls.get(index)?.id;
      this.#messages.push({ role: "tool", tool_call_id: id, content: textOf(parts, "\n") });
      media.push(...parts.filter((part) => part.type !== "text"));
    }
    if (media.length > 0) this.#messages.push({ role: "user", content: media });
  }

  #output(item: Item, index: number): Json[] {
    if (item.type === "tool_search_output")
      return [{ type: "text", text: foundTools(item.tools, this.#options.names) }];
    const { output } = item;
    // A list of content parts is content; any other value is data for the model to read.
    const isContent =
      typeof output === "string" || (Array.isArray(output) && output.every((part) => typeof part?.type === "string"));
    if (isContent) return this.#parts(output, `input[${index}].output`);
    return output === undefined || output === null ? [] : [{ type: "text", text: JSON.stringify(output) }];
  }
}

const NOTHING = { type: "text", text: "" };

function calledOf(item: Item, names: FlatNames): Json {
  const namespace = typeof item.namespace === "string" && item.namespace !== "" ? { namespace: item.namespace } : {};
  if (item.type === "function_call") {
    const wire = names.wire({ name: String(item.name), kind: "function", ...namespace });
    return {
      name: wire,
      arguments: typeof item.arguments === "string" && item.arguments !== "" ? item.arguments : "{}",
    };
  }
  if (item.type === "custom_tool_call") {
    const wire = names.wire({ name: String(item.name), kind: "custom", ...namespace });
    return { name: wire, arguments: JSON.stringify({ input: item.input ?? "" }) };
  }
  const search = item.type === "tool_search_call";
  const name = (item.type as string).slice(0, -"_call".length);
  const called = item.arguments ?? item.action ?? item.operation ?? {};
  return {
    name: names.wire({ name, kind: search ? "search" : "function" }),
    arguments: typeof called === "string" ? called : JSON.stringify(called),
  };
}

/** What a tool search found; the tools themselves are offered with the request. */
function foundTools(tools: unknown, names: FlatNames): string {
  const found: string[] = [];
  const add = (list: unknown, namespace: string | undefined): void => {
    for (const tool of Array.isArray(list) ? (list as (Json | null)[]) : []) {
      if (tool?.type === "namespace") add(tool.tools, String(tool.name));
      else if (tool && (tool.type === "function" || tool.type === "custom") && typeof tool.name === "string") {
        found.push(names.wire({ name: tool.name, kind: tool.type, ...(namespace ? { namespace } : {}) }));
      }
    }
  };
  add(tools, undefined);
  return JSON.stringify({ tools: found });
}
