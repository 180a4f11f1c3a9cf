// Splits the reasoning that some models write into their text as <think>…</think> from the answer that follows it.

const OPEN = "<think>";
const CLOSE = "</think>";

export interface Split {
  reasoning: string;
  text: string;
}

/**
 * Fed with pieces of text, cut anywhere. Only a tag at the very beginning counts, or one right after a finished block: further on
 * it is part of an answer that talks about it.
 */
export class ThinkSplitter {
  #state: "start" | "inside" | "text" = "start";
  #held = "";
  #fresh = true;
  #trim = false;

  push(piece: string): Split {
    const out: Split = { reasoning: "", text: "" };
    this.#held += piece;
    while (this.#step(out));
    return out;
  }

  /** What was held back; an unfinished block is reasoning. */
  end(): Split {
    const held = this.#held;
    this.#held = "";
    if (this.#state === "inside") return { reasoning: held.trimEnd(), text: "" };
    return { reasoning: "", text: this.#trim ? held.trimStart() : held };
  }

  #step(out: Split): boolean {
    if (this.#held === "") return false;
    if (this.#state === "start") return this.#start();
    if (this.#state === "inside") return this.#inside(out);
    out.text += this.#held;
    this.#held = "";
    return false;
  }

  #start(): boolean {
    const ahead = this.#held.trimStart();
    if (ahead.startsWith(OPEN)) {
      this.#state = "inside";
      this.#fresh = true;
      this.#held = ahead.slice(OPEN.length);
      return true;
    }
    if (OPEN.startsWith(ahead)) return false;
    this.#state = "text";
    // After a block, the blank line before the answer belongs to the tag.
    if (this.#trim) this.#held = ahead;
    return true;
  }

  #inside(out: Split): boolean {
    if (this.#fresh) {
      this.#held = this.#held.trimStart();
      if (this.#held === "") return false;
      this.#fresh = false;
    }
    const close = this.#held.indexOf(CLOSE);
    if (close !== -1) {
      out.reasoning += this.#held.slice(0, close).trimEnd();
      this.#held = this.#held.slice(close + CLOSE.length);
      this.#state = "start";
      this.#trim = true;
      return true;
    }
    const keep = holdFrom(this.#held);
    out.reasoning += this.#held.slice(0, keep);
    this.#held = this.#held.slice(keep);
    return false;
  }
}

/** Where the part begins that may turn out to be the closing tag, with the space before it. */
function holdFrom(text: string): number {
  let at = text.length;
  for (let size = Math.min(CLOSE.length - 1, text.length); size > 0; size--) {
    if (text.endsWith(CLOSE.slice(0, size))) {
      at = text.length - size;
      break;
    }
  }
  return text.slice(0, at).trimEnd().length;
}
