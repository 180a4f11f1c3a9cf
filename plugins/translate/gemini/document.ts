// The operation of the gemini dialect as the OpenAPI document shows it.

const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const refused = (description: string) => ({
  description,
  content: { "application/json": { schema: schema("GeminiErrorResponse") } },
});

/** One operation for all methods, since a method is what follows the last colon of the path; the version tells the ids apart. */
export function generate(operationId: string, version: string): Record<string, unknown> {
  return {
    operationId,
    summary: `Generate content or count tokens (${version})`,
    description: "The path ends in {model}:generateContent, {model}:streamGenerateContent or {model}:countTokens.",
    tags: ["Gemini"],
    parameters: [
      {
        name: "alt",
        in: "query",
        required: false,
        description: "`sse` streams server-sent events; without it a stream is one JSON array",
        schema: { type: "string", enum: ["sse", "json"] },
      },
    ],
    requestBody: {
      required: true,
      content: {
        "application/json": { schema: { anyOf: [schema("GenerateContentRequest"), schema("CountTokensRequest")] } },
      },
    },
    responses: {
      200: {
        description: "The answer, a stream of answers, or a count",
        content: {
          "application/json": {
            schema: {
              anyOf: [
                schema("GenerateContentResponse"),
                { type: "array", items: { anyOf: [schema("GenerateContentResponse"), schema("GeminiErrorResponse")] } },
                schema("CountTokensResponse"),
              ],
            },
          },
          "text/event-stream": {
            schema: { anyOf: [schema("GenerateContentResponse"), schema("GeminiErrorResponse")] },
          },
        },
      },
      400: refused("The request is wrong; a BadRequest detail names the field"),
      401: refused("No valid licence was presented"),
      403: refused("The licence does not allow this dialect or model"),
      404: refused("The model or the method is unknown"),
      413: refused("The body is larger than the server takes"),
      429: refused("A limit is reached; a RetryInfo detail tells when to come back"),
      500: refused("An error of the server itself"),
      501: refused("The method is known and not supported"),
      502: refused("The upstream failed or could not be reached"),
      503: refused("Overloaded, shutting down, or the upstream's credential is refused"),
      504: refused("The upstream did not answer in time"),
    },
  };
}
