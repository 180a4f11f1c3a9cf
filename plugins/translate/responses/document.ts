// The operations of the responses dialect as the OpenAPI document shows them.

type Detail = Record<string, unknown>;

const operation = (operationId: string, summary: string): Detail => ({ operationId, summary, tags: ["Responses"] });

export const document = {
  create: operation("createResponse", "Create a response"),
  createCodex: operation("createCodexResponse", "Create a response (the Codex CLI's path)"),
  compact: operation("compactResponse", "Compact a conversation"),
  compactCodex: operation("compactCodexResponse", "Compact a conversation (the Codex CLI's path)"),
  inputTokens: operation("countResponseInputTokens", "Count input tokens (not supported yet)"),
  retrieve: operation("getResponse", "Fetch a stored response (not supported yet)"),
  remove: operation("deleteResponse", "Delete a stored response (not supported yet)"),
  inputItems: operation("listResponseInputItems", "List a stored response's input (not supported yet)"),
  cancel: operation("cancelResponse", "Cancel a background response (not supported yet)"),
} satisfies Record<string, Detail>;
