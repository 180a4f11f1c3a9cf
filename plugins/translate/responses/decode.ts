// Responses requests are turns already: this checks what everything after it relies on, and carries the rest as it came.

import { type Decoded, type Dialect, Failure, invalid, type Keep, type Turn } from "codexd/plugin";

type Fields = Record<string, unknown>;

export const decode: Dialect["decode"] = ({ body }): Decoded => {
  const { stream, ...rest } = body;
  if (stream !== undefined && stream !== null && typeof stream !== "boolean")
    throw invalid("stream", `stream is ${said(stream)}; legal: true or false`);
  if (typeof rest.model !== "string" || rest.model === "")
    throw invalid("model", `model is ${said(rest.model)}; it must be a string that names a model`);
  refusePrompt(rest);
  const keep = keepOf(rest);
  const turn = rest as unknown as Turn;
  turn.input = inputOf(rest.input);
  checkShapes(rest);
  return {
    turn,
    stream: stream === true,
    keep,
    ...(typeof rest.prompt_cache_key === "string" &&
      rest.prompt_cache_key !== "" && { session: rest.prompt_cache_key }),
  };
};

function inputOf(input: unknown): Turn["input"] {
  if (input === undefined || input === null) return [];
  if (typeof input === "string")
    return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
  if (!Array.isArray(input)) throw invalid("input", `input is ${said(input)}; legal: a string or a list of items`);
  for (let index = 0; index < input.length; index++) {
    const item: unknown = input[index];
    if (typeof item !== "object" || item === null || Array.isArray(item))
      throw invalid(`input[${index}]`, `input[${index}] is ${said(item)}; every item must be an object`);
    // The official types let a reference go without its type.
    if (isBareReference(item as Fields)) input[index] = { ...item, type: "item_reference" };
  }
  return input as Turn["input"];
}

function isBareReference(item: Fields): boolean {
  return (
    typeof item.id === "string" && (item.type ?? undefined) === undefined && !("role" in item || "content" in item)
  );
}

function checkShapes(body: Record<string, unknown>): void {
  for (const field of ["reasoning", "text", "metadata"]) {
    const value = body[field];
    if (value !== undefined && value !== null && (typeof value !== "object" || Array.isArray(value)))
      throw invalid(field, `${field} is ${said(value)}; it must be an object`);
  }
  checkValues(body);
  for (const field of ["tools", "include"]) {
    const value = body[field];
    if (value !== undefined && value !== null && !Array.isArray(value))
      throw invalid(field, `${field} is ${said(value)}; it must be a list`);
  }
  for (const [index, tool] of ((body.tools as unknown[] | null | undefined) ?? []).entries()) {
    if (typeof tool !== "object" || tool === null || typeof (tool as { type?: unknown }).type !== "string")
      throw invalid(`tools[${index}]`, `tools[${index}] must be an object with a type`);
  }
  if (body.instructions !== undefined && body.instructions !== null && typeof body.instructions !== "string") {
    throw invalid("instructions", `instructions is ${said(body.instructions)}; it must be a string`);
  }
}

/** What an answer says again, so that no upstream's leniency makes it invalid. */
function checkValues({ metadata, text, tool_choice: choice }: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (typeof value !== "string")
      throw invalid(`metadata.${name}`, `metadata.${name} is ${said(value)}; it must be a string`);
  }
  const format = (text as { format?: unknown } | null | undefined)?.format ?? {};
  if (!isObject(format)) throw invalid("text.format", `text.format is ${said(format)}; it must be an object`);
  if (typeof (choice ?? "") !== "string" && !isObject(choice))
    throw invalid("tool_choice", `tool_choice is ${said(choice)}; it must be a string or an object`);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Takes the fields that the server answers for itself out of the body; `store` stays, for an upstream may want to know it too. */
function keepOf(body: Record<string, unknown>): Keep {
  const { store, previous_response_id: previous, conversation, background } = body;
  for (const [field, value] of Object.entries({ store, background })) {
    if (value !== undefined && value !== null && typeof value !== "boolean")
      throw invalid(field, `${field} is ${said(value)}; legal: true or false`);
  }
  if (previous !== undefined && previous !== null && (typeof previous !== "string" || previous === ""))
    throw invalid("previous_response_id", `previous_response_id is ${said(previous)}; it must be the id of a response`);
  const named = conversationOf(conversation);
  if (previous && named)
    throw invalid("conversation", "previous_response_id and conversation exclude each other: send one of them");
  if (background === true && store === false)
    throw invalid("background", "background needs the answer to be kept: leave store out or send true");
  delete body.previous_response_id;
  delete body.conversation;
  delete body.background;
  return {
    ...(typeof store === "boolean" && { store }),
    ...(typeof previous === "string" && { previous }),
    ...(named !== undefined && { conversation: named }),
    background: background === true,
  };
}

function conversationOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const id = typeof value === "object" ? (value as { id?: unknown }).id : value;
  if (typeof id !== "string" || id === "")
    throw invalid("conversation", "conversation must be the id of a conversation, or an object with that id");
  return id;
}

function refusePrompt({ prompt }: Record<string, unknown>): void {
  if (prompt === undefined || prompt === null) return;
  throw new Failure("invalid_request", {
    code: "unsupported_parameter",
    message: "prompt is not supported: this server keeps no prompt templates; send instructions and input",
    param: "prompt",
  });
}

function said(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `${typeof value === "object" ? "an object" : `a ${typeof value}`}`;
}
