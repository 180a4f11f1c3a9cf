// Refuses what the real backends refuse, with their own bodies.
import { modelNamed, olderThan } from "./catalogue.ts";
import { isObject, type Json, objects, string } from "./json.ts";
import { open } from "./seal.ts";

export interface Refusal {
  status: number;
  body: Json;
}

export interface Store {
  has(id: string): boolean;
}

const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const UNSUPPORTED = [
  ...[
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "max_output_tokens",
    "max_tool_calls",
    "truncation",
  ],
  ...["metadata", "safety_identifier", "background", "user"],
];
const PREFIXES: Record<string, string> = {
  message: "msg",
  reasoning: "rs",
  function_call: "fc",
  custom_tool_call: "ctc",
};
const CALLS = new Map([
  ["function_call", "function_call_output"],
  ["custom_tool_call", "custom_tool_call_output"],
]);

export function detail(text: string): Refusal {
  return { status: 400, body: { detail: text } };
}

export function refused(
  message: string,
  param: string | null = null,
  code: string | null = null,
  status = 400,
): Refusal {
  return { status, body: { error: { message, type: "invalid_request_error", param, code } } };
}

// The ChatGPT backend: a narrow door, and its own form of error for what does not fit through.
export function refuseAsChatgpt(body: Json, headers: Headers, account: string, store: Store): Refusal | undefined {
  const input = body.input;
  if (!Array.isArray(input)) return detail("Input must be a list");
  const items = objects(input);
  if (string(body.instructions) === "" && !opensWithInstructions(items)) return detail("Instructions are required");
  if (body.store !== false) return detail("Store must be set to false");
  if (body.stream !== true) return detail("Stream must be set to true");
  if (items.some((item) => item.role === "system")) return detail("System messages are not allowed");
  const unsupported = UNSUPPORTED.find((key) => body[key] !== undefined) ?? unsupportedStreamOption(body);
  if (unsupported) return detail(`Unsupported parameter: ${unsupported}`);
  if (body.service_tier === "auto") return detail("Unsupported service_tier: auto");
  return refuseModel(body, headers) ?? refuseEffort(body) ?? refuseInput(body, items, account, store);
}

export function refuseAsOpenai(body: Json, account: string, store: Store): Refusal | undefined {
  const { input } = body;
  if (string(body.model) === "")
    return refused("Missing required parameter: 'model'.", "model", "missing_required_parameter");
  if (input !== undefined && typeof input !== "string" && !Array.isArray(input)) {
    return refused("Invalid type for 'input': expected a string or an array of items.", "input", "invalid_type");
  }
  if (input === undefined && body.previous_response_id == null && body.prompt == null && body.conversation == null) {
    return refused(
      "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided.",
      "input",
      "missing_required_parameter",
    );
  }
  return refuseSampling(body) ?? refuseEffort(body) ?? refuseInput(body, objects(input), account, store);
}

function opensWithInstructions(items: Json[]): boolean {
  const first = items[0];
  return first?.type === "additional_tools" || first?.role === "developer";
}

// The one stream option that the real client itself may send.
function unsupportedStreamOption(body: Json): string | undefined {
  if (!isObject(body.stream_options)) return body.stream_options == null ? undefined : "stream_options";
  const other = Object.keys(body.stream_options).find((key) => key !== "reasoning_summary_delivery");
  return other && `stream_options.${other}`;
}

function refuseModel(body: Json, headers: Headers): Refusal | undefined {
  const slug = string(body.model);
  const model = modelNamed(slug);
  if (!model) return detail(`The '${slug}' model is not supported when using Codex with a ChatGPT account.`);
  const version = headers.get("version");
  if (version === null || !olderThan(version, model.minimal)) return undefined;
  return detail(
    `The '${slug}' model requires a newer version of Codex. Please upgrade to the latest app or CLI and try again.`,
  );
}

function refuseEffort(body: Json): Refusal | undefined {
  const effort = isObject(body.reasoning) ? body.reasoning.effort : undefined;
  if (effort === undefined || effort === null || typeof effort === "number") return undefined;
  if (!EFFORTS.includes(String(effort))) {
    return refused(
      `Invalid value: '${effort}'. Supported values are: ${spoken(EFFORTS)}.`,
      "reasoning.effort",
      "invalid_value",
    );
  }
  const model = modelNamed(string(body.model));
  if (!model || model.efforts.includes(String(effort))) return undefined;
  const message = `Unsupported value: '${effort}' is not supported with the '${model.slug}' model. Supported values are: ${spoken(model.efforts)}.`;
  return refused(message, "reasoning.effort", "unsupported_value");
}

function refuseSampling(body: Json): Refusal | undefined {
  if (!modelNamed(string(body.model))) return undefined;
  const sampled = ["temperature", "top_p"].find((key) => typeof body[key] === "number" && body[key] !== 1);
  return sampled
    ? refused(`Unsupported parameter: '${sampled}' is not supported with this model.`, sampled)
    : undefined;
}

export function refuseInput(body: Json, items: Json[], account: string, store: Store): Refusal | undefined {
  const previous = body.previous_response_id;
  if (typeof previous === "string" && !store.has(previous)) {
    return refused(
      `Previous response with id '${previous}' not found.`,
      "previous_response_id",
      "previous_response_not_found",
    );
  }
  for (const [index, item] of items.entries()) {
    const refusal = refuseItem(item, index, account, store);
    if (refusal) return refusal;
  }
  return refuseTools(body) ?? refuseUnanswered(items, typeof previous === "string");
}

function refuseItem(item: Json, index: number, account: string, store: Store): Refusal | undefined {
  const [id, callId] = [string(item.id), string(item.call_id)];
  if (callId.length > 64) return tooLong(`input[${index}].call_id`, callId.length);
  if (id.length > 64) return tooLong(`input[${index}].id`, id.length);
  const type = string(item.type) || "message";
  if (type === "item_reference") return store.has(id) ? undefined : itemNotFound(id);
  const prefix = PREFIXES[type];
  if (id !== "" && prefix && !id.startsWith(prefix)) {
    return refused(
      `Invalid 'input[${index}].id': '${id}'. Expected an ID that begins with '${prefix}'.`,
      `input[${index}].id`,
      "invalid_value",
    );
  }
  return refuseSealed(item, type, id, account, store);
}

function refuseSealed(item: Json, type: string, id: string, account: string, store: Store): Refusal | undefined {
  const sealed = string(item.encrypted_content);
  if (sealed === "") return type === "reasoning" && id !== "" && !store.has(id) ? itemNotFound(id) : undefined;
  if (open(sealed, account).state !== "refused") return undefined;
  const message = `The encrypted content ${sealed.slice(0, 8)}... could not be verified. Reason: Encrypted content could not be decrypted or parsed.`;
  return refused(message, null, "invalid_encrypted_content");
}

function refuseTools(body: Json): Refusal | undefined {
  for (const [index, tool] of objects(body.tools).entries()) {
    const name = string(tool.name);
    if (tool.type !== "function" && tool.type !== "custom") continue;
    if (!/^[a-zA-Z0-9_-]+$/.test(name)) {
      const message = `Invalid 'tools[${index}].name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
      return refused(message, `tools[${index}].name`, "invalid_value");
    }
    if (name.length > 64) return tooLong(`tools[${index}].name`, name.length);
  }
  return undefined;
}

// A call and its output need each other, except where the other half lies in a stored response.
function refuseUnanswered(items: Json[], continued: boolean): Refusal | undefined {
  for (const [call, output] of CALLS) {
    const called = new Set(items.filter((item) => item.type === call).map((item) => string(item.call_id)));
    const answered = new Set(items.filter((item) => item.type === output).map((item) => string(item.call_id)));
    const kind = call === "function_call" ? "function call" : "custom tool call";
    const unanswered = [...called].find((id) => !answered.has(id));
    if (unanswered !== undefined) return refused(`No tool output found for ${kind} ${unanswered}.`, "input");
    // A local shell's output is a function's (wire B.2).
    const shells = items.filter((item) => item.type === "local_shell_call" && call === "function_call");
    for (const shell of shells) called.add(string(shell.call_id));
    const uncalled = continued ? undefined : [...answered].find((id) => !called.has(id));
    if (uncalled !== undefined)
      return refused(`No tool call found for ${kind} output with call_id ${uncalled}.`, "input");
  }
  return undefined;
}

function tooLong(path: string, length: number): Refusal {
  const message = `Invalid '${path}': string too long. Expected a string with maximum length 64, but got a string with length ${length} instead.`;
  return refused(message, path, "string_above_max_length");
}

function itemNotFound(id: string): Refusal {
  const message = `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`;
  return refused(message, "input", null, 404);
}

function spoken(values: string[]): string {
  const quoted = values.map((value) => `'${value}'`);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")}, and ${quoted.at(-1)}`;
}
