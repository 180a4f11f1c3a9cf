// The conversation of a Messages request as the items of a turn, in the order the client has them.

import { type Item, invalid, unseal } from "codexd/plugin";
import { type Block, blocksOf, inputParts, type Notes, type Part, texts } from "./content.ts";

/** Claude Code's first system block changes with every conversation; sent on, it would spoil the prompt cache. */
const BILLING = /^x-anthropic-billing-header:[^\n]*\n?/;

export interface History extends Notes {
  readonly items: Item[];
}

/** `system`, or a message with that role: one developer message in its place. */
export function pushSystem(history: History, content: unknown, at: string): void {
  const parts: Part[] = [];
  for (const [index, block] of blocksOf(content, at).entries()) {
    const text = typeof block.text === "string" ? block.text.replace(BILLING, "") : block.text;
    parts.push(...inputParts({ ...block, text }, `${at}[${index}]`, history));
  }
  pushMessage(history, "developer", parts);
}

export function pushTurn(history: History, message: Block, at: string): void {
  const content = `${at}.content`;
  const blocks = blocksOf(message.content, content);
  switch (message.role) {
    case "user":
      return pushUser(history, blocks, content);
    case "assistant":
      return pushAssistant(history, blocks, content);
    case "system":
    case "developer":
      return pushSystem(history, message.content, content);
    default:
      throw invalid(`${at}.role`, `${at}.role must be one of user, assistant, system`);
  }
}

function pushUser(history: History, blocks: Block[], at: string): void {
  let parts: Part[] = [];
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index] as Block;
    // Thinking is the model's: in a user's mouth it means nothing.
    if (block.type === "thinking" || block.type === "redacted_thinking") continue;
    if (block.type !== "tool_result") {
      for (const part of inputParts(block, `${at}[${index}]`, history)) parts.push(part);
      continue;
    }
    pushMessage(history, "user", parts);
    parts = [];
    history.items.push({
      type: "function_call_output",
      call_id: block.tool_use_id,
      output: outputOf(block, `${at}[${index}].content`, history),
    });
  }
  pushMessage(history, "user", parts);
}

/** The wire has no error mark on an output, so the text says it. */
function outputOf(block: Block, at: string, history: History): string | Part[] {
  const failed = block.is_error === true;
  const parts = blocksOf(block.content, at).flatMap((part, index) => inputParts(part, `${at}[${index}]`, history));
  const [only, ...more] = parts;
  if (only === undefined) return failed ? "Error" : "";
  if (more.length === 0 && only.type === "input_text") return failed ? `Error: ${only.text}` : String(only.text);
  return failed ? [{ type: "input_text", text: "Error:" }, ...parts] : parts;
}

function pushAssistant(history: History, blocks: Block[], at: string): void {
  let parts: Part[] = [];
  const push = (item: Item) => {
    pushMessage(history, "assistant", parts);
    parts = [];
    history.items.push(item);
  };
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index] as Block;
    const path = `${at}[${index}]`;
    switch (block.type) {
      case "text":
        if (typeof block.text === "string" && block.text !== "") parts.push({ type: "output_text", text: block.text });
        break;
      case "thinking":
      case "redacted_thinking": {
        const signature = block.type === "thinking" ? block.signature : block.data;
        // A signature of another maker cannot be read here, and thinking without one is not replayed.
        if (unseal(signature)) push({ type: "reasoning", summary: [], encrypted_content: signature });
        break;
      }
      case "tool_use":
        if (typeof block.name === "string") history.referenced.add(block.name);
        push({
          type: "function_call",
          call_id: block.id,
          name: block.name,
          arguments: JSON.stringify(block.input ?? {}),
        });
        break;
      case "server_tool_use":
        if (block.name === "web_search") push(searchItem(block));
        else parts.push(serverText(block));
        break;
      case "web_search_tool_result":
        // The upstream keeps no place for the pages a search found; its call stands for both.
        if (Array.isArray(block.content) && block.content.length > 0) history.dropped.push(`${path}.content`);
        break;
      default:
        if (typeof block.type === "string" && /_tool_(?:use|result)$/.test(block.type)) parts.push(serverText(block));
        else if (typeof block.text === "string") parts.push({ type: "output_text", text: block.text });
        else history.dropped.push(path);
    }
  }
  pushMessage(history, "assistant", parts);
}

function searchItem(block: Block): Item {
  const id =
    typeof block.id === "string" && block.id.startsWith("srvtoolu_ws_")
      ? block.id.slice("srvtoolu_".length)
      : undefined;
  const query = (block.input as { query?: unknown } | null | undefined)?.query;
  return {
    type: "web_search_call",
    ...(id === undefined ? {} : { id }),
    status: "completed",
    action: { type: "search", query: typeof query === "string" ? query : "" },
  };
}

/** History of server tools that exist only at Anthropic: readable text is all the model can use of it. */
function serverText(block: Block): Part {
  const what =
    block.input === undefined
      ? texts(block.content) || JSON.stringify(block.content ?? null)
      : JSON.stringify(block.input);
  const label = typeof block.name === "string" ? `${block.type} ${block.name}` : String(block.type);
  return { type: "output_text", text: `[${label}] ${what}` };
}

function pushMessage(history: History, role: string, content: Part[]): void {
  if (content.length > 0) history.items.push({ type: "message", role, content });
}
