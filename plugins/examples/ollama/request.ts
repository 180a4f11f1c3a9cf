// A request of Ollama's API as a turn: `/api/chat` with its messages, `/api/generate` with its prompt.

import { type Decoded, type Dialect, type Item, invalid, type Tool, type Turn } from "codexd/plugin";

type Json = Record<string, unknown>;

/** What the answer has to know of its request. */
export interface Wants {
  /** Asked through `/api/generate`: the text is in `response`. */
  generate: boolean;
  thinking: boolean;
  /** Nothing was asked: Ollama's way to load a model. */
  load: boolean;
  /** When it arrived, in milliseconds. */
  at: number;
  /** The client's words for fields of the turn, by which it is told what had no effect. */
  names: Readonly<Record<string, string>>;
}

/** Options that a turn has a field for. */
const OPTIONS: Record<string, string> = {
  temperature: "temperature",
  top_p: "top_p",
  num_predict: "max_output_tokens",
};
const NAMES = Object.fromEntries(Object.entries(OPTIONS).map(([name, field]) => [field, `options.${name}`]));

export function decode({ body, path }: Parameters<Dialect["decode"]>[0], at: number): Decoded {
  const generate = path.endsWith("/generate");
  const dropped = ["suffix", "template", "context", "logprobs"].filter((name) => body[name]);
  const input = generate ? promptOf(body) : messagesOf(list(body.messages, "messages"));
  const turn: Turn = { model: string(body.model, "model").replace(/:latest$/, ""), input };
  const thinking = body.think !== false;
  turn.reasoning = {
    ...(thinking && { summary: "auto" }),
    ...(typeof body.think === "string" && { effort: body.think }),
    ...(!thinking && { effort: "none" }),
  };
  const tools = list(body.tools, "tools").map(toolOf);
  if (tools.length > 0) turn.tools = tools;
  const format = formatOf(body.format);
  if (format) turn.text = { format };
  for (const [name, value] of Object.entries(object(body.options ?? {}, "options"))) {
    const field = OPTIONS[name];
    if (field === undefined) dropped.push(`options.${name}`);
    // Ollama writes "without end" as a negative number.
    else if (name !== "num_predict" || Number(value) > 0) turn[field] = value;
  }
  const load = generate ? !body.prompt && !body.images : input.length === 0;
  const wants: Wants = { generate, thinking, load, at, names: NAMES };
  // `keep_alive` asks for what is always so: the model stays loaded.
  return { turn, stream: body.stream !== false, dropped, lenientEffort: true, wants: { ...wants } };
}

function promptOf({ system, prompt, images }: Json): Item[] {
  const asked = prompt || images ? [message("user", string(prompt ?? "", "prompt"), list(images, "images"))] : [];
  return system ? [message("developer", string(system, "system")), ...asked] : asked;
}

/** Ollama's calls have no ids: an output belongs to the first call of its tool that has none yet. */
function messagesOf(messages: unknown[]): Item[] {
  const open: { id: string; name: string }[] = [];
  let calls = 0;
  return messages.flatMap((one, index): Item[] => {
    const at = `messages[${index}]`;
    const { role, content, images, tool_calls, tool_name } = object(one, at);
    const text = string(content ?? "", `${at}.content`);
    if (role === "system") return [message("developer", text)];
    if (role === "user") return [message("user", text, list(images, `${at}.images`))];
    if (role === "tool") {
      const named = open.findIndex(({ name }) => name === tool_name);
      const [call] = open.splice(Math.max(0, named), 1);
      if (!call) throw invalid(`${at}.role`, `${at}: the output of a tool that no message before it called`);
      return [{ type: "function_call_output", call_id: call.id, output: text }];
    }
    if (role !== "assistant")
      throw invalid(`${at}.role`, `${at}.role is ${JSON.stringify(role)}; legal: system, user, assistant, tool`);
    const called = list(tool_calls, `${at}.tool_calls`).map((call, place): Item => {
      const where = `${at}.tool_calls[${place}].function`;
      const made = object(object(call, `${at}.tool_calls[${place}]`).function, where);
      const name = string(made.name, `${where}.name`);
      const id = `call_${++calls}`;
      open.push({ id, name });
      return { type: "function_call", call_id: id, name, arguments: JSON.stringify(made.arguments ?? {}) };
    });
    return [...(text === "" ? [] : [message("assistant", text)]), ...called];
  });
}

function message(role: string, text: string, images: unknown[] = []): Item {
  const pictures = images.map((data) => ({ type: "input_image", image_url: `data:${mediaType(data)};base64,${data}` }));
  const type = role === "assistant" ? "output_text" : "input_text";
  return { type: "message", role, content: [...(text === "" ? [] : [{ type, text }]), ...pictures] };
}

/** Ollama sends pictures bare; the first letters of their base64 tell what they are. */
function mediaType(data: unknown): string {
  const kinds: Record<string, string> = { "/9j/": "jpeg", R0lG: "gif", UklG: "webp" };
  return `image/${kinds[String(data).slice(0, 4)] ?? "png"}`;
}

function toolOf(tool: unknown, index: number): Tool {
  const at = `tools[${index}].function`;
  const { name, description, parameters } = object(object(tool, `tools[${index}]`).function, at);
  return {
    type: "function",
    name: string(name, `${at}.name`),
    ...(typeof description === "string" && { description }),
    parameters: parameters ?? { type: "object", properties: {} },
    strict: false,
  };
}

function formatOf(format: unknown): { type: string; [field: string]: unknown } | undefined {
  if (format === undefined || format === null || format === "") return undefined;
  if (format === "json") return { type: "json_object" };
  return { type: "json_schema", name: "answer", schema: object(format, "format"), strict: false };
}

function object(value: unknown, at: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw invalid(at, `${at} must be an object`);
}

function list(value: unknown, at: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw invalid(at, `${at} must be an array`);
}

function string(value: unknown, at: string): string {
  if (typeof value === "string") return value;
  throw invalid(at, `${at} must be a string`);
}
