// The routes to what the server keeps: responses that can be fetched again, and conversations.

import type { StoredOperation } from "codexd/plugin";
import { failures, json, refused, request, schema } from "./document.ts";

type Detail = Record<string, unknown>;
type Method = "GET" | "POST" | "DELETE";

const missing = (what: string): Detail =>
  refused(`There is no such ${what} here (any more), or it is another licence's`);

const query = (name: string, description: string, of: Detail): Detail => ({
  name,
  in: "query",
  required: false,
  description,
  schema: of,
});
const PAGE = [
  query("limit", "Items on a page", { type: "integer", minimum: 1, maximum: 100, default: 20 }),
  query("order", "Oldest or newest first", { type: "string", enum: ["asc", "desc"], default: "desc" }),
  query("after", "The page after this item", { type: "string" }),
  query("include", "Accepted; items are given whole", { type: "array", items: { type: "string" } }),
];
const FOLLOW = [
  query("stream", "The events instead of the object", { type: "boolean" }),
  query("starting_after", "With stream: the events after this sequence_number", { type: "integer" }),
  query("include", "Accepted; responses are given whole", { type: "array", items: { type: "string" } }),
];

interface Asked {
  summary: string;
  what: "response" | "conversation";
  gives: string;
  description?: string;
  parameters?: Detail[];
  body?: Detail;
  stream?: boolean;
  /** Nothing is named that could be missing. */
  fresh?: boolean;
}

function detailOf(operationId: string, asked: Asked): Detail & { operationId: string } {
  const { 400: wrong, 401: licence, 403: dialect, 413: large, 500: internal, 503: busy } = failures;
  const stream = asked.stream ? { "text/event-stream": { schema: schema("ResponseStreamEvent") } } : {};
  return {
    operationId,
    summary: asked.summary,
    ...(asked.description && { description: asked.description }),
    tags: [asked.what === "response" ? "Responses" : "Conversations"],
    ...(asked.parameters && { parameters: asked.parameters }),
    ...(asked.body && { requestBody: asked.body }),
    responses: {
      200: { description: "As asked", content: { ...json(asked.gives), ...stream } },
      ...{ 400: wrong, 401: licence, 403: dialect },
      ...(!asked.fresh && { 404: missing(asked.what) }),
      ...(asked.body && { 413: large }),
      ...{ 500: internal, 503: busy },
    },
  };
}

const items = request("ConversationItemsRequest", { items: [{ role: "user", content: "Say hello." }] });

/** Below `/v1` and without it. */
export const stored: readonly {
  method: Method;
  path: string;
  operation: StoredOperation;
  detail: Detail & { operationId: string };
}[] = [
  {
    method: "GET",
    path: "/responses/:id",
    operation: "response.retrieve",
    detail: detailOf("getResponse", {
      summary: "Fetch a kept response",
      description:
        "Responses are kept as `responses` of the configuration says, each for the licence that asked. A background response can be polled, and its events followed from any point.",
      what: "response",
      gives: "Response",
      parameters: FOLLOW,
      stream: true,
    }),
  },
  {
    method: "DELETE",
    path: "/responses/:id",
    operation: "response.delete",
    detail: detailOf("deleteResponse", {
      summary: "Delete a kept response",
      what: "response",
      gives: "DeletedResponse",
    }),
  },
  {
    method: "GET",
    path: "/responses/:id/input_items",
    operation: "response.input_items",
    detail: detailOf("listResponseInputItems", {
      summary: "List what a kept response is an answer to, earlier answers included",
      what: "response",
      gives: "ResponseItemList",
      parameters: PAGE,
    }),
  },
  {
    method: "POST",
    path: "/responses/:id/cancel",
    operation: "response.cancel",
    detail: detailOf("cancelResponse", {
      summary: "Cancel a background response",
      what: "response",
      gives: "Response",
    }),
  },
  {
    method: "POST",
    path: "/conversations",
    operation: "conversation.create",
    detail: detailOf("createConversation", {
      summary: "Begin a conversation",
      what: "conversation",
      gives: "Conversation",
      body: { ...request("CreateConversationRequest", { metadata: { topic: "demo" } }), required: false },
      fresh: true,
    }),
  },
  {
    method: "GET",
    path: "/conversations/:id",
    operation: "conversation.retrieve",
    detail: detailOf("getConversation", {
      summary: "Fetch a conversation",
      what: "conversation",
      gives: "Conversation",
    }),
  },
  {
    method: "POST",
    path: "/conversations/:id",
    operation: "conversation.update",
    detail: detailOf("updateConversation", {
      summary: "Set the metadata of a conversation",
      what: "conversation",
      gives: "Conversation",
      body: request("UpdateConversationRequest", { metadata: { topic: "demo" } }),
    }),
  },
  {
    method: "DELETE",
    path: "/conversations/:id",
    operation: "conversation.delete",
    detail: detailOf("deleteConversation", {
      summary: "Delete a conversation",
      what: "conversation",
      gives: "DeletedConversation",
    }),
  },
  {
    method: "GET",
    path: "/conversations/:id/items",
    operation: "conversation.items",
    detail: detailOf("listConversationItems", {
      summary: "List the items of a conversation",
      what: "conversation",
      gives: "ResponseItemList",
      parameters: PAGE,
    }),
  },
  {
    method: "POST",
    path: "/conversations/:id/items",
    operation: "conversation.items.create",
    detail: detailOf("createConversationItems", {
      summary: "Add items to a conversation",
      what: "conversation",
      gives: "ResponseItemList",
      body: items,
    }),
  },
  {
    method: "GET",
    path: "/conversations/:id/items/:item",
    operation: "conversation.item",
    detail: detailOf("getConversationItem", {
      summary: "Fetch an item of a conversation",
      what: "conversation",
      gives: "ResponseInputItem",
    }),
  },
  {
    method: "DELETE",
    path: "/conversations/:id/items/:item",
    operation: "conversation.item.delete",
    detail: detailOf("deleteConversationItem", {
      summary: "Delete an item of a conversation",
      what: "conversation",
      gives: "Conversation",
    }),
  },
];
