// The responses dialect: OpenAI's Responses API, and the Codex CLI's own paths to it.

import { countTokens, type Dialect, openaiError } from "codexd/plugin";
import { completeCompaction, wholeResponse } from "./complete.ts";
import { decode } from "./decode.ts";
import { encoder } from "./encode.ts";
import { known } from "./known.ts";
import { catalogue } from "./models.ts";

export const responses: Dialect = {
  ...known,
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
