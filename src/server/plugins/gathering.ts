// The whole of an answer that passes as a stream, for plugins that want to see it complete.

import { Collector } from "../../core/collect.ts";
import type { Event } from "../../core/event.ts";

export class Gathering {
  #collector: Collector | undefined = new Collector();

  /** An event that cannot be read passes to the client all the same; only the plugins do without the whole. */
  push(event: Event): void {
    try {
      this.#collector?.push(event);
    } catch {
      this.#collector = undefined;
    }
  }

  response(terminal: Event | undefined): Record<string, unknown> | undefined {
    return terminal && this.#collector?.complete ? this.#collector.response(terminal.type) : undefined;
  }
}
