// Which output item an event belongs to, for upstreams that leave out indexes or ids, repeat them, or change them midway.

import type { EventData } from "./event.ts";
import { Thoughts } from "./thoughts.ts";
import type { Item } from "./turn.ts";

/** A block that was opened, with what was sent of it, so that nothing is repeated when the whole comes later. */
export interface Opened {
  index: number;
  sent: string;
}

/** One output item while its events arrive. */
export interface Slot {
  item: Item;
  id: string | undefined;
  done: boolean;
  /** Blocks of the item: one, or for a message one per content part (`partKey`). */
  blocks: Map<number, Opened>;
  /** Arguments that arrived before the call's name. */
  early: string;
  /** A text delta came without `content_index`: its parts cannot be told apart. */
  unindexed: boolean;
  /** Citations already told, as JSON. */
  cited: Set<string> | undefined;
  thoughts: Thoughts;
}

/** The items of one response. */
export class Slots {
  readonly all: Slot[] = [];
  readonly #byIndex = new Map<number, Slot>();
  readonly #byId = new Map<string, Slot>();

  /** The slot of a delta or another event inside an item of this type; made when there is none. */
  inside(data: EventData, type: string): Slot {
    const id = text(data.item_id);
    const at = this.#at(data.output_index);
    if (at && !at.done && at.id === id && at.item.type === type) return at;
    const named = id === undefined ? undefined : this.#byId.get(id);
    if (at && !at.done && alike(at.item.type, type)) {
      // Several items under one index: a known id says which.
      return named && !named.done ? named : this.#know(at, data, id);
    }
    // An id that comes again under another index is another item's.
    if (named && (!named.done || named === at || typeof data.output_index !== "number")) return named;
    if (at && alike(at.item.type, type) && (id === undefined || at.id === undefined)) return at;
    const callId = text(data.call_id);
    const known = (callId !== undefined && this.#called(callId)) || (at ? undefined : this.#loose(data, id, { type }));
    return this.#know(known || this.#make({ type, ...(callId !== undefined && { call_id: callId }) }), data, id);
  }

  /** The slot that an `added` item opens. */
  added(data: EventData, item: Item): Slot {
    const id = text(item.id);
    const fitting = this.#candidates(data, item, id).find(
      (slot) => fits(slot, item) && !slot.done && (!slot.id || !id || slot.id === id),
    );
    return this.#know(fitting ?? this.#make(item), data, id);
  }

  /** The slot that a `done` item finishes; one that is finished already when it comes twice. */
  finished(data: EventData, item: Item): Slot {
    const id = text(item.id);
    const candidates = this.#candidates(data, item, id).filter((slot) => fits(slot, item));
    const fitting =
      candidates.find((slot) => !slot.done) ??
      candidates.find((slot) => same(slot.item, item)) ??
      this.#loose(data, id, item);
    return this.#know(fitting ?? this.#make(item), data, id);
  }

  /** The slot that an item of the terminal `output` repeats; undefined when only the terminal event has it. */
  repeated(item: Item, index: number, output: readonly Item[]): Slot | undefined {
    const id = text(item.id);
    const known = (id !== undefined && this.#byId.get(id)) || this.#called(text(item.call_id));
    if (known) return known;
    const at = this.#at(index);
    if (at && fits(at, item)) return at;
    // Ids and places both changed: trust the count, never tell the same thing twice.
    const type = (one: Item) => one.type === item.type;
    const seen = this.all.filter((slot) => type(slot.item));
    const told = output.filter(type);
    return seen.length >= told.length ? seen[told.indexOf(item)] : undefined;
  }

  #at(index: unknown): Slot | undefined {
    return typeof index === "number" ? this.#byIndex.get(index) : undefined;
  }

  #called(callId: string | undefined): Slot | undefined {
    return callId === undefined ? undefined : this.all.findLast((slot) => slot.item.call_id === callId);
  }

  #candidates(data: EventData, item: Item, id: string | undefined): Slot[] {
    const named = id === undefined ? undefined : this.#byId.get(id);
    return [named, this.#called(text(item.call_id)), this.#at(data.output_index)].filter((slot) => slot !== undefined);
  }

  /** The last open slot of the kind that nothing tells apart from this event. */
  #loose(data: EventData, id: string | undefined, item: Item): Slot | undefined {
    return this.all.findLast(
      (slot) =>
        !slot.done &&
        fits(slot, item) &&
        (slot.id === undefined || id === undefined) &&
        (typeof data.output_index !== "number" || ![...this.#byIndex.values()].includes(slot)),
    );
  }

  #make(item: Item): Slot {
    const slot: Slot = {
      item,
      id: undefined,
      done: false,
      blocks: new Map(),
      early: "",
      unindexed: false,
      cited: undefined,
      thoughts: new Thoughts(),
    };
    this.all.push(slot);
    return slot;
  }

  /** Remembers under what index and ids the slot is known; ids may change from event to event. */
  #know(slot: Slot, data: EventData, id: string | undefined): Slot {
    if (typeof data.output_index === "number") this.#byIndex.set(data.output_index, slot);
    if (id !== undefined) {
      slot.id ??= id;
      this.#byId.set(id, slot);
    }
    return slot;
  }
}

/** Deltas of both kinds of calls are taken for either: some upstreams stream a custom call as arguments. */
function alike(known: string | undefined, type: string): boolean {
  const isCall = (one: string | undefined) => one === "function_call" || one === "custom_tool_call";
  return known === type || (isCall(known) && isCall(type));
}

function fits(slot: Slot, item: Item): boolean {
  if (!alike(slot.item.type, item.type ?? "")) return false;
  const differ = (field: string) => {
    const [known, told] = [text(slot.item[field]), text(item[field])];
    return known !== undefined && told !== undefined && known !== told;
  };
  return !differ("call_id") && !differ("name");
}

function same(known: Item, item: Item): boolean {
  if (known.id !== undefined && item.id !== undefined) return known.id === item.id;
  return known.call_id !== undefined && known.call_id === item.call_id;
}

/** A non-empty string, or nothing. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
