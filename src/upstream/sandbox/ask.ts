// Reads a request the way a model would: the last thing the user said, and what the tools answered since.
import { isObject, type Json, objects, string } from "./json.ts";
import { open } from "./seal.ts";

export interface Ask {
  model: string;
  body: Json;
  input: Json[];
  parts: string[];
  text: string;
  outputs: string[];
  outputCount: number;
  compact: boolean;
  account: string;
  session: string;
  sealsReasoning: boolean;
  summarises: boolean;
}

const OUTPUTS = new Set([
  "function_call_output",
  "custom_tool_call_output",
  "tool_search_output",
  "local_shell_call_output",
]);

export function readAsk(body: Json, input: Json[], account: string, headers: Headers): Ask {
  const last = input.findLastIndex((item) => item.role === "user" && (item.type ?? "message") === "message");
  const parts = last < 0 ? [] : textParts(input[last]?.content);
  const outputs = input.slice(last + 1).flatMap((item) => outputsOf(item, account));
  const reasoning = isObject(body.reasoning) ? body.reasoning : {};
  const include = Array.isArray(body.include) ? body.include : [];
  return {
    model: string(body.model),
    body,
    input,
    parts,
    text: parts.join("\n"),
    outputs,
    outputCount: outputs.length,
    compact: input.at(-1)?.type === "compaction_trigger",
    account,
    session: sessionOf(body, headers),
    sealsReasoning: include.includes("reasoning.encrypted_content"),
    summarises: typeof reasoning.summary === "string" && reasoning.summary !== "none",
  };
}

export function inputItems(input: unknown): Json[] {
  return typeof input === "string" ? [{ type: "message", role: "user", content: input }] : objects(input);
}

export function textParts(content: unknown): string[] {
  if (typeof content === "string") return [content];
  return objects(content).flatMap((part) => (typeof part.text === "string" ? [part.text] : []));
}

// A compaction in the middle of a turn swallows the outputs that came before it; sealed inside, they still count.
function outputsOf(item: Json, account: string): string[] {
  if (OUTPUTS.has(string(item.type))) return [outputText(item)];
  if (item.type !== "compaction" && item.type !== "compaction_summary") return [];
  const opened = open(string(item.encrypted_content), account);
  const outputs = opened.state === "open" ? opened.content.outputs : [];
  return Array.isArray(outputs) ? outputs.map(String) : [];
}

function outputText(item: Json): string {
  if (item.type === "tool_search_output") return `${objects(item.tools).length} tools`;
  if (typeof item.output === "string") return item.output;
  const parts = objects(item.output).map((part) => string(part.text) || `[${string(part.type)}]`);
  return parts.length > 0 ? parts.join("\n") : JSON.stringify(item.output ?? "");
}

// What a model could remember: every text of the conversation before the last user message, compactions opened.
export function visibleHistory(ask: Ask): string {
  return [string(ask.body.instructions), ...before(ask).map((item) => itemText(item, ask.account))]
    .filter(Boolean)
    .join("\n");
}

// The conversation without the last user message, unless a compaction is asked for: that is about all of it.
export function before({ input, compact }: Ask): Json[] {
  const last = compact ? -1 : input.findLastIndex((item) => item.role === "user");
  return input.filter((_, index) => index !== last);
}

export function itemText(item: Json, account: string): string {
  if (typeof item.encrypted_content === "string" && string(item.type).includes("compaction")) {
    const opened = open(item.encrypted_content, account);
    return opened.state === "open" ? string(opened.content.text) : "";
  }
  if (OUTPUTS.has(string(item.type))) return outputText(item);
  return [...textParts(item.content), string(item.arguments), string(item.input)].filter(Boolean).join("\n");
}

function sessionOf(body: Json, headers: Headers): string {
  return string(body.prompt_cache_key) || headers.get("session-id") || headers.get("session_id") || "";
}
