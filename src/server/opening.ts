// waiting → held: asks the upstream and keeps its events back until one decides whether this is an answer or a failure.

import type { Event } from "../core/event.ts";
import { Failure } from "../core/failure.ts";
import { faultOfEvent } from "../upstream/failure.ts";
import type { Answer, Source } from "../upstream/index.ts";

/** Events that promise nothing yet: a stream that has only these can still become a status (translation.md 0.9). */
const UNDECIDED = new Set([
  "",
  "response.created",
  "response.in_progress",
  "response.queued",
  "response.metadata",
  "keepalive",
  "[DONE]",
]);

export function isDecisive(type: string): boolean {
  return !UNDECIDED.has(type) && !type.startsWith("codex.") && !type.startsWith("responsesapi.");
}

/** Events that tell of trouble before the end: some providers name their error, some send it without a type. */
export function mayComplain(type: string): boolean {
  return type === "error" || type === "message";
}

/** An upstream answer on its way: what is known so far, and how to go on. */
export interface Opened {
  answer: Answer | undefined;
  held: Event[];
  /** The step that was under way when the hold ran out, or undefined. */
  pending: Promise<IteratorResult<Event[]>> | undefined;
  next(): Promise<IteratorResult<Event[]>>;
  /** The same in chunks, once the upstream answers and where it answers in chunks. */
  readonly source: Source | undefined;
  /** Leaves the upstream, whatever it still sends. */
  close(): Promise<void>;
  /** After the terminal event: reads the little that follows, so that the connection can serve another turn. */
  finish(): Promise<void>;
}

export interface Ask {
  /** One try. Rejects with a `Failure`. */
  ask(attempt: number): Promise<Answer>;
  /** Milliseconds to wait before another try, or undefined for none. */
  retry(failure: Failure, attempt: number): number | undefined;
  /** What to tell when there is no other try. */
  verdict(failure: Failure): Failure;
  /** Whether a failure before any content becomes a status; false tells it inside a stream, as the upstream's own has it or in ours. */
  asStatus(failure: Failure): boolean;
  /** Milliseconds after which the answer opens whatever is known; Infinity waits for a decisive event. */
  hold: number;
  signal: AbortSignal;
}

const HELD = Symbol("held");

/** Milliseconds that an upstream has to end its stream after the terminal event. */
const TAIL = 250;

/** Asks until something is decided. Rejects with the `Failure` that becomes the answer's status. */
export async function open(asking: Ask): Promise<Opened> {
  const holding = holdTimer(asking.hold);
  try {
    let wait = 0;
    for (let attempt = 1; ; attempt++) {
      const flow = new Flow(asking, attempt, wait);
      try {
        await flow.decide(holding.promise);
        return flow;
      } catch (thrown) {
        const failure = thrown instanceof Failure && !asking.signal.aborted ? thrown : undefined;
        const again = failure && asking.retry(failure, attempt);
        const verdict = failure && again === undefined ? asking.verdict(failure) : undefined;
        if (verdict && !asking.asStatus(verdict)) return await flow.failing(verdict);
        await flow.close();
        if (again === undefined) throw verdict ?? thrown;
        wait = again;
      }
    }
  } finally {
    holding.clear();
  }
}

class Flow implements Opened {
  answer: Answer | undefined;
  held: Event[] = [];
  pending: Promise<IteratorResult<Event[]>> | undefined;
  /** The failure that the answer itself told of, before any content. */
  told: Failure | undefined;
  /** Until the upstream was asked: a stream may last for hours, and nothing of the question is needed for it. */
  #asking: Ask | undefined;
  readonly #attempt: number;
  readonly #wait: number;
  #asked: Promise<Answer> | undefined;
  #verdict: Failure | undefined;

  constructor(asking: Ask, attempt: number, wait: number) {
    this.#asking = asking;
    this.#attempt = attempt;
    this.#wait = wait;
  }

  /** Resolves when the stream may open. */
  async decide(hold: Promise<typeof HELD>): Promise<void> {
    for (;;) {
      const step = this.next();
      const result = await Promise.race([step, hold]);
      if (result === HELD) {
        step.catch(ignored);
        this.pending = step;
        return;
      }
      if (result.done) throw cutFailure();
      const batch = result.value;
      const at = batch.findIndex((event) => isDecisive(event.type));
      this.held.push(...batch);
      if (at === -1) continue;
      this.told = faultOfEvent(batch[at] as Event);
      if (this.told) throw this.told;
      return;
    }
  }

  next(): Promise<IteratorResult<Event[]>> {
    if (this.#verdict) return Promise.reject(this.#verdict);
    return this.answer ? this.answer.events.next() : this.#begin();
  }

  get source(): Source | undefined {
    const events = this.answer?.events;
    return this.#verdict === undefined && events?.read && events.take && events.fault ? (events as Source) : undefined;
  }

  /** This answer, as one that opens and then fails; the upstream's own words for it pass as they are. */
  async failing(verdict: Failure): Promise<Opened> {
    if (this.told === verdict) return this;
    if (this.told) this.held = [];
    this.#verdict = verdict;
    await this.close();
    return this;
  }

  async #begin(): Promise<IteratorResult<Event[]>> {
    this.#asked ??= this.#ask(this.#asking as Ask);
    this.answer ??= await this.#asked;
    return this.answer.events.next();
  }

  /** The pause before another try is part of it: the hold may run out, and the stream open, meanwhile. */
  async #ask(asking: Ask): Promise<Answer> {
    this.#asking = undefined;
    const { signal } = asking;
    if (this.#wait > 0) await pause(this.#wait, signal);
    signal.throwIfAborted();
    return await asking.ask(this.#attempt);
  }

  async finish(): Promise<void> {
    const events = this.answer?.events;
    if (!events) return;
    const tail = (async () => {
      while (!(await events.next()).done);
    })().catch(ignored);
    await Promise.race([tail, Bun.sleep(TAIL)]);
    await this.close();
  }

  async close(): Promise<void> {
    await this.answer?.events.return(undefined).catch(ignored);
  }
}

/** For a rejection that somebody else is told of. */
const ignored = (): undefined => undefined;

export function cutFailure(): Failure {
  return new Failure("stream_broken", {
    code: "stream_error",
    message: "the upstream closed the stream before its answer was complete",
  });
}

function holdTimer(ms: number): { promise: Promise<typeof HELD>; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<typeof HELD>();
  const timer = Number.isFinite(ms) ? setTimeout(() => resolve(HELD), ms) : undefined;
  return { promise, clear: () => clearTimeout(timer) };
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
