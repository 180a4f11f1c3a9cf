// A Chat Completions request as a turn (translation.md, section 2).

import { type Decoded, invalid, type Reasoning, type TextOptions, type Turn } from "codexd/plugin";
import type { Dropped } from "./content.ts";
import {
  type Fields,
  found,
  isObject,
  oneOf,
  optionalArray,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalString,
  others,
  requiredString,
} from "./field.ts";
import { inputOf } from "./messages.ts";
import { toolbox, toolChoice } from "./tools.ts";

/** What the encoder has to know of the request. */
export interface Wants {
  /** A last chunk with the usage. */
  usage: boolean;
  /** Names of custom tools whose calls go back as `custom`. */
  custom: readonly string[];
  /** The request speaks of functions, not of tools: its calls go back as `function_call`. */
  legacy: boolean;
  /** The client's own words for fields that have another name in a turn. */
  names: Readonly<Record<string, string>>;
}

/** Fields that mean the same in a turn: only their type is checked here, the upstream's allow-list decides about the rest. */
const SAME: Readonly<Record<string, (value: unknown, path: string) => unknown>> = {
  temperature: optionalNumber,
  top_p: optionalNumber,
  parallel_tool_calls: optionalBoolean,
  store: optionalBoolean,
  metadata: optionalObject,
  user: optionalString,
  safety_identifier: optionalString,
  service_tier: optionalString,
  prompt_cache_key: optionalString,
  prompt_cache_retention: optionalString,
  instructions: optionalString,
  truncation: optionalString,
  include: optionalArray,
};

const empty = (value: unknown) =>
  value === 0 ||
  value === false ||
  value === "" ||
  (typeof value === "object" && Object.keys(value as object).length === 0);

/** Values that ask for nothing: such a field is left out without a word. */
const IDLE: Readonly<Record<string, (value: unknown) => boolean>> = {
  stop: empty,
  logit_bias: empty,
  logprobs: empty,
  top_logprobs: empty,
  presence_penalty: empty,
  frequency_penalty: empty,
  modalities: (value) => Array.isArray(value) && value.every((one) => one === "text"),
};

/** Fields whose answer no event could carry back, and the one that would overwrite what is made of the messages. */
const NOWHERE = new Set(["logprobs", "top_logprobs", "modalities", "audio", "input"]);

/** Fields that are read by name below. */
const READ = [
  "model",
  "messages",
  "stream",
  "stream_options",
  "n",
  "tools",
  "functions",
  "tool_choice",
  "function_call",
  "web_search_options",
  "response_format",
  "max_tokens",
  "max_completion_tokens",
  "reasoning",
  "reasoning_effort",
  "text",
  "verbosity",
];

export function decode({ body }: { body: Fields }): Decoded {
  const dropped: Dropped = new Set();
  const model = requiredString(body.model, "model");
  refuseChoices(body.n);
  const box = toolbox(body, dropped);
  const choice = toolChoice(body, box.custom);
  const turn: Turn = { model, input: inputOf(body.messages, box, dropped), reasoning: reasoningOf(body, dropped) };
  const text = textOf(body);
  if (text) turn.text = text;
  if (box.tools.length > 0) turn.tools = box.tools;
  if (choice !== undefined) turn.tool_choice = choice;
  const limit = limitOf(body, turn, dropped);
  carry(body, turn, dropped);

  const legacy = isLegacy(body);
  if (legacy && box.tools.length > 0) turn.parallel_tool_calls ??= false;
  const options = optionalObject(body.stream_options, "stream_options");
  const names = {
    input: "messages",
    "reasoning.effort": "reasoning_effort",
    "text.verbosity": "verbosity",
    "text.format": "response_format",
    ...limit,
  };
  const wants: Wants = {
    usage: optionalBoolean(options?.include_usage, "stream_options.include_usage") ?? false,
    custom: box.nested,
    legacy,
    names,
  };
  return {
    turn,
    stream: optionalBoolean(body.stream, "stream") ?? false,
    ...(turn.prompt_cache_key && { session: turn.prompt_cache_key }),
    dropped: [...dropped],
    wants: { ...wants },
  };
}

function refuseChoices(value: unknown): void {
  const n = optionalNumber(value, "n");
  if (n !== undefined && n !== 1)
    throw invalid("n", `n must be 1: the upstream gives one choice a request, found ${found(n)}`);
}

function isLegacy(body: Fields): boolean {
  return Array.isArray(body.functions) && !(Array.isArray(body.tools) && body.tools.length > 0);
}

/** Both names of the token limit, the newer one first. Returns the client's own word for it. */
function limitOf(body: Fields, turn: Turn, dropped: Dropped): Record<string, string> {
  const newer = optionalNumber(body.max_completion_tokens, "max_completion_tokens");
  const older = optionalNumber(body.max_tokens, "max_tokens");
  if (newer !== undefined && older !== undefined) dropped.add("max_tokens");
  const limit = newer ?? older;
  if (limit === undefined) return {};
  turn.max_output_tokens = limit;
  return { max_output_tokens: newer === undefined ? "max_tokens" : "max_completion_tokens" };
}

/** A summary is asked for unless the client said how or wants no reasoning: without asking, the upstream sends none. */
function reasoningOf(body: Fields, dropped: Dropped): Reasoning {
  const told = optionalObject(body.reasoning, "reasoning") ?? {};
  for (const name of ["max_tokens", "exclude", "enabled"]) if (told[name]) dropped.add(`reasoning.${name}`);
  const effort =
    optionalString(body.reasoning_effort, "reasoning_effort") ?? optionalString(told.effort, "reasoning.effort");
  const summary = summaryOf(told.summary) ?? (effort === "none" ? undefined : "auto");
  return {
    ...others(told, ["effort", "summary", "max_tokens", "exclude", "enabled"]),
    ...(effort !== undefined && { effort }),
    ...(summary !== undefined && { summary }),
  };
}

function summaryOf(value: unknown): string | undefined {
  const said = isObject(value) ? (value.type ?? value.mode) : value;
  if (said === undefined || said === null) return undefined;
  return oneOf(said, ["auto", "concise", "detailed", "none"], "reasoning.summary");
}

function textOf(body: Fields): TextOptions | undefined {
  const verbosity = optionalString(body.verbosity, "verbosity");
  const format = formatOf(body.response_format);
  const told = optionalObject(body.text, "text");
  if (verbosity === undefined && format === undefined && told === undefined) return undefined;
  return { ...(told && others(told, [])), ...(verbosity !== undefined && { verbosity }), ...(format && { format }) };
}

function formatOf(value: unknown): TextOptions["format"] | undefined {
  const format = optionalObject(value, "response_format");
  if (!format) return undefined;
  const type = oneOf(format.type, ["text", "json_object", "json_schema"], "response_format.type");
  if (type !== "json_schema") return { type };
  const schema = isObject(format.json_schema) ? format.json_schema : format;
  const path = schema === format ? "response_format" : "response_format.json_schema";
  return { ...others(schema, ["type"]), type, name: requiredString(schema.name, `${path}.name`) };
}

/** Everything that was not read by name: known fields are checked, unknown ones travel (architecture.md, promise 7). */
function carry(body: Fields, turn: Turn, dropped: Dropped): void {
  for (const [name, value] of Object.entries(body)) {
    if (READ.includes(name) || value === null || value === undefined) continue;
    if (IDLE[name]?.(value)) continue;
    if (NOWHERE.has(name)) dropped.add(name);
    else turn[name] = SAME[name]?.(value, name) ?? value;
  }
}
