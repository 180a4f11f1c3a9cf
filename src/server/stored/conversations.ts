// What can be asked about kept conversations and their items.

import { invalid } from "../../core/failure.ts";
import type { Item } from "../../core/turn.ts";
import { readJson } from "../body.ts";
import type { Arrival, RunningExchange } from "../exchange.ts";
import { listOf, named, pageOf, shown } from "./listing.ts";
import { reached, written } from "./patience.ts";
import { missing } from "./recall.ts";

type Fields = Record<string, unknown>;

export async function create(exchange: RunningExchange, arrival: Arrival): Promise<unknown> {
  const { services } = exchange.gateway;
  const body = await bodyOf(exchange, arrival, true);
  const items = named(await whole(exchange, itemsOf(body, false)), services.mint);
  const metadata = metadataOf(body);
  const conversation = {
    id: services.mint.id("conv_"),
    createdAt: services.clock(),
    metadata: JSON.stringify(metadata),
  };
  const { stored } = services;
  await written(() => stored.conversations.put(exchange.principal.id, conversation, stored.expiry()));
  await stored.add(exchange.principal.id, conversation.id, items);
  return described(conversation);
}

export async function retrieve(exchange: RunningExchange): Promise<unknown> {
  return described(await find(exchange));
}

export async function update(exchange: RunningExchange, arrival: Arrival): Promise<unknown> {
  const conversation = await find(exchange);
  const metadata = JSON.stringify(metadataOf(await bodyOf(exchange, arrival)));
  await written(() => rows(exchange).describe(exchange.principal.id, conversation.id, metadata));
  return described({ ...conversation, metadata });
}

export async function remove(exchange: RunningExchange): Promise<unknown> {
  const { id } = await find(exchange);
  await written(() => rows(exchange).remove(exchange.principal.id, id));
  return { id, object: "conversation.deleted", deleted: true };
}

export async function items(exchange: RunningExchange, { url }: Arrival): Promise<unknown> {
  return pageOf(await said(exchange, (await find(exchange)).id), url.searchParams);
}

export async function createItems(exchange: RunningExchange, arrival: Arrival): Promise<unknown> {
  const { id } = await find(exchange);
  const { stored, mint } = exchange.gateway.services;
  const added = named(await whole(exchange, itemsOf(await bodyOf(exchange, arrival), true)), mint);
  await stored.add(exchange.principal.id, id, added);
  return listOf(added.map(shown));
}

export async function item(exchange: RunningExchange): Promise<unknown> {
  const wanted = exchange.arrival.params.item ?? "";
  const found = (await said(exchange, (await find(exchange)).id)).find(({ id }) => id === wanted);
  if (!found) throw missing("item", wanted);
  return found;
}

export async function removeItem(exchange: RunningExchange): Promise<unknown> {
  const conversation = await find(exchange);
  const wanted = exchange.arrival.params.item ?? "";
  const removed = await written(() => rows(exchange).removeItem(exchange.principal.id, conversation.id, wanted));
  if (!removed) throw missing("item", wanted);
  return described(conversation);
}

const rows = ({ gateway }: RunningExchange) => gateway.services.stored.conversations;

async function find(exchange: RunningExchange) {
  const id = exchange.arrival.params.id ?? "";
  const conversation = await reached(rows(exchange).get(exchange.principal.id, id));
  if (!conversation) throw missing("conversation", id);
  return conversation;
}

async function said(exchange: RunningExchange, id: string): Promise<Item[]> {
  const kept = await reached(rows(exchange).items(exchange.principal.id, id));
  return kept.map((row) => shown({ id: row.id, item: JSON.parse(row.body) as Item }));
}

function described({ id, createdAt, metadata }: { id: string; createdAt: number; metadata: string }): Fields {
  return { id, object: "conversation", created_at: Math.floor(createdAt / 1000), metadata: JSON.parse(metadata) };
}

/** A conversation may begin with nothing at all. */
async function bodyOf({ gateway }: RunningExchange, { request }: Arrival, mayLack = false): Promise<Fields> {
  if (mayLack && !request.body) return {};
  return await readJson(request, gateway.config.limits.body);
}

function itemsOf({ items: given }: Fields, needed: boolean): Item[] {
  if ((given === undefined || given === null) && !needed) return [];
  if (!Array.isArray(given)) throw invalid("items", "items must be a list of items");
  for (const [at, one] of given.entries()) {
    if (typeof one !== "object" || one === null || Array.isArray(one))
      throw invalid(`items[${at}]`, `items[${at}] must be an item object`);
    // What is in a conversation comes with each of its turns: nonsense would fail them all.
    const { type, role } = one as Fields;
    if (typeof (type ?? role) !== "string")
      throw invalid(`items[${at}].type`, `items[${at}] has no type, and no role that makes it a message`);
  }
  return given as Item[];
}

/** References last as long as what they refer to: a conversation has the items. */
async function whole({ gateway, principal }: RunningExchange, input: Item[]): Promise<Item[]> {
  const turn = { model: "", input };
  await gateway.services.items.resolve(principal.id, turn);
  const at = turn.input.findIndex(({ type }) => type === "item_reference");
  if (at === -1) return turn.input;
  const message = `there is no item ${JSON.stringify(input[at]?.id)} here (any more): send the item itself`;
  throw invalid(`items[${at}].id`, message, "item_not_found");
}

function metadataOf({ metadata }: Fields): Fields {
  if (metadata === undefined || metadata === null) return {};
  const isTexts = typeof metadata === "object" && Object.values(metadata).every((value) => typeof value === "string");
  if (isTexts && !Array.isArray(metadata)) return metadata as Fields;
  throw invalid("metadata", "metadata must be an object of texts");
}
