// Remembers which ciphertexts an account could not verify: sent again with every turn, each would cost a refusal.

import { ciphertextsOf, withoutCiphertext } from "./sealed.ts";

type Body = Record<string, unknown>;

/** The oldest are forgotten first, and then refused once more. */
const MOST = 20_000;

export class Refused {
  readonly #known = new Set<string>();

  /** One of these was refused; which one the upstream does not tell. */
  note(account: string, body: Body): void {
    for (const content of ciphertextsOf(body)) this.#known.add(keyOf(account, content));
    for (const oldest of this.#known) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(oldest);
    }
  }

  /** The body with what is left for this account; the same object, unread, as long as nothing was ever refused. */
  without(account: string, body: Body): Body {
    if (this.#known.size === 0) return body;
    return withoutCiphertext(body, (content) => this.#known.has(keyOf(account, content))) ?? body;
  }
}

function keyOf(account: string, content: string): string {
  return `${account} ${Bun.hash(content)}`;
}
