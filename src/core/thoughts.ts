// The parts of one reasoning item as they grow: by their index, by their ends, or only when the whole item comes.

/** What was said of each part, in order. Only the last one may still grow. */
export class Thoughts {
  readonly #parts: string[] = [];
  #growing = false;
  /** The index that the upstream gave the last part, if any. */
  #key: string | undefined;

  /** Adds to the part of this key. Returns whether that begins another part after the first. */
  say(key: string | undefined, said: string): boolean {
    const grows = this.#growing && (key === undefined || key === this.#key);
    if (!grows) {
      this.#parts.push("");
      this.#growing = true;
      this.#key = key;
    }
    this.#parts[this.#parts.length - 1] += said;
    return !grows && this.#parts.length > 1;
  }

  /** The end of a part that was `whole`: returns what is missing of it, as the arguments of `say`. */
  end(key: string | undefined, whole: string): [key: string | undefined, rest: string] {
    const last = this.#parts.at(-1);
    if (this.#growing && (key === undefined || this.#key === undefined || key === this.#key)) {
      return [this.#key, missing(last ?? "", whole)];
    }
    // The same part is ended twice, by its text and as a part; only the first counts.
    const again = last === whole || (key !== undefined && key === this.#key);
    return [key, again ? "" : whole];
  }

  /** Nothing more comes for the last part; `key` is its index where its end told one. */
  close(key: string | undefined): void {
    this.#growing = false;
    this.#key = key ?? this.#key;
  }

  /** What the finished item has beyond what was said. Nothing when it says something else. */
  lacking(texts: readonly string[]): string[] {
    if (this.#parts.some((part, at) => !texts[at]?.startsWith(part))) return [];
    const known = this.#parts.length;
    this.#growing = known > 0;
    this.#key = undefined;
    // An earlier part that was cut short stays so: it can no longer grow.
    const tail = known > 0 ? [missing(this.#parts[known - 1] as string, texts[known - 1] as string)] : [];
    if (tail[0] === "") {
      this.#growing = false;
      tail.pop();
    }
    return [...tail, ...texts.slice(known)];
  }
}

/** What of `whole` was not sent yet. Nothing when the deltas said something else: never contradict what the client already has. */
export function missing(sent: string, whole: string): string {
  return whole.startsWith(sent) ? whole.slice(sent.length) : "";
}
