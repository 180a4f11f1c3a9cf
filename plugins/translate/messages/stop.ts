// Finds a client's stop sequences in text that arrives in pieces, holding back no more than could still become one.

export interface Scanned {
  /** Text that is safe to send. */
  text: string;
  /** The sequence that was found right after `text`. */
  hit: string | undefined;
}

/** One per text block. Of several sequences the one that occurs first in the text wins. */
export class StopScanner {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  push(text: string): Scanned {
    const all = this.#held + text;
    let at = -1;
    let hit: string | undefined;
    for (const stop of this.#stops) {
      const found = all.indexOf(stop);
      if (found === -1 || (at !== -1 && found >= at)) continue;
      at = found;
      hit = stop;
    }
    if (hit !== undefined) {
      this.#held = "";
      return { text: all.slice(0, at), hit };
    }
    const keep = this.#tail(all);
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), hit: undefined };
  }

  /** What was held back, once no more text can follow. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** Length of the longest end of `text` that begins a stop sequence. */
  #tail(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
