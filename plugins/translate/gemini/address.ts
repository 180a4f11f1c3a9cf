// What a Gemini path names: the model, and the method behind the last colon.

import { Failure } from "codexd/plugin";

export type Method = "generateContent" | "streamGenerateContent" | "countTokens";

export interface Address {
  model: string;
  method: Method;
}

const METHODS: readonly string[] = ["generateContent", "streamGenerateContent", "countTokens"];

/** Methods of Google's API that are known and not served: 501, where an unknown one is a 404. */
const NOT_SERVED: readonly string[] = [
  "embedContent",
  "batchEmbedContents",
  "asyncBatchEmbedContent",
  "batchGenerateContent",
  "predict",
  "predictLongRunning",
  "bidiGenerateContent",
];

/** Splits `gpt-5.5:generateContent` at its last colon, since a model name may hold colons itself. */
export function addressOf(params: Record<string, string>): Address {
  const given = decoded(params["*"] ?? "");
  const colon = given.lastIndexOf(":");
  const model = (colon === -1 ? given : given.slice(0, colon)).replace(/^(?:models|tunedModels)\//, "");
  const method = colon === -1 ? "" : given.slice(colon + 1);
  if (NOT_SERVED.includes(method)) {
    throw new Failure("unsupported", {
      code: "unsupported_endpoint",
      message: `the method ${method} is not supported; supported are ${METHODS.join(", ")}`,
    });
  }
  if (model === "" || !METHODS.includes(method)) {
    throw new Failure("unknown_path", {
      code: "unknown_path",
      message:
        model === ""
          ? "the path names no model; it must end in /models/{model}:{method}"
          : `unknown method ${JSON.stringify(method)}; the path must end in /models/{model}: and one of ${METHODS.join(", ")}`,
    });
  }
  return { model, method: method as Method };
}

/** Some clients escape the colon, and not every router undoes that in a wildcard. */
function decoded(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
