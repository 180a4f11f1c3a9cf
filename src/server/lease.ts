// Counts who still needs a gateway, so that it is disposed of when the last of them is done, and not before.

export class Lease {
  #holders = 0;
  #retired = false;
  readonly #free = Promise.withResolvers<void>();

  /** Holds the gateway; gives what lets go of it, once. */
  take(): () => void {
    this.#holders++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders--;
      this.#settle();
    };
  }

  /** Nobody new will come; resolves when the last holder has let go. */
  retire(): Promise<void> {
    this.#retired = true;
    this.#settle();
    return this.#free.promise;
  }

  #settle(): void {
    if (this.#retired && this.#holders === 0) this.#free.resolve();
  }
}
