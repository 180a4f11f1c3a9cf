// Whose error envelope an answer wears when no exchange decides it.

import type { Dialect } from "../core/hooks.ts";
import type { Gateway } from "./gateway.ts";

/** Errors of OpenAI's envelope, for paths that belong to no dialect. */
export function openaiDialect(gateway: Gateway): Dialect {
  const dialect =
    gateway.dialects.get("chat") ?? gateway.dialects.get("responses") ?? gateway.dialects.values().next().value;
  if (!dialect) throw new Error("plugins: no plugin of the chain brings a dialect");
  return dialect;
}

/** Whose envelope a path's errors wear when no route of it matched. */
export function dialectOf(path: string, headers: Headers, gateway: Gateway): Dialect {
  const wanted =
    path.startsWith("/v1/messages") || headers.has("anthropic-version")
      ? "messages"
      : path.startsWith("/v1beta") || headers.has("x-goog-api-key") || headers.has("x-goog-api-client")
        ? "gemini"
        : "chat";
  return gateway.dialects.get(wanted) ?? openaiDialect(gateway);
}
