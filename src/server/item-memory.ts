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
/** Milliseconds after which what is kept of an answer is on the shelf, unless the store is slow. */
export const ON_THE_WAY = GATHER + 100;
/** How many go at once: a few hundred take milliseconds. */
const AT_ONCE = 50;
/** Milliseconds that the end of the process waits for them. */
const LAST = 2000;

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
 * Waits for what others of this store have on its way to the shelf: workers put it there when they are asked, other machines by
 * themselves. Undefined when looking there for so many times is enough.
 */
export type Hasten = (looked: number) => Promise<unknown> | undefined;

/** What the shelf has of these ids; what is so young that it is not there yet is waited for, though not for long. */
export async function found(
  shelf: Shelf,
  hasten: Hasten | undefined,
  licence: string,
  ids: readonly string[],
  missing = (known: Map<string, string>) => ids.filter((id) => !known.has(id)),
): Promise<Map<string, string>> {
  const known = await shelf.find(licence, ids);
  for (let looked = 1; shelf.keeps; looked++) {
    const young = missing(known);
    const there = young.length > 0 ? hasten?.(looked) : undefined;
    if (!there) break;
    await there.catch(() => undefined);
    for (const [id, body] of await shelf.find(licence, young)) known.set(id, body);
  }
  return known;
}

/**
 * The AI SDK sends `item_reference`s for answers that it did not ask to be stored (wire/clients.md 0.8). Items are kept by licence:
 * the newest in memory, and all of them on the shelf, a moment after their answer so that no answer waits for it.
 */
export class ItemMemory {
  readonly #shelf: Shelf | undefined;
  readonly #hasten: Hasten | undefined;
  readonly #kept = new Set<Kept>();
  readonly #byId = new Map<string, Kept>();
  readonly #unread = new Set<Kept>();
  /** On their way to the shelf; what memory lets go of meanwhile is lost with it. */
  readonly #going = new Set<Kept>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #putting: Promise<void> | undefined;
  #size = 0;

  constructor(shelf?: Shelf, hasten?: Hasten) {
    this.#shelf = shelf;
    this.#hasten = hasten;
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
    if (this.#going.size > 0 && !this.#putting) this.#timer ??= setTimeout(() => this.#go(), GATHER).unref();
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept);
    this.#unread.delete(kept);
    this.#going.delete(kept);
    this.#size -= kept.json.length;
    const key = kept.item && keyOf(kept.licence, kept.item.id);
    if (key !== undefined && this.#byId.get(key) === kept) this.#byId.delete(key);
  }

  #go(): void {
    this.#timer = undefined;
    this.#putting = this.#put();
  }

  /** What does not fit through to a store that is slow waits where `ROOM` bounds it. */
  async #put(): Promise<void> {
    while (this.#going.size > 0) {
      const some = [...this.#going].slice(0, AT_ONCE);
      for (const kept of some) this.#going.delete(kept);
      await this.#shelf?.put(some.flatMap(shelved));
      // The store may be in this process: streams have their turn in between.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#putting = undefined;
  }

  /** Waits until the shelf has everything, though not for ever. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await Promise.race([this.#putting ?? this.#put(), Bun.sleep(LAST)]);
  }

  /** Puts known items in the place of their references; an unknown one stays, for the upstream to judge. */
  async resolve(licence: string, turn: Turn): Promise<void> {
    const references = turn.input.filter((item) => item.type === "item_reference");
    if (references.length === 0) return;
    this.#read();
    const known = (item: Item) => this.#byId.get(keyOf(licence, item.id))?.item;
    const ids = references.filter((item) => !known(item)).map(({ id }) => String(id));
    const shelved = this.#shelf && ids.length > 0 ? await found(this.#shelf, this.#hasten, licence, ids) : undefined;
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

function shelved({ licence, session, json, item = parsed(json).item }: Kept): KeptItem[] {
  return typeof item?.id === "string" ? [{ licence, session, id: item.id, body: JSON.stringify(item) }] : [];
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
