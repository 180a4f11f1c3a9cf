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

// What the ChatGPT side tells a client about its account, where the base URL is a ChatGPT one.
export function answerAccount(path: string, account: string): Json | undefined {
  if (path.endsWith("/wham/accounts/check")) {
    const free = { workspace_backend_origin: "NO_CONSTRAINT", account_routing_override: "NO_CONSTRAINT" };
    const entry = {
      id: account,
      account_user_id: `user-${account}`,
      structure: "personal",
      name: "Sandbox",
      plan_type: "pro",
      ...free,
    };
    return { accounts: [entry], account_ordering: [account], default_account_id: account };
  }
  if (!path.endsWith("/wham/usage")) return undefined;
  const window = {
    used_percent: 42,
    limit_window_seconds: 18_000,
    reset_after_seconds: 3600,
    reset_at: Math.floor(Date.now() / 1000) + 3600,
  };
  return {
    plan_type: "pro",
    rate_limit: { allowed: true, limit_reached: false, primary_window: window, secondary_window: null },
    credits: null,
  };
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
