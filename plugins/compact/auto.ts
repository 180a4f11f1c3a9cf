// Compacts by itself: histories that would overflow the window, or that did, for clients that know nothing of compaction.

import { createHash } from "node:crypto";
import { type Exchange, Failure, type Host, type Item, type Turn, type ValueKey, valueKey } from "codexd/plugin";
import { digests, headOf, indexAfter, isCompaction, isCounted, kept, seams, summaryMessage } from "./history.ts";
import { Measure } from "./measure.ts";

/** What stands for the beginning of a history. */
interface Shortened {
  /** How many counted items it stands for, and their digest: a history that begins so is the same conversation. */
  place: number;
  digest: string;
  items: Item[];
  /** Only this upstream can read it; absent for a summary. */
  upstream?: string;
}

/** What an exchange came with, and what was made of it. */
interface Course {
  head: readonly Item[];
  /** The client's history after the head. */
  history: readonly Item[];
  used: Shortened | undefined;
  /** What was used before anything was made for this turn. */
  began: Shortened | undefined;
  /** Something is made for this very turn. Told from the start: by the end the client's stream may be open. */
  making: boolean;
}

/** Makes a compaction: in the upstream's own form where it has one. */
export type Make = (exchange: Exchange, turn: Turn) => Promise<{ item: Item } | { summary: string }>;

/** What stays as it is at the end of a history, and of what the user said before that: parts of the window's room for it. */
const TAIL = 1 / 4;
const SAID = 1 / 8;
const MOST_SAID = 20_000;
/** One question for a compaction may take that much of it: its answer needs room too. */
const QUESTION = 0.85;
/** Forks of one conversation, such as a client's subagents under its session. */
const FORKS = 8;
const SESSIONS = 500;
const KEPT_FOR = 30 * 86_400_000;

/** After so much of it nobody counts any more. */
const SURE = 0.6;
const ROUNDS = 4;

const NOTHING = { used: undefined, began: undefined, making: false };
const HEADER = "x-codexd-compacted";

const course: ValueKey<Course> = valueKey("compact.course");

export class Automatic {
  readonly #host: Host;
  readonly #at: number;
  readonly #make: Make;
  readonly #measure = new Measure();
  readonly #sessions = new Map<string, Shortened[]>();
  /** The last turn of each session that may be compacting: the next one waits, and then finds what it made. */
  readonly #busy = new Map<string, Promise<void>>();

  constructor(host: Host, at: number, make: Make) {
    this.#host = host;
    this.#at = at;
    this.#make = make;
  }

  /** Puts what was made before in its place, and has more made before the upstream is asked when the window would not hold it. */
  async fit(exchange: Exchange): Promise<void> {
    const { turn } = exchange;
    const from = headOf(turn.input);
    const state: Course = { head: turn.input.slice(0, from), history: turn.input.slice(from), ...NOTHING };
    exchange.values.set(course, state);
    this.#use(exchange, state, await this.#found(exchange, state));
    state.began = state.used;
    const window = this.#window(exchange);
    if (window === undefined || !(await this.#measure.exceeds(turn, state.head.length, window * this.#at))) return;
    this.#plan(exchange, state, undefined);
  }

  /** Whether a refused turn can be asked again with less before it. */
  recover(failure: Failure, exchange: Exchange): boolean {
    const state = exchange.values.get(course);
    if (!state) return false;
    if (failure.kind === "context_window") {
      this.#plan(exchange, state, failure);
      return true;
    }
    if (failure.code !== "invalid_encrypted_content" || !state.used?.upstream) return false;
    // Another account cannot read what the first one made: the client's own history is still whole.
    exchange.before(() => this.#forget(exchange, state));
    this.#plan(exchange, state, failure);
    return true;
  }

  #plan(exchange: Exchange, state: Course, refused: Failure | undefined): void {
    state.making = true;
    exchange.answerHeaders.set(HEADER, "new");
    exchange.before(() => this.#shorten(exchange, state, refused));
  }

  #window({ turn }: Exchange): number | undefined {
    return this.#host.models.find(turn.model)?.contextWindow;
  }

  #use(exchange: Exchange, state: Course, shortened: Shortened | undefined): void {
    state.used = shortened;
    if (!shortened) return;
    const rest = state.history.slice(indexAfter(state.history, shortened.place));
    exchange.turn.input = [...state.head, ...shortened.items, ...rest];
    exchange.answerHeaders.set(HEADER, state.making ? "new" : "reused");
  }

  /** The longest beginning of this history that something stands for. */
  async #found(exchange: Exchange, { history }: Course): Promise<Shortened | undefined> {
    const key = keyOf(exchange);
    const here = fitting(this.#sessions.get(key), history, exchange);
    if (here) return here;
    const kept = await this.#host.store.get<Shortened[]>(key);
    const found = fitting(kept, history, exchange);
    if (kept && found) this.#remember(key, kept);
    return found;
  }

  #remember(key: string, forks: Shortened[]): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, forks);
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= SESSIONS) break;
      this.#sessions.delete(oldest);
    }
  }

  async #forget(exchange: Exchange, state: Course): Promise<void> {
    const key = keyOf(exchange);
    const left = (this.#sessions.get(key) ?? []).filter((one) => one.digest !== state.used?.digest);
    state.used = undefined;
    exchange.turn.input = [...state.head, ...state.history];
    this.#remember(key, left);
    await this.#host.store.set(key, left, { ttl: KEPT_FOR });
  }

  /** One turn of a session at a time, so that turns that arrive together do not pay for the same twice. */
  async #shorten(exchange: Exchange, state: Course, refused: Failure | undefined): Promise<void> {
    const key = keyOf(exchange);
    const before = this.#busy.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy.set(key, promise);
    try {
      await before;
      exchange.signal.throwIfAborted();
      await this.#shortenNow(exchange, state, refused);
    } finally {
      resolve();
      if (this.#busy.get(key) === promise) this.#busy.delete(key);
    }
  }

  async #shortenNow(exchange: Exchange, state: Course, refused: Failure | undefined): Promise<void> {
    const known = await this.#found(exchange, state);
    if (known && known.place > (state.used?.place ?? 0)) {
      state.making = false;
      this.#use(exchange, state, known);
      return;
    }
    try {
      await this.#deepen(exchange, state, refused);
    } catch (thrown) {
      if (exchange.signal.aborted) throw thrown;
      if (state.used) exchange.answerHeaders.set(HEADER, "reused");
      else exchange.answerHeaders.delete(HEADER);
      this.#host.log.warn("a conversation could not be compacted", { id: exchange.id, error: String(thrown) });
      // Untold, the turn may still fit; told once, the upstream's own words are the truth.
      if (refused) throw refused;
    }
  }

  /**
   * Compacts what stood for the beginning until now and all that came since, but for the end. Where nobody knows the window, refusals teach
   * how large it is at most, and what was made is compacted again until it is sure to fit.
   */
  async #deepen(exchange: Exchange, state: Course, refused: Failure | undefined): Promise<void> {
    const told = this.#window(exchange) ?? Number.POSITIVE_INFINITY;
    let { base, total } = await this.#measure.count(exchange.turn, state.head.length);
    let window = refused ? Math.min(told, total) : told;
    for (let round = 1; round <= ROUNDS; round++) {
      const smaller = await this.#once(exchange, state, { base, window });
      if (smaller === undefined && round === 1) throw refused ?? new Error("its last turn alone is too long");
      window = smaller ?? window;
      ({ base, total } = await this.#measure.count(exchange.turn, state.head.length));
      if (smaller === undefined || total <= window * SURE) break;
    }
    await this.#keep(exchange, state);
  }

  /** One round; gives what is known of the window after it, or undefined when there is nothing left to compact. */
  async #once(exchange: Exchange, state: Course, { base, window }: { base: number; window: number }) {
    const { head, history, used } = state;
    const known = used?.items ?? [];
    const since = used ? indexAfter(history, used.place) : 0;
    const whole = [...known, ...history.slice(since)];
    const room = Math.max(window - base, window / 10);
    const cut = cutOf(whole, await this.#measure.sizes(whole), room * TAIL, known.length);
    if (cut === undefined) return undefined;
    const { items, largest } = await this.#folded(exchange, head, whole.slice(0, cut), room);
    const place = history.slice(0, since + cut - known.length).filter(isCounted).length;
    this.#use(exchange, state, {
      place,
      digest: digests(history, [place]).get(place) as string,
      items,
      ...(items.some(isCompaction) && exchange.upstream ? { upstream: exchange.upstream.name } : {}),
    });
    return Math.min(window, largest + base);
  }

  async #keep(exchange: Exchange, state: Course): Promise<void> {
    const { used, began } = state;
    if (!used) return;
    const key = keyOf(exchange);
    const others = (this.#sessions.get(key) ?? []).filter(({ digest }) => digest !== began?.digest);
    const forks = [used, ...others].slice(0, FORKS);
    this.#remember(key, forks);
    await this.#host.store.set(key, forks, { ttl: KEPT_FOR });
    const { id, session } = exchange;
    this.#host.log.info("a conversation was compacted", { id, session: session.id, items: used.place });
  }

  /**
   * A history that no single question holds is compacted piece by piece, each with what stands for those before. `largest`: the size of
   * the smallest question that was too long.
   */
  async #folded(exchange: Exchange, head: readonly Item[], items: readonly Item[], room: number) {
    const said = Math.min(MOST_SAID, room * SAID);
    let done: Item[] = [];
    let rest = items;
    let most = room * QUESTION;
    let largest = room;
    while (rest.length > 0) {
      const [before, sizes] = [sum(await this.#measure.sizes(done)), await this.#measure.sizes(rest)];
      const take = pieceOf(rest, sizes, most - before);
      const part = [...done, ...rest.slice(0, take)];
      try {
        const made = await this.#make(exchange, { ...exchange.turn, input: [...head, ...part] });
        done = [...kept(part, said), "item" in made ? made.item : summaryMessage(made.summary)];
        rest = rest.slice(take);
      } catch (thrown) {
        if (!(thrown instanceof Failure) || thrown.kind !== "context_window") throw thrown;
        largest = Math.min(largest, before + sum(sizes.slice(0, take)));
        most = largest / 2;
        if (pieceOf(rest, sizes, most - before) >= take) throw thrown;
      }
    }
    return { items: done, largest };
  }
}

/** A compaction of the upstream's is of no use to another one. */
function fitting(
  forks: readonly Shortened[] | undefined,
  history: readonly Item[],
  { upstream }: Exchange,
): Shortened | undefined {
  if (!forks || forks.length === 0) return undefined;
  const found = digests(
    history,
    forks.map(({ place }) => place),
  );
  return forks
    .filter(
      (one) => found.get(one.place) === one.digest && (one.upstream === undefined || one.upstream === upstream?.name),
    )
    .sort((a, b) => b.place - a.place)[0];
}

/** The earliest seam after which no more than `room` tokens remain; the last one when the end alone is larger. */
function cutOf(items: readonly Item[], sizes: readonly number[], room: number, after: number): number | undefined {
  const places = seams(items).filter((place) => place > after);
  let left = sum(sizes);
  let at = 0;
  for (const place of places) {
    for (; at < place; at++) left -= sizes[at] ?? 0;
    if (left <= room) return place;
  }
  return places.at(-1);
}

/** How many items, up to a seam, have room in one question; at least those up to the first seam. */
function pieceOf(items: readonly Item[], sizes: readonly number[], room: number): number {
  const places = [...seams(items), items.length];
  let size = 0;
  let at = 0;
  let fits = 0;
  for (const place of places) {
    for (; at < place; at++) size += sizes[at] ?? 0;
    if (size > room) break;
    fits = place;
  }
  return fits || (places[0] as number);
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

function keyOf({ principal, session }: Exchange): string {
  return `session/${createHash("sha256")
    .update(JSON.stringify([principal.id, session.id]))
    .digest("hex")
    .slice(0, 40)}`;
}
