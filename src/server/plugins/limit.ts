// How long a hook may take: the time limit of promises, and a watch that notices who held the process up meanwhile.

/** A synchronous stretch of this many milliseconds is a spin: every stream of the process stood still. */
export const SPIN = 250;

/** Thrown by `within`. */
export class TimeOver extends Error {
  override readonly name = "TimeOver";
}

/**
 * Waits for a promise, at most `ms`. `lent`: milliseconds of that time that were not the hook's own but the upstream's, which has limits of
 * its own. What the promise comes to after the limit is nobody's business.
 */
export async function within<T>(promise: PromiseLike<T>, ms: number, lent: () => number = () => 0): Promise<T> {
  if (!Number.isFinite(ms)) return await promise;
  const began = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      const look = (): void => {
        const left = ms - (performance.now() - began - lent());
        // Timers may fire a little early.
        if (left <= 1) reject(new TimeOver(`it took longer than ${ms / 1000} s`));
        else timer = setTimeout(look, left);
      };
      timer = setTimeout(look, ms);
      promise.then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Whose promise is being waited for. */
export interface Waiting {
  /** Held the process up for `ms`; `certain` when nobody else could have. */
  stalled(ms: number, certain: boolean): void;
  readonly plugin: string;
}

const BEAT = 100;

/**
 * A hook that spins after its first `await` is out of its caller's sight: while hooks are being waited for, a clock notices that the process
 * stood still, and names them. It ticks only as long as there are some.
 */
export class StallWatch {
  readonly #waiting = new Map<Waiting, number>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #due = 0;
  /** Stretches that somebody was found to have caused already. */
  #known = 0;

  enter(one: Waiting): void {
    this.#waiting.set(one, (this.#waiting.get(one) ?? 0) + 1);
    if (this.#timer) return;
    this.#due = performance.now() + BEAT;
    this.#known = 0;
    this.#timer = setInterval(() => this.#tick(), BEAT);
    this.#timer.unref();
  }

  leave(one: Waiting): void {
    // The promise may have settled in the very stretch that held the clock up.
    if (performance.now() - this.#due > SPIN) this.#tick();
    const left = (this.#waiting.get(one) ?? 1) - 1;
    if (left > 0) this.#waiting.set(one, left);
    else this.#waiting.delete(one);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A synchronous call of this length was measured where it happened. */
  explain(ms: number): void {
    this.#known += ms;
  }

  #tick(): void {
    const now = performance.now();
    const late = now - this.#due - this.#known;
    this.#due = now + BEAT;
    this.#known = 0;
    if (late < SPIN) return;
    const names = new Set([...this.#waiting.keys()].map(({ plugin }) => plugin));
    for (const one of this.#waiting.keys()) one.stalled(late, names.size === 1);
  }
}
