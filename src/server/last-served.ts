// Remembers which account last answered each licence, for clients that ask about their limits without naming a session.

import type { Receipt } from "../core/receipt.ts";

/** Licences that are remembered; those that were longest silent are forgotten first. */
const MOST = 10_000;

export interface Served {
  upstream: string;
  account: string;
}

export class LastServed {
  readonly #byLicence = new Map<string, Served>();

  note({ licence, upstream, account, outcome }: Receipt): void {
    if (licence === null || upstream === null || account === null || outcome !== "ok") return;
    this.#byLicence.delete(licence);
    this.#byLicence.set(licence, { upstream, account });
    if (this.#byLicence.size > MOST) this.#byLicence.delete(this.#byLicence.keys().next().value as string);
  }

  of(licence: string): Served | undefined {
    return this.#byLicence.get(licence);
  }
}
