// Remembers the reasoning behind tool calls, for clients whose dialect has no place for it or that do not send it back.

import { createHash } from "node:crypto";
import type { Event } from "../core/event.ts";
import type { Item, Turn } from "../core/turn.ts";
import type { KeptItem } from "../store/kept-items.ts";
import { idKey, isCall, keysOf, type Origin, placeKey, restored, type Thought, thoughtsOf } from "./call-thoughts.ts";
import { found, type Hasten, type Shelf } from "./item-memory.ts";
import { within } from "./stored/patience.ts";

/** Most characters of reasoning kept in memory; the session that was quiet longest goes first. */
const ROOM = 32 * 1024 * 1024;
/** Most of one session. */
const SHARE = 4 * 1024 * 1024;
/** Milliseconds that others, and the end of the process, wait for what is on its way to the shelf. */
const LAST = 2000;

/** Whose conversation it is: reasoning never leaves it. */
export interface Owner {
  licence: string;
  session: string;
}

/**
 * Kept by call: in memory, and on the shelf for the time after this process and for other ones. Memory forgets a session as a whole, or by
 * half when it alone is too large: to forget its calls one by one would change the beginning of every later request, and the upstream's
 * prompt cache is of use only while that stays the same.
 */
export class ReasoningMemory {
  readonly #sessions = new Map<string, SessionThoughts>();
  readonly #shelf: Shelf | undefined;
  readonly #hasten: Hasten | undefined;
  readonly #room: number;
  readonly #share: number;
  #size = 0;
  /** On their way to the shelf. */
  #going: KeptItem[] = [];
  readonly #putting = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(shelf?: Shelf, hasten?: Hasten, room = ROOM, share = SHARE) {
    this.#shelf = shelf;
    this.#hasten = hasten;
    this.#room = room;
    this.#share = share;
  }

  /** Puts the reasoning back before the calls that it led to, in every step of the history that came without any. */
  async recall(owner: Owner, turn: Turn): Promise<Recollection> {
    const calls = turn.input.filter(isCall);
    if (calls.length > 0) {
      const session = await this.#known(owner, calls);
      if (session) turn.input = restored(turn.input, (call, place) => session.find(call, place));
    }
    return new Recollection(this, owner, calls.length);
  }

  /** The session with what the shelf has of these calls: each is looked for once. */
  async #known(owner: Owner, calls: readonly Item[]): Promise<SessionThoughts | undefined> {
    const known = this.#sessions.get(nameOf(owner));
    const unknown = this.#shelf?.keeps
      ? calls.flatMap((call, place) => (known?.knows(call, place) ? [] : [keysOf(call, place)]))
      : [];
    if (unknown.length === 0) {
      if (known) this.#grown(owner, known, known.size);
      return known;
    }
    // The turn can do without it.
    const shelved = await this.#shelved(owner, unknown).catch(() => undefined);
    const session = this.#sessions.get(nameOf(owner)) ?? new SessionThoughts();
    const before = session.size;
    for (const keys of shelved ? unknown : []) {
      const key = keys.find((one) => shelved?.has(idOf(owner, one)));
      const body = key === undefined ? undefined : shelved?.get(idOf(owner, key));
      // An id that is not one of an answer's may be a decoder's own, and mean another call next time: it stands for nothing.
      session.add([key ?? (keys.at(-1) as string)], body === undefined ? undefined : thoughtIn(body));
    }
    this.#grown(owner, session, before);
    return session;
  }

  /** The latest of these calls may be of an answer that another worker or machine has just given. */
  async #shelved(owner: Owner, calls: readonly string[][]): Promise<Map<string, string> | undefined> {
    const byCall = calls.map((keys) => keys.map((key) => idOf(owner, key)));
    const missing = (known: Map<string, string>) => byCall.filter((ids) => !ids.some((id) => known.has(id))).flat();
    return this.#shelf && (await found(this.#shelf, this.#hasten, owner.licence, byCall.flat(), missing));
  }

  /** `earlier` is how many calls the history had before those of this answer. */
  keep(owner: Owner, earlier: number, finished: readonly Event[], origin: Origin): void {
    const calls = thoughtsOf(finished, origin);
    if (calls.length === 0) return;
    const session = this.#sessions.get(nameOf(owner)) ?? new SessionThoughts();
    const before = session.size;
    for (const [at, { call, thought }] of calls.entries()) {
      const added = session.add(keysOf(call, earlier + at), thought);
      // Text that nobody sealed is not ours to write down.
      if (thought && !origin.open) this.#send(owner, added, thought);
      // Others need not wait for what will never be there.
      else if (this.#hasten) this.#send(owner, added, null);
    }
    this.#grown(owner, session, before);
  }

  /** The upstream refused it: nobody has a use for it any more. */
  forget(owner: Owner): void {
    const session = this.#sessions.get(nameOf(owner));
    const before = session?.size ?? 0;
    session?.forget();
    if (session) this.#grown(owner, session, before);
  }

  #grown(owner: Owner, session: SessionThoughts, before: number): void {
    if (session.size > this.#share) session.halve();
    const name = nameOf(owner);
    this.#size += session.size - (this.#sessions.has(name) ? before : 0);
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    for (const [oldest, { size }] of this.#sessions) {
      if (this.#size <= this.#room) break;
      this.#sessions.delete(oldest);
      this.#size -= size;
    }
  }

  #send(owner: Owner, keys: readonly string[], thought: Thought | null): void {
    if (!this.#shelf?.keeps) return;
    const body = JSON.stringify(thought);
    this.#going.push(...keys.map((key) => ({ ...owner, id: idOf(owner, key), body })));
    // After the end of the answer is on its way, and before another process can be asked for what comes next.
    this.#timer ??= setTimeout(() => this.#put(), 0);
  }

  #put(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const going = this.#going.splice(0);
    if (going.length === 0 || !this.#shelf) return;
    const putting = this.#shelf.put(going).finally(() => this.#putting.delete(putting));
    this.#putting.add(putting);
  }

  /** Waits until the shelf has everything, though not for ever. */
  async close(): Promise<void> {
    this.#put();
    await within(Promise.all(this.#putting), LAST);
  }
}

/** One exchange's part in it. */
export class Recollection {
  /** The `response.output_item.done` events of its answer. */
  readonly finished: Event[] = [];
  readonly #memory: ReasoningMemory;
  readonly #owner: Owner;
  readonly #earlier: number;

  constructor(memory: ReasoningMemory, owner: Owner, earlier: number) {
    this.#memory = memory;
    this.#owner = owner;
    this.#earlier = earlier;
  }

  keep(origin: Origin): void {
    this.#memory.keep(this.#owner, this.#earlier, this.finished, origin);
  }

  forget(): void {
    this.#memory.forget(this.#owner);
  }
}

/** What is known of the calls of one session; `undefined` for one that nothing led to, as far as is known. */
class SessionThoughts {
  readonly #byKey = new Map<string, Thought | undefined>();
  #kept: { keys: string[]; size: number }[] = [];
  size = 0;

  /** Gives the keys that are new. The first thought stays: an answer that was asked for twice must not change what went up before. */
  add(keys: readonly string[], thought: Thought | undefined): string[] {
    const added = keys.filter((key) => this.#byKey.get(key) === undefined);
    for (const key of added) this.#byKey.set(key, thought);
    this.size += added.join().length;
    if (thought === undefined || added.length === 0) return added;
    const size = JSON.stringify(thought).length;
    this.#kept.push({ keys: added, size });
    this.size += size;
    return added;
  }

  knows(call: Item, place: number): boolean {
    const id = idKey(call);
    return (id !== undefined && this.#byKey.has(id)) || this.#byKey.has(placeKey(call, place));
  }

  find(call: Item, place: number): Thought | undefined {
    const id = idKey(call);
    if (id !== undefined && this.#byKey.has(id)) return this.#byKey.get(id);
    return this.#byKey.get(placeKey(call, place));
  }

  /** Forgets the oldest of what it has, as many as told, so that nobody looks for them again. */
  forget(count = this.#kept.length): void {
    for (const { keys, size } of this.#kept.splice(0, count)) {
      for (const key of keys) this.#byKey.set(key, undefined);
      this.size -= size;
    }
  }

  halve(): void {
    this.forget(Math.ceil(this.#kept.length / 2));
  }
}

/** As the shelf has it: null for a call that nothing led to. */
function thoughtIn(body: string): Thought | undefined {
  return (JSON.parse(body) as Thought | null) ?? undefined;
}

function nameOf({ licence, session }: Owner): string {
  return `${licence}\n${session}`;
}

/** Of a length that any store takes, and of no use to another session. */
function idOf({ session }: Owner, key: string): string {
  return `thought_${createHash("sha256").update(`${session}\n${key}`).digest("hex").slice(0, 48)}`;
}
