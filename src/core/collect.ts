// Gathers the events of one answer into a complete Response object, for clients that did not ask for a stream.

import { BlockFold } from "./block.ts";
import type { Event } from "./event.ts";
import type { Item } from "./turn.ts";

/** Collects one response. `output` comes from the finished items, never only from the terminal event (wire/codex.md B.5). */
export class Collector {
  readonly #items: { at: number; item: Item }[] = [];
  readonly #fold = new BlockFold();
  #text = "";
  #begun: Record<string, unknown> = {};
  /** The object of the terminal event; undefined until it came. */
  #ended: Record<string, unknown> | undefined;

  push(event: Event): void {
    if (event.type === "response.created" || event.type === "response.in_progress")
      this.#begun = { ...this.#begun, ...objectOf(event.data.response) };
    else if (event.type === "response.output_item.done" && isItem(event.data.item)) {
      const { output_index: at, item } = event.data;
      this.#items.push({ at: typeof at === "number" ? at : this.#items.length, item });
    } else if (event.type === "response.output_text.delta") {
      for (const block of this.#fold.push(event)) if (block.kind === "delta") this.#text += block.text;
    } else if (event.type === "response.completed" || event.type === "response.incomplete")
      this.#ended = objectOf(event.data.response);
  }

  get complete(): boolean {
    return this.#ended !== undefined;
  }

  /** The Response object as far as the upstream told it; a dialect completes it. */
  response(type: string): Record<string, unknown> {
    const ended = this.#ended ?? {};
    const items = this.#items.toSorted((a, b) => a.at - b.at).map(({ item }) => item);
    const told = Array.isArray(ended.output) ? ended.output.filter(isItem) : [];
    return {
      ...this.#begun,
      status: type === "response.incomplete" ? "incomplete" : "completed",
      ...ended,
      output: told.length >= items.length && told.length > 0 ? told : items.length > 0 ? items : this.#bare(),
    };
  }

  /** An upstream that finishes no item still said something. */
  #bare(): Item[] {
    if (this.#text === "") return [];
    return [
      {
        type: "message",
        role: "assistant",
        status: "completed",
        content: [{ type: "output_text", text: this.#text, annotations: [] }],
      },
    ];
  }
}

/** Nonsense in a place for items is left out: no dialect could say it. */
function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
