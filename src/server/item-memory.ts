// Remembers the items that answers were made of, for clients that send a reference to an item instead of the item.

import type { Event } from "../core/event.ts";
import type { Item, Turn } from "../core/turn.ts";
import type { KeptItem } from "../store/kept-items.ts";

/** Most characters of items kept in memory; the oldest go first. */
const ROOM = 64 * 1024 * 1024;
/** An item larger than this (a picture) would push out hundreds of others. */
const LARGEST = 1024 * 1024;
/** Milliseconds that items wait for company on their way to the store. */
const GATHER = 250;

interface Kept {
  licence: string;
  session: string | null;
  /** Data of the item's `response.output_item.done`, unparsed: most items are never asked for. */
  json: string;
  item?: Item;
}

/** Where items outlive the process, and where other processes find them. */
export interface Shelf {
  /** False when this configuration keeps nothing. */
  readonly keeps: boolean;
  put(items: readonly KeptItem[]): Promise<void>;
  find(licence: string, ids: readonly string[]): Promise<Map<string, string>>;
}

/**
 * The AI SDK sends `item_reference`s for answers that it did not ask to be stored (wire/clients.md 0.8). Items are kept by licence:
 * the newest in memory, and all of them on the shelf, a moment after their answer so that no answer waits for it.
 */
export class ItemMemory {
  readonly #shelf: Shelf | undefined;
  readonly #kept = new Set<Kept>();
  readonly #byId = new Map<string, Kept>();
  readonly #unread = new Set<Kept>();
  /** On their way to the shelf; what memory lets go of meanwhile is lost with it. */
  #going = new Set<Kept>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #putting: Promise<void> = Promise.resolve();
  #size = 0;

  constructor(shelf?: Shelf) {
    this.#shelf = shelf;
  }

  /** Keeps the finished items of one answer. */
  keep(licence: string, session: string | null, finished: readonly Event[]): void {
    if (this.#shelf?.keeps === false) return;
    for (const event of finished) {
      const { json } = event;
      if (json.length > LARGEST) continue;
      const kept: Kept = { licence, session, json };
      this.#kept.add(kept);
      this.#unread.add(kept);
      if (this.#shelf) this.#going.add(kept);
      this.#size += json.length;
    }
    for (const oldest of this.#kept) {
      if (this.#size <= ROOM) break;
      this.#forget(oldest);
    }
    if (this.#going.size > 0) this.#timer ??= setTimeout(() => void this.#put(), GATHER).unref();
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept);
    this.#unread.delete(kept);
    this.#going.delete(kept);
    this.#size -= kept.json.length;
    const key = kept.item && keyOf(kept.licence, kept.item.id);
    if (key !== undefined && this.#byId.get(key) === kept) this.#byId.delete(key);
  }

  #put(): Promise<void> {
    this.#timer = undefined;
    const going = [...this.#going];
    this.#going = new Set();
    const items = going.flatMap(({ licence, session, json, item = parsed(json).item }) =>
      typeof item?.id === "string" ? [{ licence, session, id: item.id, body: JSON.stringify(item) }] : [],
    );
    this.#putting = this.#putting.then(() => (items.length > 0 ? this.#shelf?.put(items) : undefined));
    return this.#putting;
  }

  /** Waits until the shelf has everything. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#put();
  }

  /** Puts known items in the place of their references; an unknown one stays, for the upstream to judge. */
  async resolve(licence: string, turn: Turn): Promise<void> {
    const references = turn.input.filter((item) => item.type === "item_reference");
    if (references.length === 0) return;
    this.#read();
    const known = (item: Item) => this.#byId.get(keyOf(licence, item.id))?.item;
    const ids = references.filter((item) => !known(item)).map(({ id }) => String(id));
    const shelved = ids.length > 0 ? await this.#shelf?.find(licence, ids) : undefined;
    turn.input = turn.input.map((item) => {
      if (item.type !== "item_reference") return item;
      const mine = known(item);
      if (mine) return structuredClone(mine);
      const body = shelved?.get(String(item.id));
      return body === undefined ? item : (JSON.parse(body) as Item);
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
