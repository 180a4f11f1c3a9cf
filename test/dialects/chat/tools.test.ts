// Tools in every form that clients declare them become flat ones, and the choice among them follows.

import { expect, test } from "bun:test";
import { decoded, type Json } from "./kit.ts";

const parameters = { type: "object", properties: { a: { type: "string" } } };
const tools = (...declared: Json[]) => decoded({ tools: declared }).turn.tools;
const choice = (value: unknown, declared: Json[] = []) =>
  decoded({ tools: declared, tool_choice: value }).turn.tool_choice;

test("a function is flattened; strict left out means false, as in Chat", () => {
  expect(tools({ type: "function", function: { name: "t", description: "d", parameters } })).toEqual([
    { type: "function", name: "t", description: "d", parameters, strict: false },
  ]);
  expect(tools({ type: "function", function: { name: "t", parameters, strict: true } })?.[0]?.strict).toBe(true);
  expect(tools({ type: "function", function: { name: "t", parameters, strict: null } })?.[0]?.strict).toBe(false);
});

test("a function without parameters takes none", () => {
  expect(tools({ type: "function", function: { name: "t" } })?.[0]?.parameters).toEqual({
    type: "object",
    properties: {},
  });
});

test("flat functions, and the doubled name of old Codex clients", () => {
  expect(tools({ type: "function", name: "t", parameters })).toEqual([
    { type: "function", name: "t", parameters, strict: false },
  ]);
  expect(tools({ type: "function", name: "t", function: { name: "t", parameters } })).toEqual([
    { type: "function", name: "t", parameters, strict: false },
  ]);
});

test("custom tools, nested and flat, with a grammar in either form", () => {
  const grammar = { syntax: "lark", definition: "start: /a/" };
  const flat = { type: "custom", name: "p", description: "d", format: { type: "grammar", ...grammar } };
  expect(
    tools({ type: "custom", custom: { name: "p", description: "d", format: { type: "grammar", grammar } } }),
  ).toEqual([flat]);
  expect(tools(flat)).toEqual([flat]);
  expect(tools({ type: "custom", custom: { name: "p", format: { type: "text" } } })).toEqual([
    { type: "custom", name: "p", format: { type: "text" } },
  ]);
});

test("built-in tools of the Responses API need no translation", () => {
  const builtIn = { type: "image_generation", output_format: "png" };
  expect(tools(builtIn)).toEqual([builtIn]);
});

test("web_search_options is the web search tool, its place made flat", () => {
  const user_location = { type: "approximate", approximate: { city: "Oslo" } };
  expect(decoded({ web_search_options: { search_context_size: "low", user_location } }).turn.tools).toEqual([
    { type: "web_search", search_context_size: "low", user_location: { type: "approximate", city: "Oslo" } },
  ]);
  expect(decoded({ web_search_options: {} }).turn.tools).toEqual([{ type: "web_search" }]);
});

test("choices by word, by name and among some", () => {
  expect(["none", "auto", "required"].map((word) => choice(word))).toEqual(["none", "auto", "required"]);
  expect(choice({ type: "function", function: { name: "t" } })).toEqual({ type: "function", name: "t" });
  expect(choice({ type: "function", name: "t" })).toEqual({ type: "function", name: "t" });
  expect(choice({ type: "custom", custom: { name: "p" } })).toEqual({ type: "custom", name: "p" });
  const named = [{ type: "function", function: { name: "t" } }];
  expect(choice({ type: "allowed_tools", allowed_tools: { mode: "required", tools: named } })).toEqual({
    type: "allowed_tools",
    mode: "required",
    tools: [{ type: "function", name: "t" }],
  });
});

test("parallel_tool_calls is kept, both ways", () => {
  expect(decoded({ parallel_tool_calls: false }).turn.parallel_tool_calls).toBe(false);
  expect(decoded({ parallel_tool_calls: null }).turn).not.toHaveProperty("parallel_tool_calls");
});
