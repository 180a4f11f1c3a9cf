// The operations of the responses dialect as the OpenAPI document shows them.

type Detail = Record<string, unknown>;

export const schema = (name: string): Detail => ({ $ref: `#/components/schemas/${name}` });
export const json = (name: string): Detail => ({ "application/json": { schema: schema(name) } });
export const request = (name: string, example: Detail): Detail => ({
  required: true,
  content: { "application/json": { schema: schema(name), example } },
});
export const refused = (description: string): Detail => ({ description, content: json("ErrorResponse") });

/** Every failure before the first byte; after it, a stream closes with `response.failed`. */
export const failures = {
  400: refused("The request is wrong, `param` names the field; or the model is unknown, `message` names close ones"),
  401: refused("No valid licence was presented"),
  403: refused("The licence does not allow this dialect or model"),
  413: refused("The body is larger than the server takes"),
  429: refused("A limit is reached; `Retry-After` tells when to come back"),
  500: refused("An error of the server itself"),
  502: refused("The upstream failed or could not be reached"),
  503: refused("Overloaded, shutting down, or the upstream's credential is refused"),
  504: refused("The upstream did not answer in time"),
};

const missing = refused("`previous_response_id` or `conversation` names nothing that is kept for this licence");

function create(operationId: string, summary: string): Detail {
  return {
    operationId,
    summary,
    description:
      "Asks a model and answers with a Response, or with its events while it is made. Fields that the upstream would ignore are told in `x-codexd-dropped`.",
    tags: ["Responses"],
    requestBody: request("CreateResponseRequest", { model: "gpt-5.5", input: "Say hello." }),
    responses: {
      200: {
        description: "The response; with `stream: true` its events, one a frame",
        content: { ...json("Response"), "text/event-stream": { schema: schema("ResponseStreamEvent") } },
      },
      ...failures,
      404: missing,
    },
  };
}

function compact(operationId: string, summary: string): Detail {
  return {
    operationId,
    summary,
    description:
      "Gives a shorter conversation that the model can go on from. Where the upstream cannot do it, the server makes a summary that only it can read, if its `compact` plugin is set to `summarise`; else this is a 400.",
    tags: ["Responses"],
    requestBody: request("CompactRequest", { model: "gpt-5.5", input: "A long conversation." }),
    responses: {
      200: { description: "The shorter conversation", content: json("CompactedResponse") },
      ...failures,
      501: refused("No plugin of this server answers for compaction"),
    },
  };
}

function count(operationId: string, summary: string): Detail {
  const { 400: wrong, 401: licence, 403: dialect, 413: large, 429: limit, 500: internal, 503: busy } = failures;
  return {
    operationId,
    summary,
    description: "Counted here, with the tokenizer of the model's family; no upstream is asked.",
    tags: ["Responses"],
    requestBody: request("CreateResponseRequest", { model: "gpt-5.5", input: "Say hello." }),
    responses: {
      200: { description: "The count", content: json("InputTokenCount") },
      ...{ 400: wrong, 401: licence, 403: dialect, 404: missing, 413: large, 429: limit, 500: internal, 503: busy },
    },
  };
}

export const document = {
  create: create("createResponse", "Create a response"),
  createCodex: create("createCodexResponse", "Create a response (the Codex CLI's path)"),
  compact: compact("compactResponse", "Compact a conversation"),
  compactCodex: compact("compactCodexResponse", "Compact a conversation (the Codex CLI's path)"),
  inputTokens: count("countResponseInputTokens", "Count input tokens"),
  inputTokensCodex: count("countCodexResponseInputTokens", "Count input tokens (below no version)"),
} satisfies Record<string, Detail>;
