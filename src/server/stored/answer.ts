// Answers what is asked about kept responses and conversations, each caller only about its own.

import type { StoredOperation } from "../../core/hooks.ts";
import { STORED_OPERATIONS } from "../../core/hooks.ts";
import type { Arrival, RunningExchange } from "../exchange.ts";
import * as conversations from "./conversations.ts";
import { offFailure } from "./recall.ts";
import * as responses from "./responses.ts";

const ANSWERS: Record<StoredOperation, (exchange: RunningExchange, arrival: Arrival) => Promise<unknown>> = {
  "response.retrieve": responses.retrieve,
  "response.delete": responses.remove,
  "response.cancel": responses.cancel,
  "response.input_items": responses.inputItems,
  "conversation.create": conversations.create,
  "conversation.retrieve": conversations.retrieve,
  "conversation.update": conversations.update,
  "conversation.delete": conversations.remove,
  "conversation.items": conversations.items,
  "conversation.items.create": conversations.createItems,
  "conversation.item": conversations.item,
  "conversation.item.delete": conversations.removeItem,
};

const NAMES: ReadonlySet<string> = new Set(STORED_OPERATIONS);

export function isStored(operation: string): operation is StoredOperation {
  return NAMES.has(operation);
}

/** A look at what is kept is no turn: only its refusal leaves a receipt. */
export async function storedAnswer(
  exchange: RunningExchange,
  arrival: Arrival,
  operation: StoredOperation,
): Promise<Response> {
  if (exchange.gateway.config.responses.store === "off") throw offFailure(operation.replace(/\..*/, "_id"));
  const answer = await ANSWERS[operation](exchange, arrival);
  exchange.settle("ok", { record: false });
  if (answer instanceof Response) return answer;
  return Response.json(answer, { headers: exchange.responseHeaders() });
}
