// The messages dialect: Anthropic's Messages API, as Claude Code and Anthropic's SDKs speak it.

import { countTokens, type Dialect, type DialectRoute } from "codexd/plugin";
import { decode } from "./decode.ts";
import { document } from "./document.ts";
import { encoder, PING } from "./encode.ts";
import { renderFailure } from "./failure.ts";
import { limitHeaders } from "./limits.ts";
import { model, models } from "./models.ts";
import { reply } from "./reply.ts";

const routes: DialectRoute[] = [
  { method: "POST", path: "/v1/messages", operation: "turn", detail: document.create },
  { method: "POST", path: "/v1/messages/count_tokens", operation: "count", detail: document.count },
];

export const messages: Dialect = {
  name: "messages",
  routes,
  // Loaded when the document is asked for: building some hundred schemas would double the time of a start.
  schemas: async () => (await import("./wire.ts")).schemas,
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
