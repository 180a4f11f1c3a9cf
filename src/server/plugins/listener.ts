// A plugin's event hook: hears the events it named, next to free of charge, and what it makes of them is checked.

import type { Event } from "../../core/event.ts";
import type { Exchange, Hooks } from "../../core/hooks.ts";
import { madeFault } from "./legal.ts";
import { SPIN } from "./limit.ts";
import { faultIn, type Link, type Tally } from "./link.ts";

/** One in so many calls is timed, and stands for the others. */
const SAMPLE = 16;

export class Listener {
  readonly link: Link;
  /** Place among the listeners of the chain. */
  readonly at: number;
  /** The only one of its events: then one look at the clock per stretch of events is enough to see who held the process up. */
  alone = false;
  readonly #hook: NonNullable<Hooks["events"]>;
  readonly #types: ReadonlySet<string> | undefined;
  readonly #tally: Tally;
  #stretch = 0;
  readonly #endStretch = () => {
    const took = performance.now() - this.#stretch;
    this.#stretch = 0;
    if (took >= SPIN) this.link.spun("events", took);
  };

  constructor(link: Link, hook: NonNullable<Hooks["events"]>, at: number) {
    this.link = link;
    this.at = at;
    this.#hook = hook;
    this.#types = hook.types === "all" ? undefined : new Set(hook.types);
    this.#tally = link.tally("events");
  }

  get types(): Iterable<string> | "all" {
    return this.#types ?? "all";
  }

  hears(type: string): boolean {
    return this.#types?.has(type) ?? true;
  }

  /** What the hook makes of an event; undefined leaves it as it is. Throws the failure that the exchange ends with. */
  hear(event: Event, exchange: Exchange): readonly Event[] | undefined {
    const { link } = this;
    if (link.off) throw link.refusal();
    const { turn, signal, principal, answerHeaders, wants } = exchange;
    let made: unknown;
    try {
      made = this.alone ? this.#aside(event, exchange) : this.#timed(event, exchange);
    } catch (thrown) {
      return this.#failed(thrown, exchange);
    }
    if (
      exchange.turn !== turn ||
      exchange.signal !== signal ||
      exchange.principal !== principal ||
      exchange.answerHeaders !== answerHeaders ||
      exchange.wants !== wants
    ) {
      // Too late to mean anything, and the rest of the way goes by them.
      Object.assign(exchange, { turn, signal, principal, answerHeaders, wants });
      return this.#failed(new TypeError("it changed the exchange; legal in an event hook: events"), exchange);
    }
    if (made === undefined || made === event) {
      if (this.#tally.row > 0) this.#tally.row = 0;
      return undefined;
    }
    const list = made === null ? [] : Array.isArray(made) ? ([...made] as Event[]) : [made as Event];
    const wrong = faultIn(list, () => madeFault(list, event));
    if (wrong !== undefined) return this.#failed(new TypeError(wrong), exchange);
    this.#tally.row = 0;
    return list;
  }

  /** Next to free: one look at the clock when a stretch of events begins and one at its end; a few calls stand for all. */
  #aside(event: Event, exchange: Exchange): unknown {
    if (this.#stretch === 0) {
      this.#stretch = performance.now();
      // Runs when the stretch of events that came together is through.
      queueMicrotask(this.#endStretch);
    }
    if (this.#tally.calls % SAMPLE === 0) return this.#timed(event, exchange);
    this.#tally.calls++;
    return this.#hook.handle(event, exchange);
  }

  #timed(event: Event, exchange: Exchange): unknown {
    this.#tally.calls++;
    const began = performance.now();
    try {
      return this.#hook.handle(event, exchange);
    } finally {
      const took = performance.now() - began;
      // A long one stands for itself only.
      this.#tally.ms += this.alone && took < 1 ? took * SAMPLE : took;
      if (!this.alone && took >= SPIN) this.link.spun("events", took, exchange.id);
    }
  }

  #failed(thrown: unknown, exchange: Exchange): undefined {
    this.link.threw("events", { id: exchange.id }, thrown);
    return undefined;
  }
}
