// Tool declarations and the tool choice of a Gemini request.

import { invalid, type Tool, type Turn } from "codexd/plugin";
import { type Fields, fieldsOf } from "./fields.ts";
import { parametersOf } from "./schema.ts";

/** What the tools come to: parts of a turn, and the paths that had no effect. */
export interface Tools {
  turn: Pick<Turn, "tools" | "tool_choice" | "include">;
  dropped: string[];
}

/** Built-in tools and what serves them: opening a page is part of the web search. */
const BUILT_IN: Readonly<Record<string, Tool>> = {
  googleSearch: { type: "web_search" },
  googleSearchRetrieval: { type: "web_search" },
  urlContext: { type: "web_search" },
  codeExecution: { type: "code_interpreter", container: { type: "auto" } },
};

/** Reads `tools` and `toolConfig`. */
export function toolsOf(body: Fields): Tools {
  const dropped: string[] = [];
  const tools: Tool[] = [];
  for (const [index, value] of body.list("tools").entries()) {
    readTool(fieldsOf(value, `${body.at("tools")}[${index}]`), tools, dropped);
  }
  const turn: Tools["turn"] = {};
  if (tools.length > 0) turn.tools = tools;
  // Without this the upstream does not say what the code printed.
  if (tools.some((tool) => tool.type === "code_interpreter")) turn.include = ["code_interpreter_call.outputs"];
  const config = body.object("toolConfig");
  if (config) {
    const calling = config.object("functionCallingConfig");
    const choice = calling && choiceOf(calling, tools);
    if (choice !== undefined) turn.tool_choice = choice;
    dropped.push(...config.unread(), ...(calling?.unread() ?? []));
  }
  return { turn, dropped };
}

function readTool(tool: Fields, tools: Tool[], dropped: string[]): void {
  const declarations = tool.list("functionDeclarations");
  for (const [index, value] of declarations.entries()) {
    const declaration = fieldsOf(value, `${tool.at("functionDeclarations")}[${index}]`);
    tools.push(functionOf(declaration));
    dropped.push(...declaration.unread());
  }
  for (const name of Object.keys(BUILT_IN)) {
    const options = tool.object(name);
    if (!options) continue;
    const built = BUILT_IN[name] as Tool;
    if (!tools.some((known) => known.type === built.type)) tools.push({ ...built });
    dropped.push(...options.unread());
  }
  const unknown = tool.unread()[0];
  if (unknown !== undefined) {
    throw invalid(
      unknown,
      `${unknown} is not a tool that can be served; supported are functionDeclarations, ${Object.keys(BUILT_IN).join(", ")}`,
    );
  }
}

function functionOf(declaration: Fields): Tool {
  const name = declaration.string("name");
  if (!name) throw invalid(declaration.at("name"), `${declaration.at("name")} must be the function's name`);
  const description = declaration.string("description");
  const schema = declaration.get("parametersJsonSchema");
  const parameters = declaration.get("parameters");
  return {
    type: "function",
    name,
    ...(description === undefined ? {} : { description }),
    parameters: parametersOf(schema ?? parameters),
    // The upstream's default is strict, which Google's functions are not.
    strict: false,
  };
}

const MODES: Readonly<Record<string, "auto" | "required" | "none" | undefined>> = {
  AUTO: "auto",
  VALIDATED: "auto",
  ANY: "required",
  NONE: "none",
};

function choiceOf(calling: Fields, tools: readonly Tool[]): unknown {
  const given = calling.string("mode")?.toUpperCase() ?? "MODE_UNSPECIFIED";
  const allowed = namesOf(calling, tools);
  if (given !== "MODE_UNSPECIFIED" && !Object.hasOwn(MODES, given)) {
    const path = calling.at("mode");
    throw invalid(path, `${path} must be one of ${Object.keys(MODES).join(", ")}, not ${JSON.stringify(given)}`);
  }
  const mode = MODES[given];
  if (allowed.length === 0 || mode === "none") return mode;
  if (mode === "required" && allowed.length === 1) return { type: "function", name: allowed[0] };
  return { type: "allowed_tools", mode: mode ?? "auto", tools: allowed.map((name) => ({ type: "function", name })) };
}

function namesOf(calling: Fields, tools: readonly Tool[]): string[] {
  const path = calling.at("allowedFunctionNames");
  return calling.list("allowedFunctionNames").map((name, index) => {
    if (!tools.some((tool) => tool.type === "function" && tool.name === name)) {
      throw invalid(
        `${path}[${index}]`,
        `${path}[${index}] names ${JSON.stringify(name)}, which functionDeclarations does not declare`,
      );
    }
    return name as string;
  });
}
