// Stop sequences on a text that comes in pieces: the text ends before the first one, and no piece of one gets out.

/** Feed it one text; what comes out may go to the client. */
export class StopFilter {
  readonly #stops: readonly string[];
  readonly #longest: number;
  #held = "";
  /** A stop sequence was met; nothing comes out any more. */
  hit = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
    this.#longest = Math.max(0, ...stops.map((stop) => stop.length));
  }

  push(text: string): string {
    if (this.hit) return "";
    if (this.#longest === 0) return text;
    const whole = this.#held + text;
    const end = this.#first(whole);
    if (end !== undefined) {
      this.hit = true;
      this.#held = "";
      return whole.slice(0, end);
    }
    const keep = this.#begun(whole);
    this.#held = whole.slice(whole.length - keep);
    return whole.slice(0, whole.length - keep);
  }

  /** What was held back, once it is certain that no stop sequence follows. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** Where the sequence begins that is complete first, so that it does not matter in which pieces the text came. */
  #first(whole: string): number | undefined {
    const ends = this.#stops.flatMap((stop) => {
      const at = whole.indexOf(stop);
      return at === -1 ? [] : [{ at, end: at + stop.length }];
    });
    ends.sort((one, other) => one.end - other.end || one.at - other.at);
    return ends[0]?.at;
  }

  /** How much of the end could be the beginning of a stop sequence. */
  #begun(whole: string): number {
    for (let length = Math.min(this.#longest - 1, whole.length); length > 0; length--) {
      const end = whole.slice(-length);
      if (this.#stops.some((stop) => stop.length > length && stop.startsWith(end))) return length;
    }
    return 0;
  }
}
