// What a request wants of kept answers: puts what it goes on from before its input, and says whether its own answer is kept.

import { Failure, invalid } from "../../core/failure.ts";
import type { Decoded, Keep } from "../../core/hooks.ts";
import type { Item } from "../../core/turn.ts";
import type { RunningExchange } from "../exchange.ts";
import { Keeping } from "./keeping.ts";
import { type Named, placed } from "./listing.ts";
import { reached } from "./patience.ts";

/** Undefined where nothing is wanted of what is kept. Changes the turn's input. */
export async function recall(exchange: RunningExchange, decoded: Decoded): Promise<Keeping | undefined> {
  const { keep } = decoded;
  if (!keep) return undefined;
  const { store } = exchange.gateway.config.responses;
  const refers = keep.previous !== undefined || keep.conversation !== undefined;
  if (store === "off") {
    if (keep.store === true || refers || keep.background) throw offFailure(nameOf(keep));
    return undefined;
  }
  const isTurn = exchange.operation === "turn";
  if (keep.background && !isTurn) throw invalid("background", "only a response can be made in the background");
  const kept = isTurn && (keep.background || keep.store === true || (store === "all" && keep.store !== false));
  if (!kept && !refers) return undefined;
  const before = refers ? await earlier(exchange, keep) : { said: [], session: undefined };
  const own = unsaid(decoded.turn.input, before.said);
  if (before.said.length > 0) decoded.turn.input = [...before.said.map(({ item }) => item), ...own];
  return new Keeping(exchange, { keep, kept, own: own.length, session: before.session });
}

/** Without what is before it already: an item that comes twice, as itself or as a reference, is refused upstream. */
function unsaid(own: Item[], before: readonly Named[]): Item[] {
  if (before.length === 0 || !own.some(({ id }) => typeof id === "string")) return own;
  const said = new Map(before.map(({ id, item }) => [id, item]));
  return own.filter((item) => {
    const there = typeof item.id === "string" ? said.get(item.id) : undefined;
    return there === undefined || !(item.type === "item_reference" || isSame(there, item));
  });
}

/** Clients give messages ids of their own, and perhaps the same one twice. */
function isSame(there: Item, item: Item): boolean {
  const type = item.type ?? "message";
  if (type !== (there.type ?? "message")) return false;
  return type !== "message" || (item.role === there.role && Bun.deepEquals(item.content, there.content));
}

interface Before {
  /** With the ids that lists of them show. */
  said: Named[];
  session: string | undefined;
}

async function earlier(exchange: RunningExchange, keep: Keep): Promise<Before> {
  const { id: licence } = exchange.principal;
  const { stored } = exchange.gateway.services;
  if (keep.conversation !== undefined) {
    const { conversation } = keep;
    if (!(await reached(stored.conversations.get(licence, conversation)))) throw missing("conversation", conversation);
    const rows = await reached(stored.conversations.items(licence, conversation));
    return { said: rows.map(({ id, body }) => ({ id, item: JSON.parse(body) as Item })), session: conversation };
  }
  const previous = keep.previous as string;
  const kept = await stored.response(licence, previous);
  if (!kept) throw missing("previous", previous);
  if (kept.status !== "completed" && kept.status !== "incomplete")
    throw invalid(
      "previous_response_id",
      `the response ${previous} is ${kept.status}: only a finished one can be gone on from`,
    );
  const { output } = JSON.parse(kept.body) as { output: Item[] };
  const said = placed([...(JSON.parse(kept.context) as Item[]), ...output], previous);
  return { said, session: kept.session ?? undefined };
}

/** Another licence's is as little there as one that never was. */
export function missing(what: "response" | "previous" | "conversation" | "item", id: string): Failure {
  const said = {
    response: { message: `there is no response ${JSON.stringify(id)} here`, param: "response_id" },
    previous: { message: `Previous response with id ${JSON.stringify(id)} not found`, param: "previous_response_id" },
    conversation: { message: `there is no conversation ${JSON.stringify(id)} here`, param: "conversation" },
    item: { message: `there is no item ${JSON.stringify(id)} in this conversation`, param: "item_id" },
  }[what];
  const why =
    what === "response" || what === "previous"
      ? ": answers to `store: true` are kept, for a time and for their own licence"
      : "";
  return new Failure("unknown_path", {
    code: what === "previous" ? "previous_response_not_found" : `${what}_not_found`,
    message: `${said.message}${why}`,
    param: said.param,
    shouldRetry: false,
  });
}

function nameOf({ previous, conversation, background }: Keep): string {
  if (previous !== undefined) return "previous_response_id";
  if (conversation !== undefined) return "conversation";
  return background ? "background" : "store";
}

export function offFailure(param: string): Failure {
  return invalid(
    param,
    `${param} needs responses to be kept, and this server keeps none (responses.store is off in its configuration); send the whole conversation in input`,
    "unsupported_parameter",
  );
}
