// One request's end: the client leaving or a limit running out, whichever is first, stops whatever is being waited for.

/** Is told when there is nothing more to wait for. */
export interface Stopped {
  stopped(): void;
}

export class Deadline {
  readonly #controller = new AbortController();
  /** For the transport. */
  readonly signal: AbortSignal = this.#controller.signal;
  readonly #client: AbortSignal | undefined;
  readonly #left = () => this.stop(this.#client?.reason);
  #reject: ((reason: unknown) => void) | undefined;
  /** Who reads the answer. */
  holder: Stopped | undefined;

  constructor(client: AbortSignal | undefined) {
    this.#client = client;
    if (client?.aborted) this.stop(client.reason);
    else client?.addEventListener("abort", this.#left, { once: true });
  }

  /** Waits for one step. Rejects at once when the client leaves, and with the error after `ms`; one step at a time. */
  async within<Value>(ms: number, late: () => Error, step: () => Promise<Value>): Promise<Value> {
    this.signal.throwIfAborted();
    const timer = Number.isFinite(ms) ? setTimeout(() => this.stop(late()), ms) : undefined;
    try {
      // A transport may be slow to notice its signal; the client must not wait for that.
      return await new Promise<Value>((resolve, reject) => {
        this.#reject = reject;
        step().then(resolve, reject);
      });
    } finally {
      clearTimeout(timer);
      this.#reject = undefined;
    }
  }

  stop(reason: unknown): void {
    this.#controller.abort(reason);
    this.#reject?.(reason);
    this.holder?.stopped();
    this.release();
  }

  /** Nothing more is to be waited for: the client's signal outlives us and must not hold on. */
  release(): void {
    this.#client?.removeEventListener("abort", this.#left);
  }
}
