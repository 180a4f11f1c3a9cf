// The messages dialect: Anthropic's Messages API, as Claude Code and Anthropic's SDKs speak it.

import { countTokens, type Dialect } from "codexd/plugin";
import { decode } from "./decode.ts";
import { encoder, PING } from "./encode.ts";
import { renderFailure } from "./failure.ts";
import { known } from "./known.ts";
import { limitHeaders } from "./limits.ts";
import { model, models } from "./models.ts";
import { reply } from "./reply.ts";

export const messages: Dialect = {
  ...known,
  decode,
  encoder,
  reply,
  failure: renderFailure,
  limits: limitHeaders,
  heartbeat: () => PING,
  models,
  model,
  count: async ({ turn }) => ({ input_tokens: await countTokens(turn) }),
};
