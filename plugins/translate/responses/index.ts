// The responses dialect: OpenAI's Responses API, and the Codex CLI's own paths to it.

import { countTokens, type Dialect, type DialectRoute, openaiError } from "codexd/plugin";
import { completeCompaction, wholeResponse } from "./complete.ts";
import { decode } from "./decode.ts";
import { document } from "./document.ts";
import { encoder } from "./encode.ts";
import { catalogue } from "./models.ts";
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

export const responses: Dialect = {
  name: "responses",
  routes,
  // Loaded when the document is asked for: building some hundred schemas would double the time of a start.
  schemas: async () => (await import("./wire.ts")).schemas,
  decode,
  encoder,
  reply: (response, context) =>
    (response.object === "response.compaction" ? completeCompaction : wholeResponse)(response, context),
  count: async ({ turn }) => ({ object: "response.input_tokens", input_tokens: await countTokens(turn) }),
  failure: (failure, context) => {
    const rendered = openaiError(failure, context);
    // The real Responses endpoint answers an unknown model with 400 (interface.md, Errors).
    const status =
      failure.kind === "unknown_model"
        ? 400
        : failure.kind === "upstream_credential" && context.codexClient
          ? 400
          : rendered.status;
    return { ...rendered, status };
  },
  // A comment would not reset the Codex CLI's idle clock; `keepalive` is an event that official SDKs know (translation.md 0.9).
  heartbeat: () => `event: keepalive\ndata: {"type":"keepalive","sequence_number":0}\n\n`,
  models: catalogue,
};
