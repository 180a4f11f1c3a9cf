// The turn's tools as Chat functions: namespaces flattened, freeform tools given one `input`, hosted ones left to those who have them.

import type { Item, Tool } from "../../core/turn.ts";
import { parameters, qualifies } from "../schema.ts";
import type { FlatNames, ToolName } from "./names.ts";

type Json = Record<string, unknown>;

export interface ChatTools {
  tools: Json[];
  /** Set when the turn asks for web search and the provider has it as an option. */
  webSearch: Json | undefined;
  /** Paths of tools that Chat cannot offer. */
  dropped: string[];
}

/** All tools of a turn: its own, and those that items brought (`additional_tools`, results of a tool search). */
export function chatTools(
  tools: readonly Tool[],
  input: readonly Item[],
  names: FlatNames,
  hosted: boolean,
): ChatTools {
  const out: ChatTools = { tools: [], webSearch: undefined, dropped: [] };
  const seen = new Set<string>();
  const add = (tool: Tool, path: string, namespace: string | undefined): void => {
    if (tool.type === "namespace") {
      for (const [index, inner] of listOf(tool.tools).entries()) add(inner, `${path}.tools[${index}]`, tool.name);
      return;
    }
    if (tool.type.startsWith("web_search") && hosted) {
      out.webSearch = webSearchOf(tool);
      return;
    }
    const named = toolName(tool, namespace);
    if (!named) {
      out.dropped.push(path);
      return;
    }
    const name = names.wire(named);
    // A tool that a search brought may have been declared already; the first declaration stands.
    if (seen.has(name)) return;
    seen.add(name);
    out.tools.push({ type: "function", function: functionOf(tool, name, named) });
  };
  for (const [index, tool] of listOf(tools).entries()) add(tool, `tools[${index}]`, undefined);
  for (const [at, item] of input.entries()) {
    if (item.type !== "additional_tools" && item.type !== "tool_search_output") continue;
    for (const [index, tool] of listOf(item.tools).entries()) add(tool, `input[${at}].tools[${index}]`, undefined);
  }
  return out;
}

function listOf(value: unknown): Tool[] {
  return Array.isArray(value) ? value.filter((tool) => typeof tool?.type === "string") : [];
}

function toolName(tool: Tool, namespace: string | undefined): ToolName | undefined {
  // The search for deferred tools is run by the client, so it is a call like any other.
  if (tool.type === "tool_search")
    return tool.execution === "client" ? { name: "tool_search", kind: "search" } : undefined;
  if ((tool.type !== "function" && tool.type !== "custom") || typeof tool.name !== "string") return undefined;
  return { name: tool.name, kind: tool.type, ...(namespace ? { namespace } : {}) };
}

function functionOf(tool: Tool, name: string, { kind }: ToolName): Json {
  if (kind === "custom") return { name, description: freeform(tool), parameters: INPUT };
  return {
    name,
    ...(typeof tool.description === "string" ? { description: tool.description } : {}),
    parameters: parameters(tool.parameters),
    // Not strict is what Chat does unasked, and not every provider knows the word.
    ...(tool.strict === true && qualifies(tool.parameters) ? { strict: true } : {}),
  };
}

const INPUT = {
  type: "object",
  properties: { input: { type: "string", description: "The tool's whole input, as plain text." } },
  required: ["input"],
  additionalProperties: false,
};

/** A function cannot be held to a grammar, so the model is told it in words. */
function freeform(tool: Tool): string {
  const format = tool.format as Json | null | undefined;
  const description = typeof tool.description === "string" ? tool.description : "";
  const grammar =
    typeof format?.definition === "string"
      ? `The input must match this ${format.syntax ?? ""} grammar:\n${format.definition}`
      : "";
  return [description, 'Call it with {"input": "…"}: the string holds the input exactly as the tool takes it.', grammar]
    .filter((text) => text !== "")
    .join("\n\n");
}

function webSearchOf(tool: Tool): Json {
  const place = tool.user_location as Json | null | undefined;
  const { type, ...approximate } = place ?? {};
  return {
    ...(typeof tool.search_context_size === "string" ? { search_context_size: tool.search_context_size } : {}),
    ...(place ? { user_location: { type: type ?? "approximate", approximate } } : {}),
  };
}
