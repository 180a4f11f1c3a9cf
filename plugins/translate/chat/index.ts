// The chat dialect: OpenAI's Chat Completions API, as data.

import { type Dialect, type ModelInfo, openaiError } from "codexd/plugin";
import { decode } from "./decode.ts";
import { encoder } from "./encode.ts";
import { known } from "./known.ts";
import { reply } from "./reply.ts";

export const chat: Dialect = {
  ...known,
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
