// Undoes in events what `prepare` had to change: tool names and call ids. Exists only when something was changed.

import { Event, type EventData } from "../core/event.ts";
import { NAMESPACES, type Names, TOP } from "./names.ts";
import { isObject } from "./schema.ts";

/** Everything else passes untouched and unparsed. */
const CONCERNED = new Set([
  ...["response.output_item.added", "response.output_item.done", "response.function_call_arguments.done"],
  ...["response.created", "response.in_progress", "response.completed", "response.incomplete", "response.failed"],
]);

type Fields = Record<string, unknown>;

export class Restore {
  readonly #names: Names;
  readonly #callIds: ReadonlyMap<string, string>;

  constructor(names: Names, callIds: ReadonlyMap<string, string>) {
    this.#names = names;
    this.#callIds = callIds;
  }

  /** The event with the client's own words; the same event when it has none of ours. */
  event(event: Event): Event {
    if (!CONCERNED.has(event.type)) return event;
    let data: EventData;
    try {
      data = event.data;
    } catch {
      return event;
    }
    if (!isObject(data)) return event;
    const next = this.#data(data);
    return next === data ? event : Event.of(next);
  }

  /** An output or input item. */
  item<Value>(value: Value): Value {
    if (!isObject(value)) return value;
    const item: Fields = value;
    const patch: Fields = {};
    const namespace = typeof item.namespace === "string" ? this.#names.restore(NAMESPACES, item.namespace) : undefined;
    if (namespace !== item.namespace) patch.namespace = namespace;
    if (typeof item.name === "string") {
      const scope = item.type === "namespace" ? NAMESPACES : (namespace ?? TOP);
      const name = this.#names.restore(scope, item.name);
      if (name !== item.name) patch.name = name;
    }
    const callId = typeof item.call_id === "string" ? this.#callIds.get(item.call_id) : undefined;
    if (callId !== undefined) patch.call_id = callId;
    return Object.keys(patch).length === 0 ? value : { ...value, ...patch };
  }

  #data(data: EventData): EventData {
    const patch: Fields = {};
    const item = this.item(data.item);
    if (item !== data.item) patch.item = item;
    if (typeof data.name === "string") {
      const named = this.item({ name: data.name });
      if (named.name !== data.name) patch.name = named.name;
    }
    const response = this.#response(data.response);
    if (response !== data.response) patch.response = response;
    return Object.keys(patch).length === 0 ? data : { ...data, ...patch };
  }

  /** A Response object repeats the tools and the choice of its request. */
  #response(value: unknown): unknown {
    if (!isObject(value)) return value;
    const patch: Fields = {};
    for (const key of ["output", "tools"]) {
      const list = value[key];
      if (!Array.isArray(list)) continue;
      const next = list.map((entry) => this.#tool(entry));
      if (next.some((entry, at) => entry !== list[at])) patch[key] = next;
    }
    const choice = this.#choice(value.tool_choice);
    if (choice !== value.tool_choice) patch.tool_choice = choice;
    return Object.keys(patch).length === 0 ? value : { ...value, ...patch };
  }

  #tool(value: unknown): unknown {
    const named = this.item(value);
    if (!isObject(named) || !Array.isArray(named.tools)) return named;
    const space = String(named.name);
    const tools = named.tools.map((tool) => {
      if (!isObject(tool) || typeof tool.name !== "string") return tool;
      const name = this.#names.restore(space, tool.name);
      return name === tool.name ? tool : { ...tool, name };
    });
    return tools.every((tool, at) => tool === (named.tools as unknown[])[at]) ? named : { ...named, tools };
  }

  #choice(value: unknown): unknown {
    if (!isObject(value)) return value;
    const named = this.item(value);
    if (!Array.isArray(named.tools)) return named;
    const tools = named.tools.map((tool) => this.item(tool));
    return tools.every((tool, at) => tool === (named.tools as unknown[])[at]) ? named : { ...named, tools };
  }
}
