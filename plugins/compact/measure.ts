// How long a turn is, counted exactly only where it may matter, and only what is new since the turn before.

import { createHash } from "node:crypto";
import { countTokens, type Item, roughTokens, type Turn } from "codexd/plugin";

export interface Size {
  /** Instructions, tools and whatever stands before the history. */
  base: number;
  total: number;
}

/** Items are counted in runs of that many: a history that grew at its end shares all but its last runs with the one before. */
const RUN = 16;
const REMEMBERED = 20_000;

export class Measure {
  readonly #counts = new Map<string, number>();

  /** Whether a turn is longer than this many tokens. A text has never more tokens than characters, and mostly a quarter. */
  async exceeds(turn: Turn, head: number, limit: number): Promise<boolean> {
    if (roughTokens(turn) * 4 < limit) return false;
    return (await this.count(turn, head)).total >= limit;
  }

  async count(turn: Turn, head: number): Promise<Size> {
    const { input, ...rest } = turn;
    const base = await this.#counted({ ...rest, input: input.slice(0, head) } as Turn);
    let total = base;
    for (let at = head; at < input.length; at += RUN) total += await this.#items(input.slice(at, at + RUN));
    return { base, total };
  }

  /** Each item's own. */
  async sizes(items: readonly Item[]): Promise<number[]> {
    const sizes: number[] = [];
    for (const item of items) sizes.push(await this.#items([item]));
    return sizes;
  }

  #items(input: Item[]): Promise<number> {
    return this.#counted({ model: "", input });
  }

  async #counted({ model: _, input, instructions, tools, text }: Turn): Promise<number> {
    const key = createHash("sha256")
      .update(JSON.stringify([input, instructions, tools, text]))
      .digest("base64");
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const counted = await countTokens({
      model: "",
      input,
      ...(instructions ? { instructions } : {}),
      ...(tools ? { tools } : {}),
      ...(text ? { text } : {}),
    });
    if (this.#counts.size >= REMEMBERED) this.#counts.clear();
    this.#counts.set(key, counted);
    return counted;
  }
}
