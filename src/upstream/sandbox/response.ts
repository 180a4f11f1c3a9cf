// Builds the Response object that opens, ends and, when not streaming, is the whole of an answer.
import type { Ask } from "./ask.ts";
import { newId } from "./ids.ts";
import { isObject, type Json, objects } from "./json.ts";

const ECHOED = {
  background: false,
  frequency_penalty: 0,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  presence_penalty: 0,
  previous_response_id: null,
  prompt_cache_key: null,
  safety_identifier: null,
  store: true,
  temperature: 1,
  tool_choice: "auto",
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: "disabled",
  user: null,
} satisfies Json;

export function openingResponse(ask: Ask): Json {
  const { body } = ask;
  const asked = Object.keys(ECHOED).filter((key) => body[key] !== undefined && body[key] !== null);
  return {
    id: newId("resp"),
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    status: "in_progress",
    completed_at: null,
    error: null,
    incomplete_details: null,
    model: ask.model,
    output: [],
    ...ECHOED,
    ...Object.fromEntries(asked.map((key) => [key, body[key]])),
    tools: objects(body.tools).map(repeated),
    reasoning: { effort: null, summary: null, ...(isObject(body.reasoning) ? body.reasoning : {}) },
    service_tier: servedTier(body.service_tier),
    text: { format: { type: "text" }, verbosity: "medium", ...(isObject(body.text) ? body.text : {}) },
    usage: null,
  };
}

// A function comes back with what was taken for granted.
function repeated(tool: Json): Json {
  return tool.type === "function"
    ? { description: null, parameters: null, ...tool, strict: tool.strict ?? true }
    : tool;
}

export function endedResponse(opening: Json, status: string, output: Json[], usage: Json | null): Json {
  const completed = status === "completed" ? { completed_at: Math.floor(Date.now() / 1000) } : {};
  return { ...opening, status, ...completed, output, usage };
}

function servedTier(asked: unknown): string {
  return typeof asked === "string" && asked !== "auto" ? asked : "default";
}
