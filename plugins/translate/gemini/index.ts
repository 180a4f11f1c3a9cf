// The gemini dialect: Google's GenerateContent API, as data.

import { countTokens, type Decoded, type Dialect } from "codexd/plugin";
import { addressOf } from "./address.ts";
import { decode } from "./decode.ts";
import { paths } from "./document.ts";
import { encoder, reply } from "./encode.ts";
import { renderFailure } from "./failure.ts";
import { modelEntry, modelList } from "./models.ts";
import { wantsOf } from "./wants.ts";

export const gemini: Dialect = {
  name: "gemini",
  routes: [
    // Google's SDKs disagree about the version that is current.
    { method: "POST", path: "/v1beta/models/*", operation: "turn" },
    { method: "POST", path: "/v1/models/*", operation: "turn" },
  ],
  // Loaded when the document is asked for: building some hundred schemas would double the time of a start.
  schemas: async () => (await import("./wire.ts")).schemas,
  paths,
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
