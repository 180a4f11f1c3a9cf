// Remembers the items that answers were made of, for clients that send a reference to an item instead of the item.

import type { Event } from "../core/event.ts";
import type { Item, Turn } from "../core/turn.ts";

/** Most characters of items kept; the oldest go first. */
const ROOM = 64 * 1024 * 1024;
/** An item larger than this (a picture) would push out hundreds of others. */
const LARGEST = 1024 * 1024;

interface Kept {
  licence: string;
  /** Data of the item's `response.output_item.done`, unparsed: most items are never asked for. */
  json: string;
  item?: Item;
}

/**
 * The AI SDK sends `item_reference`s for answers that it did not ask to be stored (wire/clients.md 0.8). Items are kept in
 * memory, by licence, until newer ones need the room or the process ends.
 */
export class ItemMemory {
  readonly #kept = new Set<Kept>();
  readonly #byId = new Map<string, Kept>();
  readonly #unread = new Set<Kept>();
  #size = 0;

  /** Keeps the finished items of one answer. */
  keep(licence: string, finished: readonly Event[]): void {
    for (const event of finished) {
      const { json } = event;
      if (json.length > LARGEST) continue;
      const kept: Kept = { licence, json };
      this.#kept.add(kept);
      this.#unread.add(kept);
      this.#size += json.length;
    }
    for (const oldest of this.#kept) {
      if (this.#size <= ROOM) break;
      this.#forget(oldest);
    }
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept);
    this.#unread.delete(kept);
    this.#size -= kept.json.length;
    const key = kept.item && keyOf(kept.licence, kept.item.id);
    if (key !== undefined && this.#byId.get(key) === kept) this.#byId.delete(key);
  }

  /** Puts known items in the place of their references; an unknown one stays, for the upstream to judge. */
  resolve(licence: string, turn: Turn): void {
    if (!turn.input.some((item) => item.type === "item_reference")) return;
    this.#read();
    turn.input = turn.input.map((item) => {
      const known = item.type === "item_reference" ? this.#byId.get(keyOf(licence, item.id)) : undefined;
      return known?.item ? structuredClone(known.item) : item;
    });
  }

  #read(): void {
    for (const kept of this.#unread) {
      const { item } = parsed(kept.json);
      if (typeof item?.id !== "string") continue;
      kept.item = item;
      this.#byId.set(keyOf(kept.licence, item.id), kept);
    }
    this.#unread.clear();
  }
}

/** On the identity path nobody has read the item yet: it may be no JSON at all, and then it is nobody's. */
function parsed(json: string): { item?: Item } {
  try {
    return (JSON.parse(json) ?? {}) as { item?: Item };
  } catch {
    return {};
  }
}

function keyOf(licence: string, id: unknown): string {
  return `${licence}\n${String(id)}`;
}
