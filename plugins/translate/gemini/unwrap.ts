// Takes an answer out of the object that it had to be wrapped in, while it streams (format.ts wraps the schema).

const OPENING = /^\s*\{\s*"value"\s*:\s*/;

/** Feed it one JSON text of the form `{"value": …}`; out comes the value, as JSON or, for an enumeration, as plain text. */
export class Unwrap {
  readonly #plain: boolean;
  #inside = false;
  #held = "";

  constructor(to: "json" | "text") {
    this.#plain = to === "text";
  }

  push(text: string): string {
    this.#held += text;
    // One word needs no streaming, and only the whole of it can be unquoted.
    if (this.#plain) return "";
    if (!this.#inside) {
      const opening = OPENING.exec(this.#held);
      if (!opening || opening[0].length === this.#held.length) return "";
      this.#inside = true;
      this.#held = this.#held.slice(opening[0].length);
    }
    const end = closingFrom(this.#held);
    const value = this.#held.slice(0, end);
    this.#held = this.#held.slice(end);
    return value;
  }

  /** The rest. A text that is not of that form comes out as it is. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    if (this.#plain) return plainOf(rest);
    if (!this.#inside) return rest;
    const trimmed = rest.trimEnd();
    return trimmed.endsWith("}") ? trimmed.slice(0, -1).trimEnd() : rest;
  }
}

/** Where the braces and blanks at the end begin: one of them closes the wrapping. */
function closingFrom(text: string): number {
  let at = text.length;
  while (at > 0 && " \t\r\n}".includes(text[at - 1] as string)) at--;
  return at;
}

function plainOf(json: string): string {
  try {
    const { value } = JSON.parse(json) as { value: unknown };
    return typeof value === "string" ? value : JSON.stringify(value ?? null);
  } catch {
    return json;
  }
}
