// Compacts by itself: histories that would overflow the window, or that did, for clients that know nothing of compaction.

import { type Exchange, Failure, type Host, type Item, type ValueKey, valueKey } from "codexd/plugin";
import { cutOf, Folder, type Make } from "./fold.ts";
import { digests, headOf, indexAfter, isCompaction, isCounted, unsaid } from "./history.ts";
import { Measure } from "./measure.ts";
import { Sessions, type Shortened } from "./sessions.ts";

/** What an exchange came with, and what was made of it. */
interface Course {
  head: readonly Item[];
  /** The client's history after the head. */
  history: readonly Item[];
  used: Shortened | undefined;
  /** What was used before anything was made for this turn. */
  began: Shortened | undefined;
  /** How often it was too long for the upstream, whatever the estimate said. */
  refusals: number;
  /** It cannot be made any shorter. */
  exhausted: boolean;
  /** Something is made for this very turn. Told from the start: by the end the client's stream may be open. */
  making: boolean;
}

/** What stays as it is at the end of a history: a part of the room that the window leaves to it. */
const TAIL = 1 / 4;
/** Refused so often, a turn is no longer believed to be what it is estimated at: only its very end stays. */
const DISBELIEF = 3;
const ROUNDS = 4;
/** Counts are estimates: of a size that was once taken, so much is sure to be taken again. */
const SURE = 0.75;

/** What goes by, with time or with the operator's help. */
const PASSING = new Set([
  ...["rate_limit", "quota", "overloaded", "upstream_credential", "transport", "upstream_timeout", "stream_broken"],
]);

function tailAfter(refusals: number): number {
  return refusals < DISBELIEF ? TAIL ** Math.max(1, refusals) : 0;
}

function isPassing(thrown: unknown): boolean {
  if (!(thrown instanceof Failure)) return false;
  return PASSING.has(thrown.kind) || (thrown.upstream?.status ?? 0) >= 500;
}

const NOTHING = { used: undefined, began: undefined, refusals: 0, exhausted: false, making: false };
const HEADER = "x-codexd-compacted";

const course: ValueKey<Course> = valueKey("compact.course");

export class Automatic {
  readonly #host: Host;
  readonly #at: number;
  readonly #measure = new Measure();
  readonly #folder: Folder;
  readonly #sessions: Sessions;

  constructor(host: Host, at: number, make: Make) {
    this.#host = host;
    this.#at = at;
    this.#folder = new Folder(this.#measure, make);
    this.#sessions = new Sessions(host);
  }

  /** Puts what was made before in its place, and has more made before the upstream is asked when the window would not hold it. */
  async fit(exchange: Exchange): Promise<void> {
    const { turn } = exchange;
    const from = headOf(turn.input);
    const state: Course = { head: turn.input.slice(0, from), history: turn.input.slice(from), ...NOTHING };
    exchange.values.set(course, state);
    this.#use(exchange, state, await this.#sessions.find(exchange, state.history));
    state.began = state.used;
    const window = this.#window(exchange);
    if (window === undefined || !(await this.#measure.exceeds(turn, state.head.length, window * this.#at))) return;
    this.#plan(exchange, state, undefined);
  }

  /** Whether a refused turn can be asked again with less before it. */
  recover(failure: Failure, exchange: Exchange): boolean {
    const state = exchange.values.get(course);
    if (!state || state.exhausted) return false;
    const { used } = state;
    if (failure.kind === "context_window") {
      state.refusals++;
      this.#plan(exchange, state, failure);
      return true;
    }
    if (failure.code !== "invalid_encrypted_content" || !used?.upstream) return false;
    // Another account cannot read what the first one made: the client's own history is still whole.
    Object.assign(state, NOTHING);
    exchange.turn.input = [...state.head, ...state.history];
    exchange.before(() => this.#sessions.replace(exchange, used, undefined));
    this.#plan(exchange, state, failure);
    return true;
  }

  #plan(exchange: Exchange, state: Course, refused: Failure | undefined): void {
    state.making = true;
    exchange.answerHeaders.set(HEADER, "new");
    exchange.before(() => this.#sessions.alone(exchange, () => this.#shorten(exchange, state, refused)));
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

  async #shorten(exchange: Exchange, state: Course, refused: Failure | undefined): Promise<void> {
    const known = await this.#sessions.find(exchange, state.history);
    if (known && known.place > (state.used?.place ?? 0)) {
      state.making = false;
      this.#use(exchange, state, known);
      return;
    }
    let failed: unknown;
    const before = state.used;
    await this.#deepen(exchange, state, refused).catch((thrown) => {
      failed = thrown;
    });
    const { used, began } = state;
    if (used && used !== before) {
      await this.#sessions.replace(exchange, before, used);
      this.#host.log.info("a conversation was compacted", {
        id: exchange.id,
        session: exchange.session.id,
        items: used.place,
      });
      return;
    }
    if (exchange.signal.aborted) throw failed;
    state.exhausted = refused !== undefined;
    this.#host.log.warn("a conversation could not be compacted", { id: exchange.id, error: String(failed) });
    if (!used) exchange.answerHeaders.delete(HEADER);
    else if (used === began) exchange.answerHeaders.set(HEADER, "reused");
    // Untold, the turn may still fit. Told once, what a moment mends is worth another try; else the upstream's own words are the truth.
    if (refused) throw isPassing(failed) ? failed : refused;
  }

  /**
   * Compacts what stood for the beginning until now and all that came since, but for the end. Where a refusal taught
   * that the window is smaller than it was said to be, what was made is compacted again until it is shorter than what was
   * taken. Sizes are estimates, of some content bad ones: refused once more, the turn comes back here, and leaves shorter.
   */
  async #deepen(exchange: Exchange, state: Course, refused: Failure | undefined): Promise<void> {
    const told = this.#window(exchange) ?? Number.POSITIVE_INFINITY;
    let { base, total } = await this.#measure.count(exchange.turn, state.head.length);
    let window = refused ? Math.min(told, total) : told;
    for (let round = 1; round <= ROUNDS; round++) {
      const learnt = await this.#once(exchange, state, { base, window });
      if (!learnt && refused && this.#bare(exchange, state)) return;
      if (!learnt && round === 1) throw refused ?? new Error("its last turn alone is too long");
      if (!learnt || learnt.refused >= window) return;
      window = learnt.taken;
      ({ base, total } = await this.#measure.count(exchange.turn, state.head.length));
      if (total <= window * SURE) return;
    }
  }

  /** The last resort, when only the last turn is not compacted: nothing of what was said before it stays word for word. */
  #bare(exchange: Exchange, state: Course): boolean {
    const { used } = state;
    const items = unsaid(used?.items ?? []);
    if (!used || items.length === used.items.length) return false;
    this.#use(exchange, state, { ...used, items });
    return true;
  }

  /** One round; gives the sizes that were refused and taken in it, or undefined when there is nothing left to compact. */
  async #once(exchange: Exchange, state: Course, { base, window }: { base: number; window: number }) {
    const { head, history, used } = state;
    const known = used?.items ?? [];
    const since = used ? indexAfter(history, used.place) : 0;
    const whole = [...known, ...history.slice(since)];
    const room = Math.max(window - base, window / 10);
    const cut = cutOf(whole, await this.#measure.sizes(whole), room * tailAfter(state.refusals), known.length);
    if (cut === undefined) return undefined;
    const { items, refused, taken } = await this.#folder.fold(exchange, head, whole.slice(0, cut), room);
    const place = history.slice(0, since + cut - known.length).filter(isCounted).length;
    this.#use(exchange, state, {
      place,
      digest: digests(history, [place]).get(place) as string,
      items,
      ...(items.some(isCompaction) && exchange.upstream ? { upstream: exchange.upstream.name } : {}),
    });
    return { refused: refused + base, taken: taken + base };
  }
}
