// Which account a session stays with, where there is no store to share it: in memory.

import type { Pins } from "../core/account.ts";

/** Sessions that are remembered; the least recently used are forgotten first. */
const MOST = 20_000;

export class MemoryPins implements Pins {
  readonly #pins = new Map<string, string>();

  async settle(
    _upstream: string,
    session: string,
    propose: () => string,
    may: (account: string) => boolean,
  ): Promise<string> {
    const pinned = this.#pins.get(session);
    return pinned !== undefined && may(pinned) ? pinned : propose();
  }

  async find(_upstream: string, session: string): Promise<string | undefined> {
    return this.#pins.get(session);
  }

  answered(_upstream: string, session: string, account: string): void {
    this.#pins.delete(session);
    this.#pins.set(session, account);
    if (this.#pins.size > MOST) this.#pins.delete(this.#pins.keys().next().value as string);
  }
}
