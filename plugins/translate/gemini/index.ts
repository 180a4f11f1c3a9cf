// The gemini dialect: Google's GenerateContent API, as data.

import { countTokens, type Decoded, type Dialect } from "codexd/plugin";
import { addressOf } from "./address.ts";
import { decode } from "./decode.ts";
import { encoder, reply } from "./encode.ts";
import { renderFailure } from "./failure.ts";
import { known } from "./known.ts";
import { modelEntry, modelList } from "./models.ts";
import { wantsOf } from "./wants.ts";

export const gemini: Dialect = {
  ...known,
  operationOf: ({ params }) => (addressOf(params).method === "countTokens" ? "count" : "turn"),
  decode,
  encoder,
  reply,
  failure: (failure, { requestId }) => renderFailure(failure, requestId),
  // A blank line between frames, or between elements of the array; a comment kills Gemini CLI (translation.md 0.9).
  heartbeat: () => "\n",
  streamType: ({ wants }) => (wantsOf(wants).sse ? "text/event-stream" : "application/json"),
  models: modelList,
  model: modelEntry,
  count,
};

async function count({ turn }: Decoded): Promise<unknown> {
  return { totalTokens: await countTokens(turn) };
}
