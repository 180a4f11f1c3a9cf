// Where a long history is cut, and how the part before the cut is compacted when no single question holds it.

import { type Exchange, Failure, type Item, type Turn } from "codexd/plugin";
import { excerptOf, longestIn } from "./excerpt.ts";
import { kept, seams, summaryMessage, unsaid } from "./history.ts";
import type { Measure } from "./measure.ts";

/** Makes a compaction: in the upstream's own form where it has one. */
export type Make = (exchange: Exchange, turn: Turn) => Promise<{ item: Item } | { summary: string }>;

/** Of what the user said that much stays word for word: a part of the room that the history has. */
const SAID = 1 / 8;
const MOST_SAID = 20_000;
/** One question for a compaction may take that much of it: its answer needs room too. */
const QUESTION = 0.85;
/** Characters that are left of every text, however little room there is. */
const LEAST = 64;

export class Folder {
  readonly #measure: Measure;
  readonly #make: Make;

  constructor(measure: Measure, make: Make) {
    this.#measure = measure;
    this.#make = make;
  }

  /**
   * Compacts items, piece by piece where there are too many, each with what stands for those before. `refused`: the
   * smallest question that was too long, or all the room; `taken`: the largest that was not. A piece that no question
   * holds is told in excerpts.
   */
  async fold(exchange: Exchange, head: readonly Item[], items: readonly Item[], room: number) {
    let done: Item[] = [];
    let rest = items;
    let most = room * QUESTION;
    let longest = Number.POSITIVE_INFINITY;
    let refused = room;
    let taken = 0;
    while (rest.length > 0) {
      const [before, sizes] = [sum(await this.#measure.sizes(done)), await this.#measure.sizes(rest)];
      const take = pieceOf(rest, sizes, most - before);
      const piece = rest.slice(0, take);
      const { told, size } = await this.#told(piece, most - before, longest);
      try {
        const made = await this.#make(exchange, { ...exchange.turn, input: [...head, ...done, ...told] });
        done = [
          ...kept([...done, ...piece], Math.min(MOST_SAID, most * SAID)),
          "item" in made ? made.item : summaryMessage(made.summary),
        ];
        rest = rest.slice(take);
        longest = Number.POSITIVE_INFINITY;
        taken = Math.max(taken, before + size);
      } catch (thrown) {
        if (!(thrown instanceof Failure) || thrown.kind !== "context_window") throw thrown;
        refused = Math.min(refused, before + size);
        most = (before + size) / 2;
        if (pieceOf(rest, sizes, most - before) < take) continue;
        // What is too long about it may be what no estimate counts: its texts get shorter whatever they seem to cost.
        longest = longestIn(told) / 2;
        if (longest >= LEAST) continue;
        longest = LEAST;
        const less = unsaid(done);
        if (less.length === done.length) throw thrown;
        done = less;
      }
    }
    return { items: done, refused, taken };
  }

  /** A piece as it is, or in excerpts that are no longer than `room` if that can be, with no text longer than `longest` characters. */
  async #told(piece: readonly Item[], room: number, longest: number): Promise<{ told: readonly Item[]; size: number }> {
    for (let most = Math.min(longest, longestIn(piece)); ; most /= 2) {
      const told = piece.map((item) => excerptOf(item, most));
      const size = sum(await this.#measure.sizes(told));
      if (size <= room || most / 2 < LEAST) return { told, size };
    }
  }
}

/** The earliest seam after which no more than `room` tokens remain; the last one when the end alone is larger. */
export function cutOf(
  items: readonly Item[],
  sizes: readonly number[],
  room: number,
  after: number,
): number | undefined {
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
