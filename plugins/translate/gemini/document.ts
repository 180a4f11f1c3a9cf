// The operations of the gemini dialect as the OpenAPI document shows them.

type Json = Record<string, unknown>;

const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (of: Json) => ({ "application/json": { schema: of } });
const refused = (description: string) => ({ description, content: json(schema("GeminiErrorResponse")) });

const ERRORS = {
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
};

const MODEL = {
  name: "model",
  in: "path",
  required: true,
  description: "A model name, with parameters if wanted: gpt-5-high, gpt-5-codex-low-fast",
  schema: { type: "string" },
};
const ALT = {
  name: "alt",
  in: "query",
  required: false,
  description: "`sse` streams server-sent events; without it the stream is one JSON array",
  schema: { type: "string", enum: ["sse", "json"] },
};

const EXAMPLE = { contents: [{ role: "user", parts: [{ text: "Say hello." }] }] };

/** An element of a stream: an answer so far, or the error that ends it. */
const element = { anyOf: [schema("GenerateContentResponse"), schema("GeminiErrorResponse")] };

interface Operation {
  method: string;
  summary: string;
  request: string;
  answer: Json;
  parameters?: Json[];
}

const OPERATIONS: readonly Operation[] = [
  {
    method: "generateContent",
    summary: "Generate content",
    request: "GenerateContentRequest",
    answer: { description: "The answer", content: json(schema("GenerateContentResponse")) },
  },
  {
    method: "streamGenerateContent",
    summary: "Generate content as a stream",
    request: "GenerateContentRequest",
    answer: {
      description:
        "The answer in pieces, each a whole response object; the last one has the finish reason and the usage",
      content: { "text/event-stream": { schema: element }, ...json({ type: "array", items: element }) },
    },
    parameters: [ALT],
  },
  {
    method: "countTokens",
    summary: "Count the tokens of a request",
    request: "CountTokensRequest",
    answer: { description: "The count", content: json(schema("CountTokensResponse")) },
  },
];

/** The paths by version: one route serves all methods, because a method is what follows the last colon of the path. */
export const paths: Readonly<Record<string, Json>> = Object.fromEntries(
  ["v1beta", "v1"].flatMap((version) => OPERATIONS.map((operation) => pathOf(version, operation))),
);

/** The version tells the ids apart, since an id may occur only once in a document. */
function pathOf(version: string, { method, summary, request, answer, parameters = [] }: Operation): [string, Json] {
  const post = {
    operationId: version === "v1" ? `${method}V1` : method,
    summary: `${summary} (${version})`,
    tags: ["Gemini"],
    parameters: [MODEL, ...parameters],
    requestBody: {
      required: true,
      content: { "application/json": { schema: schema(request), example: EXAMPLE } },
    },
    responses: { 200: answer, ...ERRORS },
  };
  return [`/${version}/models/{model}:${method}`, { post }];
}
