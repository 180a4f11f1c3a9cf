// Reads the text of a custom tool out of the {"input": "…"} arguments that stand for it, while they are still being written.

const HEAD = /^\s*\{\s*"input"\s*:\s*"/;
/** Any beginning of the head: as long as it fits, nothing can be said yet. */
const HEAD_BEGINNING = /^\s*(?:\{\s*(?:"(?:i(?:n(?:p(?:u(?:t(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?$/;
const STOP = /["\\]/g;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };

/** What the arguments say, judged as a whole: the `input` of the object, or, where a model wrote freely, the bare text. */
export function inputOf(whole: string): string {
  try {
    const value = JSON.parse(whole) as unknown;
    if (typeof value === "string") return value;
    const fields = Object.values(value ?? {}) as unknown[];
    const input = (value as { input?: unknown } | null)?.input ?? (fields.length === 1 ? fields[0] : undefined);
    if (typeof input === "string") return input;
    if (input !== undefined && input !== null) return JSON.stringify(input);
  } catch {
    // Not JSON, or cut short: what could be read of it counts.
    const reader = new InputReader();
    const read = reader.push(whole);
    if (reader.inside) return read;
  }
  return whole;
}

/** A push decoder of that one string. Holds everything back while the arguments do not look as agreed. */
export class InputReader {
  #state: "head" | "string" | "done" | "other" = "head";
  #held = "";

  /** The arguments look as agreed, and text of the string was or will be given out. */
  get inside(): boolean {
    return this.#state === "string" || this.#state === "done";
  }

  /** The text that this piece of the arguments adds. */
  push(piece: string): string {
    if (this.#state === "done" || this.#state === "other") return "";
    this.#held += piece;
    if (this.#state === "head") {
      const head = HEAD.exec(this.#held);
      if (head) {
        this.#state = "string";
        this.#held = this.#held.slice(head[0].length);
      } else {
        if (!HEAD_BEGINNING.test(this.#held)) this.#state = "other";
        return "";
      }
    }
    return this.#string();
  }

  #string(): string {
    const text = this.#held;
    let out = "";
    let at = 0;
    while (at < text.length) {
      const char = text[at] as string;
      if (char === '"') {
        this.#state = "done";
        at = text.length;
      } else if (char !== "\\") {
        STOP.lastIndex = at;
        const end = STOP.exec(text)?.index ?? text.length;
        out += text.slice(at, end);
        at = end;
      } else {
        const read = escapeAt(text, at);
        if (read === undefined) break;
        out += read.char;
        at = read.end;
      }
    }
    this.#held = text.slice(at);
    return out;
  }
}

/** One escape, or a surrogate pair of two; undefined while it is incomplete, since half a pair is no text. */
function escapeAt(text: string, at: number): { char: string; end: number } | undefined {
  const kind = text[at + 1];
  if (kind === undefined) return undefined;
  if (kind !== "u") return { char: ESCAPES[kind] ?? kind, end: at + 2 };
  const unit = unitAt(text, at);
  if (unit === undefined) return undefined;
  if (unit < 0xd800 || unit > 0xdbff) return { char: String.fromCharCode(unit), end: at + 6 };
  if (text.length < at + 8) return undefined;
  if (!text.startsWith("\\u", at + 6)) return { char: String.fromCharCode(unit), end: at + 6 };
  const low = unitAt(text, at + 6);
  return low === undefined ? undefined : { char: String.fromCharCode(unit, low), end: at + 12 };
}

function unitAt(text: string, at: number): number | undefined {
  return text.length < at + 6 ? undefined : Number.parseInt(text.slice(at + 2, at + 6), 16);
}
