// The operations of the messages dialect as the OpenAPI document shows them.

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ "application/json": { schema: ref(name) } });
const request = (name: string) => ({ required: true, content: json(name) });
const failure = { description: "A failure, in Anthropic's envelope", content: json("MessagesErrorResponse") };

export const document = {
  create: {
    operationId: "createMessage",
    summary: "Create a message",
    tags: ["Messages"],
    requestBody: request("CreateMessageRequest"),
    responses: {
      200: {
        description: "The message; with `stream: true` its events, one a frame",
        content: { ...json("Message"), "text/event-stream": { schema: ref("MessageStreamEvent") } },
      },
      default: failure,
    },
  },
  count: {
    operationId: "countMessageTokens",
    summary: "Count the input tokens of a message",
    tags: ["Messages"],
    requestBody: request("CountMessageTokensRequest"),
    responses: {
      200: {
        description: "The count, made locally with the model family's tokenizer",
        content: json("CountMessageTokensResponse"),
      },
      default: failure,
    },
  },
};
