// What the responses dialect is known by before anybody speaks it: its name, its routes and its schemas.

import type { DialectRoute } from "codexd/plugin";
import { document } from "./document.ts";
import { stored } from "./stored.ts";

const routes: DialectRoute[] = [
  { method: "POST", path: "/v1/responses", operation: "turn", detail: document.create },
  { method: "POST", path: "/responses", operation: "turn", detail: document.createCodex },
  { method: "POST", path: "/v1/responses/compact", operation: "compact", detail: document.compact },
  { method: "POST", path: "/responses/compact", operation: "compact", detail: document.compactCodex },
  { method: "POST", path: "/v1/responses/input_tokens", operation: "count", detail: document.inputTokens },
  { method: "POST", path: "/responses/input_tokens", operation: "count", detail: document.inputTokensCodex },
  ...["/v1", ""].flatMap((prefix) =>
    stored.map(({ method, path, operation, detail }) => ({
      method,
      path: `${prefix}${path}`,
      operation,
      detail: prefix === "" ? { ...detail, operationId: `${detail.operationId}Codex` } : detail,
    })),
  ),
];

export const known = {
  name: "responses",
  routes,
  // Loaded when the document is asked for: building some hundred schemas would double the time of a start.
  schemas: async () => (await import("./wire.ts")).schemas,
};
