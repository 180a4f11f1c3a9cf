// Tool declarations and the choice among them: nested Chat forms, legacy functions and flat Responses forms become flat tools.

import { invalid, type Tool } from "codexd/plugin";
import type { Dropped } from "./content.ts";
import {
  type Fields,
  found,
  isObject,
  oneOf,
  optionalArray,
  optionalObject,
  others,
  requiredObject,
  requiredString,
} from "./field.ts";

/** What the tools of a request mean for its history and for its answer. */
export interface Toolbox {
  tools: Tool[];
  /** Custom tools by name, without those that are declared as functions too. */
  custom: ReadonlySet<string>;
  /** Custom tools declared in the nested form of the Chat API: their calls go back as `custom`, all others as `function`. */
  nested: readonly string[];
}

/** `tools`, then legacy `functions`, then `web_search_options`. */
export function toolbox(body: Fields, dropped: Dropped): Toolbox {
  const tools: Tool[] = [];
  const nested: string[] = [];
  for (const [index, value] of (optionalArray(body.tools, "tools") ?? []).entries()) {
    const path = `tools[${index}]`;
    const tool = requiredObject(value, path);
    if (tool.type === "custom" && isObject(tool.custom))
      nested.push(requiredString(tool.custom.name, `${path}.custom.name`));
    tools.push(declaration(tool, path, dropped));
  }
  for (const [index, value] of (optionalArray(body.functions, "functions") ?? []).entries()) {
    tools.push(declaredFunction(requiredObject(value, `functions[${index}]`), `functions[${index}]`));
  }
  const search = optionalObject(body.web_search_options, "web_search_options");
  if (search && !tools.some((tool) => tool.type === "web_search")) tools.push(webSearch(search));

  const functions = new Set(tools.filter((tool) => tool.type === "function").map((tool) => tool.name));
  const kept = tools.filter((tool) => tool.type !== "custom" || !functions.has(tool.name));
  const custom = new Set(
    kept.flatMap((tool) => (tool.type === "custom" && tool.name !== undefined ? [tool.name] : [])),
  );
  return { tools: kept, custom, nested: nested.filter((name) => custom.has(name)) };
}

function declaration(tool: Fields, path: string, dropped: Dropped): Tool {
  if (tool.cache_control) dropped.add("tools[].cache_control");
  const outer = others(tool, ["type", "name", "function", "custom", "cache_control"]);
  if (isObject(tool.function)) return { ...outer, ...declaredFunction(tool.function, `${path}.function`) };
  if (tool.type === "function") {
    if (tool.name === undefined)
      throw invalid(`${path}.function`, `${path}.function must be an object, found ${found(tool.function)}`);
    return declaredFunction({ name: tool.name, ...outer }, path);
  }
  if (tool.type === "custom") {
    const custom = isObject(tool.custom) ? tool.custom : tool;
    const name = requiredString(custom.name, isObject(tool.custom) ? `${path}.custom.name` : `${path}.name`);
    const format = formatOf(custom.format);
    return {
      ...others(custom, ["type", "name", "format", "cache_control"]),
      type: "custom",
      name,
      ...(format && { format }),
    };
  }
  // Built-in tools of the Responses API (web_search, image_generation, mcp, …) need no translation.
  return { ...others(tool, ["cache_control"]), type: requiredString(tool.type, `${path}.type`) };
}

function declaredFunction(fields: Fields, path: string): Tool {
  return {
    ...others(fields, ["type", "name", "parameters", "strict"]),
    type: "function",
    name: requiredString(fields.name, `${path}.name`),
    parameters: optionalObject(fields.parameters, `${path}.parameters`) ?? { type: "object", properties: {} },
    // Left out it means false here and true on the Responses wire.
    strict: fields.strict === true,
  };
}

/** A grammar is nested once more in the Chat API. */
function formatOf(format: unknown): Fields | undefined {
  if (!isObject(format)) return undefined;
  return format.type === "grammar" && isObject(format.grammar) ? { type: "grammar", ...format.grammar } : format;
}

function webSearch(options: Fields): Tool {
  const { user_location, ...rest } = others(options, []);
  const location = isObject(user_location) ? user_location : undefined;
  const place = isObject(location?.approximate) ? { type: "approximate", ...location.approximate } : location;
  return { type: "web_search", ...rest, ...(place && { user_location: place }) };
}

/** `tool_choice` and legacy `function_call`, flat. */
export function toolChoice(body: Fields, custom: ReadonlySet<string>): unknown {
  const value = body.tool_choice ?? body.function_call;
  const path = body.tool_choice === undefined || body.tool_choice === null ? "function_call" : "tool_choice";
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return oneOf(value, ["none", "auto", "required"], path);
  const choice = requiredObject(value, path);
  if (path === "function_call") return named(requiredString(choice.name, "function_call.name"), custom);
  if (choice.type === "allowed_tools") return allowed(choice, custom);
  return reference(choice, "tool_choice", custom);
}

function allowed(choice: Fields, custom: ReadonlySet<string>): Fields {
  const inner = isObject(choice.allowed_tools) ? choice.allowed_tools : choice;
  const path = inner === choice ? "tool_choice" : "tool_choice.allowed_tools";
  const tools = optionalArray(inner.tools, `${path}.tools`) ?? [];
  return {
    type: "allowed_tools",
    mode:
      inner.mode === undefined || inner.mode === null
        ? "auto"
        : oneOf(inner.mode, ["auto", "required"], `${path}.mode`),
    tools: tools.map((tool, index) =>
      reference(requiredObject(tool, `${path}.tools[${index}]`), `${path}.tools[${index}]`, custom),
    ),
  };
}

/** One tool, named: `{type, function: {name}}`, `{type, custom: {name}}`, flat `{type, name}`, or a built-in's `{type}`. */
function reference(choice: Fields, path: string, custom: ReadonlySet<string>): Fields {
  if (isObject(choice.function)) return named(requiredString(choice.function.name, `${path}.function.name`), custom);
  if (isObject(choice.custom))
    return { type: "custom", name: requiredString(choice.custom.name, `${path}.custom.name`) };
  if (choice.type === "function") return named(requiredString(choice.name, `${path}.function.name`), custom);
  if (choice.type === "custom") return { type: "custom", name: requiredString(choice.name, `${path}.custom.name`) };
  requiredString(choice.type, `${path}.type`);
  return choice;
}

/** A custom tool may be chosen in the form of a function: many agents know only that one. */
function named(name: string, custom: ReadonlySet<string>): Fields {
  return { type: custom.has(name) ? "custom" : "function", name };
}
