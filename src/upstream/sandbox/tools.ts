// Answers the small endpoints beside /responses that a Codex client calls for its own tools.
import { textParts } from "./ask.ts";
import { PIXEL } from "./items.ts";
import { isObject, type Json, objects, string } from "./json.ts";

export function answerTool(path: string, body: Json): Json | undefined {
  if (path.endsWith("/alpha/search")) return search(body);
  if (/\/images\/(generations|edits)$/.test(path)) {
    return {
      created: Math.floor(Date.now() / 1000),
      background: "opaque",
      output_format: "png",
      data: [{ b64_json: PIXEL }],
    };
  }
  if (path.endsWith("/memories/trace_summarize")) return { output: objects(body.traces).map(summary) };
  return undefined;
}

function search(body: Json): Json {
  const commands = isObject(body.commands) ? body.commands : {};
  const queries = objects(commands.search_query).map((query) => string(query.q));
  const asked = queries.length > 0 ? queries : Object.keys(commands);
  return {
    output: asked
      .map((query) => `Results for ${query}\n\n[1] ${query} – https://example.com/ : a page about ${query}.`)
      .join("\n\n"),
  };
}

function summary(trace: Json): Json {
  const texts = objects(trace.items).flatMap((item) => textParts(item.content));
  return { trace_summary: texts.join("\n"), memory_summary: texts[0] ?? "" };
}
