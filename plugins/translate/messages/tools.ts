// The tools of a Messages request, and the choice among them, in a turn's words.

import { invalid, type Tool } from "codexd/plugin";
import type { Block, Notes } from "./content.ts";
import { builtIn } from "./tools-built-in.ts";

/** The tools of the turn, and of each name whether it is a function or the server's web search. */
export interface Tools {
  tools: Tool[];
  kinds: Map<string, "function" | "web_search">;
}

export function decodeTools(value: unknown, choice: unknown, notes: Notes): Tools {
  if (value === undefined || value === null) return { tools: [], kinds: new Map() };
  if (!Array.isArray(value)) throw invalid("tools", "tools must be an array of tools");
  const declared = value as Block[];
  const chosen = (choice as { name?: unknown } | null | undefined)?.name;
  // Where Anthropic's own search would have found the deferred tools, the model gets to see them all.
  const searchable = declared.some((tool) => typeOf(tool).startsWith("tool_search_tool_"));
  const out: Tools = { tools: [], kinds: new Map() };
  for (const [index, tool] of declared.entries()) {
    const at = `tools[${index}]`;
    if (typeof tool !== "object" || tool === null) throw invalid(at, `${at} must be an object`);
    const name = String(tool.name ?? "");
    if (tool.defer_loading === true && !searchable && name !== chosen && !notes.referenced.has(name)) continue;
    const decoded = decodeTool(tool, at, notes);
    if (!decoded) continue;
    out.tools.push(decoded);
    out.kinds.set(name, decoded.type === "web_search" ? "web_search" : "function");
  }
  return out;
}

function typeOf(tool: Block): string {
  return typeof tool?.type === "string" ? tool.type : "custom";
}

function decodeTool(tool: Block, at: string, notes: Notes): Tool | undefined {
  const type = typeOf(tool);
  if (type === "custom") return functionTool(tool, at);
  if (type.startsWith("web_search_")) return searchTool(tool, at, notes);
  if (type.startsWith("tool_search_tool_")) {
    notes.dropped.push(at);
    return undefined;
  }
  const known = builtIn(type, tool);
  if (known) return known;
  throw invalid(
    `${at}.type`,
    `${at}: the server tool ${type} runs only at Anthropic; legal are tools with an input_schema, web_search_*, bash_*, text_editor_*, memory_* and computer_*`,
    "unsupported_tool",
  );
}

function functionTool(tool: Block, at: string): Tool {
  if (typeof tool.name !== "string" || tool.name === "") throw invalid(`${at}.name`, `${at}.name must be a string`);
  const schema = tool.input_schema ?? {};
  if (typeof schema !== "object" || Array.isArray(schema)) {
    throw invalid(`${at}.input_schema`, `${at}.input_schema must be a JSON Schema object`);
  }
  return {
    type: "function",
    name: tool.name,
    ...(typeof tool.description === "string" ? { description: tool.description } : {}),
    parameters: schema,
    // Left out, the wire would take it for true and refuse most schemas.
    strict: tool.strict === true,
  };
}

function searchTool(tool: Block, at: string, notes: Notes): Tool {
  const place = (tool.user_location ?? undefined) as Record<string, unknown> | undefined;
  for (const field of ["blocked_domains", "max_uses"]) {
    if (tool[field] !== undefined && tool[field] !== null) notes.dropped.push(`${at}.${field}`);
  }
  return {
    type: "web_search",
    ...(Array.isArray(tool.allowed_domains) ? { filters: { allowed_domains: tool.allowed_domains } } : {}),
    ...(place ? { user_location: { ...place, type: "approximate" } } : {}),
  };
}

/** A name that nothing declares is left to the upstream to refuse; an unknown form is what it is at Anthropic, `auto`. */
export function decodeChoice(value: unknown, { tools, kinds }: Tools): unknown {
  if (value === undefined || value === null || tools.length === 0) return undefined;
  const choice = value as { type?: unknown; name?: unknown };
  if (choice.type === "any") return "required";
  if (choice.type === "none") return "none";
  if (choice.type !== "tool" || typeof choice.name !== "string") return "auto";
  return kinds.get(choice.name) === "web_search" ? { type: "web_search" } : { type: "function", name: choice.name };
}
