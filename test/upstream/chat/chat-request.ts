// What every Chat provider demands of a request: known fields and parts, and each call answered directly after it.
import type { Json } from "./material.ts";

const FIELDS: Record<string, readonly string[]> = {
  system: ["role", "content"],
  user: ["role", "content"],
  assistant: ["role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls"],
  tool: ["role", "tool_call_id", "content"],
};
const PARTS = ["text", "image_url", "input_audio", "file"];
const RESPONSES_ONLY = [
  ...["input", "instructions", "include", "store", "reasoning", "text", "previous_response_id", "max_output_tokens"],
  ...["client_metadata", "session_id", "truncation", "conversation"],
];

/** Throws at the first thing a provider would refuse. */
export function checkChatRequest(body: Json): void {
  const foreign = RESPONSES_ONLY.find((field) => body[field] !== undefined);
  if (foreign) throw new Error(`Unrecognized request argument supplied: ${foreign}`);
  if (body.stream !== true || body.stream_options?.include_usage !== true)
    throw new Error("no stream, or no usage in it");
  if (!Array.isArray(body.messages) || body.messages.length === 0) throw new Error("no messages");
  const names = ((body.tools ?? []) as Json[]).map(toolName);
  if (new Set(names).size !== names.length) throw new Error(`tool names repeat: ${names}`);
  if (body.tools === undefined && (body.tool_choice ?? body.parallel_tool_calls) !== undefined) {
    throw new Error("tool_choice is only allowed when tools are specified");
  }
  let waiting: string[] = [];
  for (const [index, message] of (body.messages as Json[]).entries()) {
    const at = `messages[${index}]`;
    const unknown = Object.keys(message).find((field) => !FIELDS[message.role]?.includes(field));
    if (unknown) throw new Error(`${at}.${unknown} on ${message.role}`);
    if (message.role === "tool") {
      if (!waiting.includes(message.tool_call_id)) throw new Error(`${at} answers no call of the message before it`);
      waiting = waiting.filter((id) => id !== message.tool_call_id);
    } else if (waiting.length > 0) throw new Error(`${at}: no tool messages for ${waiting}`);
    checkContent(message, at);
    if (message.role === "assistant") waiting = ((message.tool_calls ?? []) as Json[]).map((call) => callId(call, at));
  }
  if (waiting.length > 0) throw new Error(`no tool messages for ${waiting}`);
}

function toolName(tool: Json): string {
  const { name, parameters } = tool.function;
  if (tool.type !== "function" || !/^[a-zA-Z0-9_-]{1,64}$/.test(name))
    throw new Error(`bad tool ${JSON.stringify(tool)}`);
  if (parameters.type !== "object" || typeof parameters.properties !== "object")
    throw new Error(`bad schema of ${name}`);
  return name;
}

function callId(call: Json, at: string): string {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(call.function.name)) throw new Error(`${at} calls ${call.function.name}`);
  JSON.parse(call.function.arguments);
  return call.id;
}

function checkContent({ role, content, tool_calls, refusal }: Json, at: string): void {
  if (content === null && role === "assistant" && (tool_calls?.length > 0 || refusal)) return;
  if (typeof content === "string") return;
  if (!Array.isArray(content) || content.length === 0 || role !== "user") throw new Error(`${at}.content of ${role}`);
  const odd = content.find((part: Json) => !PARTS.includes(part.type) || part[part.type] === undefined);
  if (odd) throw new Error(`${at}.content has ${JSON.stringify(odd).slice(0, 200)}`);
}
