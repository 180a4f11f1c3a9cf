// The operation of the chat dialect as the OpenAPI document shows it.

const json = (name: string) => ({ "application/json": { schema: { $ref: `#/components/schemas/${name}` } } });

const refused = (description: string) => ({ description, content: json("ErrorResponse") });

/** Both paths are the same operation under two ids, because an id may occur only once in a document. */
export function createChatCompletion(operationId: string, summary: string): Record<string, unknown> {
  return {
    operationId,
    summary,
    tags: ["Chat"],
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: { $ref: "#/components/schemas/CreateChatCompletionRequest" },
          example: { model: "gpt-5.5", messages: [{ role: "user", content: "Say hello." }] },
        },
      },
    },
    responses: {
      200: {
        description: "The completion; with `stream: true`, server-sent events",
        content: {
          ...json("ChatCompletion"),
          // A stream that breaks says so in one last frame, in the envelope that errors have over HTTP.
          "text/event-stream": {
            schema: {
              anyOf: ["ChatCompletionChunk", "ErrorResponse"].map((name) => ({ $ref: `#/components/schemas/${name}` })),
            },
          },
        },
      },
      400: refused("The request is wrong; `param` names the field"),
      401: refused("No valid licence was presented"),
      403: refused("The licence does not allow this dialect or model"),
      404: refused("The model is unknown; `message` names close ones"),
      413: refused("The body is larger than the server takes"),
      429: refused("A limit is reached; `retry-after` tells when to come back"),
      500: refused("An error of the server itself"),
      502: refused("The upstream failed or could not be reached"),
      503: refused("Overloaded, shutting down, or the upstream's credential is refused"),
      504: refused("The upstream did not answer in time"),
    },
  };
}
