// Whose error envelope an answer wears when no exchange decides it.

import type { Dialect } from "../core/hooks.ts";
import type { Gateway } from "./gateway.ts";
import { matchPath } from "./routes.ts";

/** Errors of OpenAI's envelope, for paths that belong to no dialect. */
export function openaiDialect(gateway: Gateway): Dialect {
  const dialect =
    gateway.dialects.get("chat") ?? gateway.dialects.get("responses") ?? gateway.dialects.values().next().value;
  if (!dialect) throw new Error("plugins: no plugin of the chain brings a dialect");
  return dialect;
}

/** The envelope of a plugin's own routes: that of the dialect which it brings, if it does. */
export function dialectOfPlugin(plugin: string, gateway: Gateway): Dialect {
  const brought = gateway.chain.links.find(({ name }) => name === plugin)?.hooks.dialects?.[0]?.name;
  return (brought === undefined ? undefined : gateway.dialects.get(brought)) ?? openaiDialect(gateway);
}

/** Whose envelope a path's errors wear when no route of it matched. */
export function dialectOf(path: string, headers: Headers, gateway: Gateway): Dialect {
  for (const dialect of gateway.dialects.values())
    if (dialect.routes.some((route) => matchPath(route.path, path))) return dialect;
  const wanted =
    path.startsWith("/v1/messages") || headers.has("anthropic-version")
      ? "messages"
      : path.startsWith("/v1beta") || headers.has("x-goog-api-key") || headers.has("x-goog-api-client")
        ? "gemini"
        : "chat";
  return gateway.dialects.get(wanted) ?? openaiDialect(gateway);
}
