// `tool_choice` in Chat's words.

import type { FlatNames } from "./names.ts";

type Json = Record<string, unknown>;

export interface ToolChoice {
  tool_choice?: unknown;
  /** Wire names that alone may be called, for a provider without `allowed_tools`. */
  only?: Set<string>;
  dropped?: true;
}

/** `allowedTools`: the provider knows Chat's own form of that choice; for others the list of tools itself is cut down. */
export function chatToolChoice(choice: unknown, names: FlatNames, allowedTools: boolean): ToolChoice {
  if (choice === undefined || choice === null) return {};
  if (typeof choice === "string") return { tool_choice: choice };
  const { type, mode, tools } = choice as Json;
  const named = nameOf(choice as Json, names);
  if (named !== undefined) return { tool_choice: { type: "function", function: { name: named } } };
  if (type !== "allowed_tools" || !Array.isArray(tools)) return { dropped: true };
  const allowed = tools.flatMap((tool: Json) => nameOf(tool, names) ?? []);
  if (allowed.length === 0) return { dropped: true };
  if (!allowedTools) return { tool_choice: mode ?? "auto", only: new Set(allowed) };
  const functions = allowed.map((name) => ({ type: "function", function: { name } }));
  return { tool_choice: { type: "allowed_tools", allowed_tools: { mode: mode ?? "auto", tools: functions } } };
}

function nameOf(choice: Json, names: FlatNames): string | undefined {
  if (choice.type === "tool_search") return names.wire({ name: "tool_search", kind: "search" });
  if ((choice.type !== "function" && choice.type !== "custom") || typeof choice.name !== "string") return undefined;
  if (typeof choice.namespace === "string")
    return names.wire({ name: choice.name, kind: choice.type, namespace: choice.namespace });
  return names.wire(names.find(choice.name) ?? { name: choice.name, kind: choice.type });
}
