// Draws the border around a plugin from a file: calls to it run in its container, calls from it run in the server.

import type { Hooks, Plugin } from "../core/hooks.ts";
import type { Container } from "./container.ts";

type Call = (...args: never[]) => unknown;
type Crossing = <A extends unknown[], R>(call: (...args: A) => R, ...args: A) => R;

/** The same plugin for whoever calls it: nothing of the chain needs to know that it came from a file. */
export function enclose(plugin: Plugin<never>, container: Container): Plugin<never> {
  const into: Crossing = (call, ...args) => container.run(call, ...args);
  const out: Crossing = (call, ...args) => container.leave(call, ...args);
  return {
    ...plugin,
    setup(host, options) {
      const hooks = setUp(plugin, () => into(() => plugin.setup(lent(host, out), options)));
      if (typeof hooks !== "object" || hooks === null || "then" in hooks)
        throw new Error(`plugin ${plugin.name}: its setup gave ${nameOf(hooks)}; legal are its hooks, as an object`);
      const wrong = hooksFault(hooks);
      if (wrong) throw new Error(`plugin ${plugin.name}: its ${wrong}`);
      return enclosedHooks(hooks, into);
    },
  };
}

/** What it throws names the plugin, even when that is nothing that has words. */
function setUp(plugin: Plugin<never>, setup: () => unknown): unknown {
  try {
    return setup();
  } catch (error) {
    const words = error instanceof Error ? `: ${error.message}` : ` ${nameOf(error)}`;
    throw new Error(`plugin ${plugin.name}: its setup threw${words}`, { cause: error });
  }
}

const FUNCTIONS: readonly (keyof Hooks)[] = [
  ...(["start", "authenticate", "turn", "upstream", "recover"] as const),
  ...(["answer", "failure", "settled", "dispose"] as const),
];

/** What is wrong with the form of what a setup gave. */
function hooksFault(hooks: Hooks): string | undefined {
  for (const name of FUNCTIONS)
    if (hooks[name] !== undefined && typeof hooks[name] !== "function")
      return `${name} hook is ${nameOf(hooks[name])}; legal is a function`;
  for (const name of ["dialects", "routes", "commands", "operations"] as const)
    if (hooks[name] !== undefined && !Array.isArray(hooks[name]))
      return `${name} are ${nameOf(hooks[name])}; legal is a list`;
  const { events } = hooks as { events?: { types?: unknown; handle?: unknown } | null };
  if (events === undefined) return undefined;
  const { types, handle } = events ?? {};
  const named = Array.isArray(types) && types.every((type) => typeof type === "string");
  return (types === "all" || named) && typeof handle === "function"
    ? undefined
    : 'events hook has another form; legal is { types: "all" or a list of types, handle(event, exchange) }';
}

function nameOf(value: unknown): string {
  if (typeof value !== "object") return value === undefined ? "nothing" : `a ${typeof value}`;
  if (value === null) return "null";
  return "then" in (value as object) ? "a promise" : "an object";
}

function enclosedHooks(hooks: Hooks, into: Crossing): Hooks {
  const { events, dialects, routes, commands } = hooks;
  const list = <T extends object>(of: readonly T[] | undefined) =>
    Array.isArray(of) ? of.map((each) => inside(each as T, into)) : of;
  const copy = inside(hooks, into);
  return {
    ...copy,
    ...(events && { events: inside(events, into) }),
    ...(dialects && { dialects: list(dialects) }),
    ...(routes && { routes: list(routes) }),
    ...(commands && { commands: list(commands) }),
  } as Hooks;
}

/** A copy of the object whose functions run in the container, inherited ones too: hooks may be methods of a class. */
function inside<T extends object>(object: T, into: Crossing): T {
  const copy: Record<string, unknown> = {};
  for (const name of namesOf(object)) {
    const value = (object as Record<string, unknown>)[name];
    if (typeof value !== "function") {
      copy[name] = value;
      continue;
    }
    const call = (value as Call).bind(object);
    copy[name] = gives(name)
      ? (...args: never[]) => given(into(call, ...args), into)
      : (...args: never[]) => into(call, ...args);
  }
  return copy as T;
}

function namesOf(object: object): Set<string> {
  const names = new Set<string>();
  for (let at = object; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) if (name !== "constructor") names.add(name);
  }
  return names;
}

/** Functions whose result is called again later: an encoder, a dialect that comes late, or an answer whose events are still to come. */
const gives = (name: string): boolean =>
  name === "encoder" || name === "load" || name === "turn" || name === "upstream";

function given(result: unknown, into: Crossing): unknown {
  if (typeof result !== "object" || result === null) return result;
  if (result instanceof Promise) return result.then((value) => given(value, into));
  if ("events" in result) return { ...result, events: pulled(result.events, into) };
  return inside(result, into);
}

/** Events that a plugin makes while they are read: each is asked for inside. */
function pulled(events: unknown, into: Crossing): unknown {
  const source = events as (AsyncIterable<unknown> & Iterable<unknown>) | null | undefined;
  const open = (source?.[Symbol.asyncIterator] ?? source?.[Symbol.iterator]) as Call | undefined;
  if (!open || Array.isArray(events)) return events;
  return {
    [Symbol.asyncIterator]() {
      const iterator = into(open.bind(source)) as AsyncIterator<unknown>;
      return {
        next: async () => into(() => iterator.next()),
        return: async (value?: unknown) => into(() => iterator.return?.(value)) ?? { done: true, value },
      };
    },
  };
}

/** The host as the plugin holds it: its functions run in the server, or what they open would end with the plugin. */
function lent<T extends object>(owner: T, out: Crossing): T {
  const known = new WeakMap<object, unknown>();
  const border = (value: object): unknown =>
    typeof value === "function"
      ? (...args: never[]) => out((value as Call).bind(owner), ...args)
      : isPart(value)
        ? lent(value, out)
        : value;
  return new Proxy(owner, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if ((typeof value !== "object" && typeof value !== "function") || value === null) return value;
      if (!known.has(value)) known.set(value, border(value));
      return known.get(value);
    },
  });
}

/** What has functions of its own, such as the log; a signal and a frozen value are handed over as they are. */
const isPart = (value: object): boolean => !(value instanceof EventTarget) && !Object.isFrozen(value);
