// Responses requests are turns already: this checks what everything after it relies on, and carries the rest as it came.

import { type Decoded, type Dialect, Failure, invalid, type Turn } from "codexd/plugin";

/** Fields of stored conversations, which this server does not keep. */
const STORED = ["previous_response_id", "conversation", "background", "prompt"] as const;

export const decode: Dialect["decode"] = ({ body }): Decoded => {
  const { stream, ...rest } = body;
  if (stream !== undefined && stream !== null && typeof stream !== "boolean")
    throw invalid("stream", `stream is ${said(stream)}; legal: true or false`);
  if (typeof rest.model !== "string" || rest.model === "")
    throw invalid("model", `model is ${said(rest.model)}; it must be a string that names a model`);
  refuseStored(rest);
  const turn = rest as unknown as Turn;
  turn.input = inputOf(rest.input);
  checkShapes(rest);
  return {
    turn,
    stream: stream === true,
    ...(typeof rest.prompt_cache_key === "string" &&
      rest.prompt_cache_key !== "" && { session: rest.prompt_cache_key }),
  };
};

function inputOf(input: unknown): Turn["input"] {
  if (input === undefined || input === null) return [];
  if (typeof input === "string")
    return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
  if (!Array.isArray(input)) throw invalid("input", `input is ${said(input)}; legal: a string or a list of items`);
  for (const [index, item] of input.entries()) {
    if (typeof item !== "object" || item === null || Array.isArray(item))
      throw invalid(`input[${index}]`, `input[${index}] is ${said(item)}; every item must be an object`);
  }
  return input as Turn["input"];
}

function checkShapes(body: Record<string, unknown>): void {
  for (const field of ["reasoning", "text", "metadata"]) {
    const value = body[field];
    if (value !== undefined && value !== null && (typeof value !== "object" || Array.isArray(value)))
      throw invalid(field, `${field} is ${said(value)}; it must be an object`);
  }
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

function refuseStored(body: Record<string, unknown>): void {
  for (const field of STORED) {
    const value = body[field];
    if (value === undefined || value === null || value === false) continue;
    throw new Failure("invalid_request", {
      code: "unsupported_parameter",
      message: `${field} is not supported yet: this server keeps no responses; send the whole conversation in input`,
      param: field,
    });
  }
}

function said(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `${typeof value === "object" ? "an object" : `a ${typeof value}`}`;
}
