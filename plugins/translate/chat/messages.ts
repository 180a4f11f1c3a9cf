// The message list as input items: roles, contents, calls and their outputs, and reasoning that carries our seal.

import { type Item, invalid, unseal } from "codexd/plugin";
import { assistantContent, type Dropped, messageContent, toolOutput } from "./content.ts";
import {
  type Fields,
  found,
  isObject,
  oneOf,
  optionalArray,
  optionalString,
  requiredObject,
  requiredString,
} from "./field.ts";
import type { Toolbox } from "./tools.ts";

const ROLES = ["developer", "system", "user", "assistant", "tool", "function"] as const;

/** What the calls so far mean for the outputs that follow. */
interface Calls {
  /** Ids of calls of custom tools. */
  custom: Set<string>;
  /** Ids of legacy calls without an output yet, by function name. */
  legacy: Map<string, string[]>;
}

export function inputOf(messages: unknown, { custom }: Toolbox, dropped: Dropped): Item[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid("messages", `messages must be a non-empty array of messages, found ${found(messages)}`);
  }
  const calls: Calls = { custom: new Set(), legacy: new Map() };
  const items: Item[] = [];
  for (let index = 0; index < messages.length; index++) {
    const path = `messages[${index}]`;
    const message = requiredObject(messages[index], path);
    const role = oneOf(message.role, ROLES, `${path}.role`);
    if (message.name && role !== "tool" && role !== "function") dropped.add("messages[].name");
    switch (role) {
      case "assistant":
        assistant(items, message, path, custom, calls, dropped);
        break;
      case "tool":
        items.push(toolMessage(message, path, calls, dropped));
        break;
      case "function":
        items.push(functionMessage(message, path, calls, dropped));
        break;
      default:
        items.push({
          type: "message",
          role: role === "user" ? "user" : "developer",
          content: messageContent(message.content, `${path}.content`, dropped),
        });
    }
  }
  return items;
}

/** Reasoning first, then text, then calls, each after the reasoning that led to it: the order in which the model produced them. */
function assistant(
  items: Item[],
  message: Fields,
  path: string,
  custom: ReadonlySet<string>,
  calls: Calls,
  dropped: Dropped,
): void {
  const content = assistantContent(message, path);
  const reasoning = Array.isArray(message.reasoning_details) ? sealedReasoning(message) : undefined;
  items.push(...(reasoning?.(0) ?? []));
  if (content.length > 0) items.push({ type: "message", role: "assistant", content });
  for (const [index, call] of optionalArray(message.tool_calls, `${path}.tool_calls`)?.entries() ?? []) {
    if (index > 0) items.push(...(reasoning?.(index) ?? []));
    const at = `${path}.tool_calls[${index}]`;
    items.push(toolCall(requiredObject(call, at), at, custom, calls));
  }
  if (isObject(message.function_call)) items.push(legacyCall(message.function_call, path, calls));
  if (message.audio) dropped.add("messages[].audio");
  if (Array.isArray(message.images) && message.images.length > 0) dropped.add("messages[].images");
}

/** Reasoning text alone cannot be given back to the model; only what carries our seal (or a bare ciphertext) is. By the call that it comes before. */
function sealedReasoning(message: Fields): (call: number) => Item[] {
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.length : 0;
  const byCall = new Map<number, Item[]>();
  for (const detail of message.reasoning_details as unknown[]) {
    if (!isObject(detail)) continue;
    const text = [detail.data, detail.signature].find((one) => unseal(one) !== undefined);
    if (text === undefined) continue;
    const place = unseal(text)?.place ?? 0;
    const call = place < calls ? place : 0;
    byCall.set(call, [...(byCall.get(call) ?? []), { type: "reasoning", summary: [], encrypted_content: text }]);
  }
  return (call) => byCall.get(call) ?? [];
}

function toolCall(call: Fields, path: string, custom: ReadonlySet<string>, calls: Calls): Item {
  const id = optionalString(call.id, `${path}.id`);
  const named = id ? { call_id: id } : {};
  if (isObject(call.custom)) {
    if (id) calls.custom.add(id);
    const name = requiredString(call.custom.name, `${path}.custom.name`);
    return { type: "custom_tool_call", ...named, name, input: asText(call.custom.input) };
  }
  if (!isObject(call.function)) {
    const kind = call.type === "custom" ? "custom" : "function";
    throw invalid(
      `${path}.${kind}`,
      `${path}.${kind} must be an object with the call's name, found ${found(call[kind])}; legal types are function and custom`,
    );
  }
  const name = requiredString(call.function.name, `${path}.function.name`);
  if (custom.has(name)) {
    if (id) calls.custom.add(id);
    return { type: "custom_tool_call", ...named, name, input: asText(call.function.arguments) };
  }
  return { type: "function_call", ...named, name, arguments: asText(call.function.arguments) };
}

/** Legacy calls have no id. One made from the place in the history stays the same from turn to turn, so the prompt cache holds. */
function legacyCall(call: Fields, path: string, calls: Calls): Item {
  const name = requiredString(call.name, `${path}.function_call.name`);
  const id = `call_${path.replace(/\D/g, "")}`;
  calls.legacy.set(name, [...(calls.legacy.get(name) ?? []), id]);
  return { type: "function_call", call_id: id, name, arguments: asText(call.arguments) };
}

function asText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

function toolMessage(message: Fields, path: string, calls: Calls, dropped: Dropped): Item {
  const id = optionalString(message.tool_call_id, `${path}.tool_call_id`);
  const type = id !== undefined && calls.custom.has(id) ? "custom_tool_call_output" : "function_call_output";
  return { type, ...(id && { call_id: id }), output: toolOutput(message.content, dropped) };
}

function functionMessage(message: Fields, path: string, calls: Calls, dropped: Dropped): Item {
  const name = requiredString(message.name, `${path}.name`);
  const id = calls.legacy.get(name)?.shift();
  return { type: "function_call_output", ...(id && { call_id: id }), output: toolOutput(message.content, dropped) };
}
