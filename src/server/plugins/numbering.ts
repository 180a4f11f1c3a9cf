// Keeps the numbers of a stream growing by what plugins add to it, hold back and send on: nobody who writes one has numbers to give.

import { Event } from "../../core/event.ts";

export class Numbering {
  /** The last number that was given here. */
  #last = -1;
  /** How far the numbers are ahead of the upstream's. */
  #ahead = 0;

  /** The events in the place of one, as the chain has made them; undefined for the event itself, as it came. */
  place(event: Event, made: readonly Event[] | undefined): readonly Event[] | undefined {
    if (made === undefined && this.#ahead === 0) return undefined;
    const own = numberOf(event);
    if (own === undefined) return made;
    const placed = (made ?? [event]).map((one) => this.#numbered(one, own));
    this.#ahead = Math.max(0, this.#last - own);
    return placed;
  }

  #numbered(event: Event, own: number): Event {
    this.#last = Math.max(own, this.#last + 1);
    return numberOf(event) === this.#last ? event : Event.of({ ...event.data, sequence_number: this.#last });
  }
}

/** Undefined for what has none: comments, the sentinel of other wires, data that is broken. */
function numberOf(event: Event): number | undefined {
  if (event.type === "" || event.type === "[DONE]") return undefined;
  try {
    const { sequence_number: number } = event.data;
    return typeof number === "number" ? number : undefined;
  } catch {
    return undefined;
  }
}
