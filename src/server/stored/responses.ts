// What can be asked about kept responses: the object or its events, its input, its end, its removal.

import { invalid } from "../../core/failure.ts";
import type { Item } from "../../core/turn.ts";
import type { KeptResponse } from "../../store/responses.ts";
import type { Arrival, RunningExchange } from "../exchange.ts";
import { followed } from "./follow.ts";
import { pageOf, placed, shown } from "./listing.ts";
import { written } from "./patience.ts";
import { missing } from "./recall.ts";

/** How long another process is waited for to end what it makes. */
const PATIENCE = 3000;
const LOOK = 50;

export async function retrieve(exchange: RunningExchange, { url }: Arrival): Promise<Response | unknown> {
  const kept = await find(exchange);
  const query = url.searchParams;
  if (query.get("stream") === "true") return followed(exchange, kept.id, startingAfter(query));
  return JSON.parse(kept.body);
}

export async function remove(exchange: RunningExchange): Promise<unknown> {
  const { id } = await find(exchange);
  const { stored } = exchange.gateway.services;
  // Who makes it in another process finds it gone, and ends.
  await patiently(stored.owner.find(exchange.principal.id, id)?.cancel());
  await written(() => stored.responses.remove(exchange.principal.id, id));
  return { id, object: "response", deleted: true };
}

export async function inputItems(exchange: RunningExchange, { url }: Arrival): Promise<unknown> {
  const { id, context } = await find(exchange);
  return pageOf(placed(JSON.parse(context) as Item[], id).map(shown), url.searchParams);
}

export async function cancel(exchange: RunningExchange): Promise<unknown> {
  const kept = await find(exchange);
  const body = JSON.parse(kept.body) as Record<string, unknown>;
  if (body.background !== true)
    throw invalid(
      "response_id",
      `the response ${kept.id} was not made with background: true, so it cannot be cancelled`,
    );
  if (kept.owner === null) return body;
  const { stored } = exchange.gateway.services;
  const making = stored.owner.find(kept.licence, kept.id);
  if (making) await patiently(making.cancel());
  else await written(() => stored.responses.cancel(kept.licence, kept.id));
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const now = await find(exchange);
    if (now.owner === null || performance.now() > deadline) return JSON.parse(now.body);
    await Bun.sleep(LOOK);
  }
}

/** Its end is kept when the store is there again; nobody waits that long. */
async function patiently(ending: Promise<void> | undefined): Promise<void> {
  if (ending) await Promise.race([ending, Bun.sleep(PATIENCE)]);
}

async function find({ arrival, principal, gateway }: RunningExchange): Promise<KeptResponse> {
  const id = arrival.params.id ?? "";
  const kept = await gateway.services.stored.response(principal.id, id);
  if (!kept) throw missing("response", id);
  return kept;
}

/** -1 for all of them. */
function startingAfter(query: URLSearchParams): number {
  const text = query.get("starting_after");
  if (text === null) return -1;
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw invalid("starting_after", `starting_after is ${JSON.stringify(text)}; legal: the sequence_number of an event`);
}
