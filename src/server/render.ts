// Renders failures as HTTP answers of a dialect, with the headers that every dialect shares.

import type { Failure } from "../core/failure.ts";
import type { Dialect } from "../core/hooks.ts";

/** The HTTP answer of a failure before the first byte. */
export function renderFailure(
  failure: Failure,
  dialect: Dialect,
  context: { codexClient: boolean; requestId: string; headers?: Headers },
): Response {
  const rendered = dialect.failure(failure, context);
  const headers = new Headers(context.headers);
  headers.set("content-type", "application/json; charset=utf-8");
  headers.set("x-request-id", context.requestId);
  // Of a 429 without a header the Codex CLI tells its user; with one it would wait and ask five times more (wire/codex.md D.2).
  const mute = context.codexClient && failure.upstream?.advisedInText;
  if (failure.retryAfter !== undefined && !mute)
    headers.set("retry-after", String(Math.max(0, Math.ceil(failure.retryAfter))));
  const useless =
    failure.shouldRetry === false || failure.kind === "upstream_credential" || failure.code === "usage_limit_reached";
  if (useless) headers.set("x-should-retry", "false");
  for (const [name, value] of Object.entries({ ...failure.upstream?.headers, ...failure.headers, ...rendered.headers }))
    headers.set(name, value);
  return new Response(JSON.stringify(rendered.body), { status: rendered.status, headers });
}
