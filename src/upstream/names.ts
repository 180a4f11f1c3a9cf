// Tool names that the wire takes, unique, and the way back to the client's own.

const LEGAL = /^[a-zA-Z0-9_-]{1,64}$/;
const LONGEST = 64;

/** The scope of top-level tools. Tools inside a namespace have a scope of their own, named after it. */
export const TOP = "";
/** The scope of the namespaces themselves. */
export const NAMESPACES = "\0namespaces";

/** Gives every illegal name a legal one and remembers both. One per request. */
export class Names {
  readonly #fitted = new Map<string, Map<string, string>>();
  readonly #taken = new Map<string, Set<string>>();
  readonly #original = new Map<string, Map<string, string>>();
  /** The last number that was given to each name; without it thousands of like names cost their square. */
  readonly #counts = new Map<string, Map<string, number>>();

  /** Keeps a legal name free for its owner; call for all names before `fit`. */
  reserve(scope: string, name: unknown): void {
    if (typeof name === "string" && LEGAL.test(name)) setOf(this.#taken, scope).add(name);
  }

  /** The name as the wire takes it. */
  fit(scope: string, name: string): string {
    if (LEGAL.test(name)) return name;
    const known = this.#fitted.get(scope)?.get(name);
    if (known !== undefined) return known;
    const fitted = unique(shorten(name), setOf(this.#taken, scope), mapOf(this.#counts, scope));
    setOf(this.#taken, scope).add(fitted);
    mapOf(this.#fitted, scope).set(name, fitted);
    mapOf(this.#original, scope).set(fitted, name);
    return fitted;
  }

  /** The client's name for one that came back. */
  restore(scope: string, name: string): string {
    return this.#original.get(scope)?.get(name) ?? name;
  }

  get changed(): boolean {
    return this.#original.size > 0;
  }
}

/** `mcp__server__tool` keeps `mcp__` and the tool, which is what the model goes by. */
function shorten(name: string): string {
  const clean = name.replaceAll(/[^a-zA-Z0-9_-]/g, "_") || "tool";
  if (clean.length <= LONGEST) return clean;
  const last = clean.startsWith("mcp__") ? clean.lastIndexOf("__") : -1;
  const short = last > 4 && last + 2 < clean.length ? `mcp__${clean.slice(last + 2)}` : clean;
  return short.slice(0, LONGEST);
}

function unique(name: string, taken: ReadonlySet<string>, counts: Map<string, number>): string {
  if (!taken.has(name)) return name;
  for (let count = (counts.get(name) ?? 0) + 1; ; count++) {
    const tail = `_${count}`;
    const next = name.slice(0, LONGEST - tail.length) + tail;
    if (taken.has(next)) continue;
    counts.set(name, count);
    return next;
  }
}

function setOf(sets: Map<string, Set<string>>, scope: string): Set<string> {
  const set = sets.get(scope) ?? new Set();
  sets.set(scope, set);
  return set;
}

function mapOf<Value>(maps: Map<string, Map<string, Value>>, scope: string): Map<string, Value> {
  const map = maps.get(scope) ?? new Map<string, Value>();
  maps.set(scope, map);
  return map;
}
