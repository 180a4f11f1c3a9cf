// The chat dialect: OpenAI's Chat Completions API, as data.

import { type Dialect, type ModelInfo, openaiError } from "codexd/plugin";
import { decode } from "./decode.ts";
import { createChatCompletion } from "./document.ts";
import { encoder } from "./encode.ts";
import { reply } from "./reply.ts";

export const chat: Dialect = {
  name: "chat",
  routes: [
    {
      method: "POST",
      path: "/v1/chat/completions",
      operation: "turn",
      detail: createChatCompletion("createChatCompletion", "Create a chat completion"),
    },
    {
      method: "POST",
      path: "/chat/completions",
      operation: "turn",
      detail: createChatCompletion("createCodexChatCompletion", "Create a chat completion (the Codex CLI's path)"),
    },
  ],
  // Loaded when the document is asked for: building some hundred schemas would double the time of a start.
  schemas: async () => (await import("./wire.ts")).schemas,
  decode,
  encoder,
  reply,
  failure: openaiError,
  // A named event or a `{}` frame breaks chat clients; a comment is ignored by all of them.
  heartbeat: () => ": keepalive\n\n",
  models: (models) => ({ object: "list", data: models.map(model) }),
  model,
};

function model({ slug, created }: ModelInfo): unknown {
  return { id: slug, object: "model", created: created ?? 0, owned_by: "codexd" };
}
