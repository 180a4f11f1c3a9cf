// Tool declarations and choices as the wire takes them: legal names, sound schemas, untouched where nothing is wrong.

import type { Item, Tool } from "../core/turn.ts";
import { NAMESPACES, type Names, TOP } from "./names.ts";
import { cleaned, isObject, parameters, qualifies } from "./schema.ts";

/** Tool fields of other dialects, which this wire has no place for. */
const FOREIGN = ["cache_control", "input_examples", "eager_input_streaming"];

/** Keeps the legal names for their owners before any other name is shortened to one of them. */
export function reserveTools(tools: unknown, names: Names, scope = TOP): void {
  if (!Array.isArray(tools)) return;
  for (const tool of tools) {
    if (!isObject(tool)) continue;
    if (tool.type === "namespace") {
      names.reserve(NAMESPACES, tool.name);
      reserveTools(tool.tools, names, String(tool.name));
    } else names.reserve(scope, tool.name);
  }
}

/** The tools to send; the same array when nothing changed. `dropped` learns of a `strict` that cannot hold. */
export function fitTools(
  tools: readonly unknown[],
  names: Names,
  path: string,
  dropped: Set<string>,
  scope = TOP,
): unknown[] {
  let changed = false;
  const fitted = tools.map((tool, at) => {
    const next = isObject(tool) ? fitTool(tool as Tool, names, `${path}[${at}]`, dropped, scope) : tool;
    if (next !== tool) changed = true;
    return next;
  });
  return changed ? fitted : (tools as unknown[]);
}

function fitTool(tool: Tool, names: Names, path: string, dropped: Set<string>, scope: string): Tool {
  if (tool.type !== "function" && tool.type !== "custom" && tool.type !== "namespace") return tool;
  const patch: Partial<Tool> = {};
  const name = String(tool.name ?? "");
  const fitted = names.fit(tool.type === "namespace" ? NAMESPACES : scope, name);
  if (fitted !== tool.name) patch.name = fitted;
  if (tool.type === "namespace" && Array.isArray(tool.tools)) {
    const inner = fitTools(tool.tools, names, `${path}.tools`, dropped, name);
    if (inner !== tool.tools) patch.tools = inner;
  }
  if (tool.type === "function") fitFunction(tool, patch, path, dropped);
  const foreign = FOREIGN.filter((key) => Object.hasOwn(tool, key));
  if (foreign.length === 0 && Object.keys(patch).length === 0) return tool;
  const copy: Tool = { ...tool, ...patch };
  for (const key of foreign) delete copy[key];
  return copy;
}

function fitFunction(tool: Tool, patch: Partial<Tool>, path: string, dropped: Set<string>): void {
  const schema = parameters(tool.parameters);
  if (schema !== tool.parameters) patch.parameters = schema;
  if (tool.strict === true && !qualifies(schema)) {
    patch.strict = false;
    dropped.add(`${path}.strict`);
  }
}

/** A named choice speaks of the tools as they are sent. */
export function fitChoice(choice: unknown, names: Names): unknown {
  if (!isObject(choice)) return choice;
  if (choice.type === "allowed_tools" && Array.isArray(choice.tools)) {
    const tools = choice.tools.map((tool) => fitChoice(tool, names));
    return tools.every((tool, at) => tool === (choice.tools as unknown[])[at]) ? choice : { ...choice, tools };
  }
  return fitNamed(choice as Item, names);
}

/** A call, an output or a choice that names a tool, with the name as it is sent. */
export function fitNamed<Named extends Item>(named: Named, names: Names): Named {
  if (typeof named.name !== "string") return named;
  const namespace = typeof named.namespace === "string" ? named.namespace : undefined;
  const name = names.fit(namespace ?? TOP, named.name);
  const space = namespace === undefined ? undefined : names.fit(NAMESPACES, namespace);
  if (name === named.name && space === namespace) return named;
  return { ...named, name, ...(space === undefined ? {} : { namespace: space }) };
}

/** `text.format` of a turn: schema keys cleaned, name legal, `strict` only where it can hold. */
export function fitFormat(
  format: Record<string, unknown>,
  names: Names,
  dropped: Set<string>,
): Record<string, unknown> {
  if (format.type !== "json_schema") return format;
  const patch: Record<string, unknown> = {};
  const name = String(format.name ?? "output");
  const fitted = names.fit("\0formats", name);
  if (fitted !== format.name) patch.name = fitted;
  if (isObject(format.schema)) {
    const schema = cleaned(format.schema);
    if (schema !== format.schema) patch.schema = schema;
    if (format.strict === true && !qualifies(schema)) {
      patch.strict = false;
      dropped.add("text.format.strict");
    }
  }
  return Object.keys(patch).length === 0 ? format : { ...format, ...patch };
}
