// The operations of the messages dialect as the OpenAPI document shows them.

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ "application/json": { schema: ref(name) } });
const asked = { model: "gpt-5.5", messages: [{ role: "user", content: "Say hello." }] };
const request = (name: string, example: object) => ({
  required: true,
  content: { "application/json": { schema: ref(name), example } },
});
const refused = (description: string) => ({ description, content: json("MessagesErrorResponse") });

/** Anthropic's own statuses: 402 for an empty purse, 529 for an overload. */
const failures = {
  400: refused("The request is wrong; the message names the field"),
  401: refused("No valid licence was presented"),
  402: refused("A budget of the licence is spent, or the upstream account's quota"),
  403: refused("The licence does not allow this dialect or model"),
  404: refused("The model is unknown; the message names close ones"),
  413: refused("The body is larger than the server takes"),
  429: refused("A limit is reached; `retry-after` tells when to come back"),
  500: refused("An error of the server itself"),
  502: refused("The upstream failed or could not be reached"),
  503: refused("Shutting down, or the upstream's credential is refused"),
  504: refused("The upstream did not answer in time"),
  529: refused("Overloaded; `retry-after` tells when to come back"),
};

export const document = {
  create: {
    operationId: "createMessage",
    summary: "Create a message",
    tags: ["Messages"],
    requestBody: request("CreateMessageRequest", { ...asked, max_tokens: 1024 }),
    responses: {
      200: {
        description: "The message; with `stream: true` its events, one a frame",
        content: { ...json("Message"), "text/event-stream": { schema: ref("MessageStreamEvent") } },
      },
      ...failures,
    },
  },
  count: {
    operationId: "countMessageTokens",
    summary: "Count the input tokens of a message",
    tags: ["Messages"],
    requestBody: request("CountMessageTokensRequest", asked),
    responses: {
      200: {
        description: "The count, made locally with the model family's tokenizer",
        content: json("CountMessageTokensResponse"),
      },
      ...failures,
    },
  },
};
