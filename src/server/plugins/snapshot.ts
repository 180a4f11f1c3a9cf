// Remembers an exchange as it was before a hook, so that one that failed half-way can be as if it had not run.

import type { Exchange } from "../../core/hooks.ts";

/** Gives what puts the exchange back. Texts are shared, so that a turn of megabytes costs its objects only. */
export function remember(exchange: Exchange): () => void {
  const { effort, upstreamName, lenientEffort } = exchange;
  const turn = copy(exchange.turn);
  const dropped = [...exchange.dropped];
  const headers = [...exchange.answerHeaders];
  return () => {
    exchange.turn = turn;
    exchange.lenientEffort = lenientEffort;
    restore(exchange, "effort", effort);
    restore(exchange, "upstreamName", upstreamName);
    exchange.dropped.clear();
    for (const path of dropped) exchange.dropped.add(path);
    for (const name of [...exchange.answerHeaders.keys()]) exchange.answerHeaders.delete(name);
    for (const [name, value] of headers) exchange.answerHeaders.append(name, value);
  };
}

function restore<K extends "effort" | "upstreamName">(exchange: Exchange, name: K, value: string | undefined): void {
  if (value === undefined) delete exchange[name];
  else exchange[name] = value;
}

/** What of an exchange is the server's own: a plugin's types say so, but its code may not know them. */
const FIXED = [
  ...(["id", "dialect", "operation", "headers", "principal", "signal", "codexClient", "stream", "strict"] as const),
  ...(["reasoning", "wants", "session", "askedModel", "dropped", "answerHeaders"] as const),
  "upstream" as const,
];

export interface Fixed {
  /** What a hook has put something else in the place of; undefined when all is as it was. */
  fault(): string | undefined;
  restore(): void;
}

export function fixedOf(exchange: Exchange): Fixed {
  const fields = exchange as unknown as Record<string, unknown>;
  const was = FIXED.map((name) => fields[name]);
  return {
    fault() {
      const changed = FIXED.find((name, at) => fields[name] !== was[at]);
      return changed && `it changed exchange.${changed}, which is not a plugin's to change`;
    },
    restore() {
      for (const [at, name] of FIXED.entries()) if (fields[name] !== was[at]) fields[name] = was[at];
    },
  };
}

/** The same value in objects of its own. */
export function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T;
  if (typeof value !== "object" || value === null) return value;
  const into: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const one = copy((value as Record<string, unknown>)[name]);
    // A plain assignment to `__proto__` would not make a field.
    if (name === "__proto__")
      Object.defineProperty(into, name, { value: one, enumerable: true, writable: true, configurable: true });
    else into[name] = one;
  }
  return into as T;
}
