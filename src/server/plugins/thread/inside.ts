// The inside of a plugin's thread: loads the plugin, sets it up with a host that asks the server, and runs its hooks on demand.

import type { Exchange, Hooks, Host } from "../../../core/hooks.ts";
import type { Receipt } from "../../../core/receipt.ts";
import { Values } from "../../../core/values.ts";
import { type FilePlugin, loadPlugin } from "../../../plugin/load.ts";
import { boundedFetch } from "../../../upstream/bounded-fetch.ts";
import { registerHostModules } from "../../host-modules.ts";
import { changesOf, failureFrom, outcomeOf, settled } from "./carry.ts";
import {
  type CarriedExchange,
  type CarriedFailure,
  type Facts,
  type FromThread,
  type Outcome,
  type Question,
  type Start,
  THREAD_HOOKS,
  type ThreadHook,
  type ToThread,
} from "./messages.ts";

/** Exchanges whose values are kept for their later hooks. */
const MOST_EXCHANGES = 2_000;
const LEVELS = ["debug", "info", "warn", "error"] as const;

const say = (message: FromThread): void => postMessage(message);
const end = new AbortController();
const asked = new Map<number, (outcome: Outcome) => void>();
const calls = new Map<number, AbortController>();
const valuesOf = new Map<string, Values>();
let hooks: Hooks = {};
let facts: Facts;
let asks = 0;

globalThis.onmessage = ({ data }: MessageEvent<ToThread>) => {
  switch (data.is) {
    case "start":
      return void start(data).catch((error: Error) => say({ is: "refused", message: error.message }));
    case "look":
      return void see(data.path).catch((error: Error) => say({ is: "refused", message: error.message }));
    case "facts":
      facts = data.facts;
      return;
    case "call":
      return void call(data.call, data.hook, data.args);
    case "left":
      return calls.get(data.call)?.abort();
    case "told":
      asked.get(data.ask)?.(data.outcome);
      asked.delete(data.ask);
  }
};

async function see(path: string): Promise<void> {
  await registerHostModules();
  const { plugin, file } = await loadPlugin(path);
  const { setup: _, options, ...told } = plugin;
  // A schema carries symbols, which do not cross.
  const schema = options === undefined ? {} : { options: JSON.parse(JSON.stringify(options)) as unknown };
  say({ is: "seen", file, plugin: { ...told, ...schema } });
}

async function start({ path, options, facts: known, limits }: Start): Promise<void> {
  facts = known;
  await registerHostModules();
  const loaded = await loadPlugin(path);
  refuseOptions(loaded, options);
  const { plugin, container } = loaded;
  container.onError((error, kind) => {
    const { message = String(error), stack = "" } = error as Partial<Error>;
    say({ is: "late", kind, error: message, stack });
  });
  hooks = plugin.setup(hostOf(plugin.name, limits), options as never);
  const given = Object.entries(hooks).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const illegal = given.find((name) => name !== "operations" && !(THREAD_HOOKS as readonly string[]).includes(name));
  if (illegal !== undefined)
    throw new Error(
      `plugin ${plugin.name}: ${illegal} is not possible with worker: true; possible are ${THREAD_HOOKS.join(", ")}`,
    );
  say({
    is: "ready",
    hooks: given.filter((name) => name !== "operations") as ThreadHook[],
    operations: hooks.operations ?? [],
  });
}

function refuseOptions({ plugin, faults }: FilePlugin, options: unknown): void {
  const [fault] = options === undefined ? [] : faults(options);
  if (fault)
    throw new Error(`plugin ${plugin.name}: ${fault.path.join(".")}: found ${fault.found}; legal is ${fault.legal}`);
}

function hostOf(plugin: string, limits: Start["limits"]): Host {
  const ask = (what: Question, ...args: unknown[]) => question(-1, what, args);
  return {
    plugin,
    log: Object.fromEntries(
      LEVELS.map((level) => [
        level,
        (message: string, fields?: Record<string, unknown>) => log(level, message, fields),
      ]),
    ) as unknown as Host["log"],
    signal: end.signal,
    store: {
      get: async <T>(key: string) => (await ask("store.get", key)) as T | undefined,
      set: async (key, value, options) => void (await ask("store.set", key, value, options)),
      delete: async (key) => void (await ask("store.delete", key)),
      list: async (prefix) => (await ask("store.list", prefix)) as string[],
    },
    fetch: boundedFetch(limits, end.signal),
    mint: {
      id: (prefix) => prefix + Bun.randomUUIDv7("hex").replaceAll("-", ""),
      now: () => Math.floor(Date.now() / 1000),
    },
    models: {
      find: (slug) => facts.models.all.find((model) => model.slug === slug),
      all: () => facts.models.all,
      get aliases() {
        return facts.models.aliases;
      },
      get default() {
        return facts.models.default;
      },
    },
    get upstreams() {
      return facts.upstreams;
    },
    clock: Date.now,
    licences: {
      find: async (digest) => (await ask("licences.find", digest)) as never,
      count: (which = "live") => facts.licences[which],
    },
    receipts: { write: (receipt: Receipt) => say({ is: "write", receipt }) },
  };
}

function log(level: (typeof LEVELS)[number], message: string, fields?: Record<string, unknown>): void {
  try {
    say({ is: "log", level, message, fields });
  } catch {
    // Functions and the like cannot be cloned; what JSON makes of them can.
    say({ is: "log", level, message, fields: JSON.parse(JSON.stringify(fields)) as Record<string, unknown> });
  }
}

function question(call: number, what: Question, args: unknown[]): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  asked.set(asks, resolve);
  say({ is: "ask", ask: asks++, call, what, args });
  return promise.then(settled);
}

async function call(id: number, hook: ThreadHook, args: unknown[]): Promise<void> {
  const left = new AbortController();
  calls.set(id, left);
  const exchange = exchangeIn(hook, args, id, left.signal);
  const outcome = await outcomeOf(() => run(hook, args, exchange));
  calls.delete(id);
  if (hook === "settled" && exchange) valuesOf.delete(exchange.id);
  const changes = exchange && (hook === "turn" || hook === "upstream" || hook === "recover");
  try {
    say({ is: "done", call: id, outcome, ...(changes && { changed: changesOf(exchange) }) });
  } catch (error) {
    say({ is: "done", call: id, outcome: { error: `it gave something that cannot leave its thread: ${error}` } });
  }
}

function run(hook: ThreadHook, [first]: unknown[], exchange: Exchange | undefined): unknown {
  switch (hook) {
    case "authenticate": {
      const credentials = first as { headers: [string, string][] };
      return hooks.authenticate?.({ ...credentials, headers: new Headers(credentials.headers) } as never);
    }
    case "turn":
    case "upstream":
      return hooks[hook]?.(exchange as Exchange);
    case "recover":
      return hooks.recover?.(failureFrom(first as CarriedFailure), exchange as Exchange);
    case "answer":
      return answered(first as Record<string, unknown>, exchange as Exchange);
    case "settled":
      return hooks.settled?.(first as Receipt, exchange);
    case "dispose":
      end.abort();
      return hooks.dispose?.();
  }
}

/** A change in place counts as much as a returned object, and must travel back to count. */
async function answered(response: Record<string, unknown>, exchange: Exchange): Promise<unknown> {
  return (await hooks.answer?.(response, exchange)) ?? response;
}

/** The last argument of most hooks, made an exchange again. */
function exchangeIn(hook: ThreadHook, args: unknown[], call: number, signal: AbortSignal): Exchange | undefined {
  const carried =
    hook === "authenticate" || hook === "dispose" ? undefined : (args.at(-1) as CarriedExchange | undefined);
  if (!carried || (hook === "settled" && args.length < 2)) return undefined;
  const tell = (level: (typeof LEVELS)[number]) => (message: string, fields?: Record<string, unknown>) =>
    log(level, message, { id: carried.id, ...fields });
  return {
    ...carried,
    headers: new Headers(carried.headers),
    dropped: new Set(carried.dropped),
    answerHeaders: new Headers(carried.answerHeaders),
    signal,
    values: remembered(carried.id),
    log: { debug: tell("debug"), info: tell("info"), warn: tell("warn"), error: tell("error") },
    run: async (turn) => (await question(call, "run", [turn])) as Record<string, unknown>,
    compact: async (turn) => (await question(call, "compact", [turn])) as Record<string, unknown>,
    before() {
      throw new Error("exchange.before is not possible with worker: true");
    },
  };
}

function remembered(id: string): Values {
  const values = valuesOf.get(id) ?? new Values();
  valuesOf.delete(id);
  valuesOf.set(id, values);
  const [oldest] = valuesOf.keys();
  if (valuesOf.size > MOST_EXCHANGES && oldest !== undefined) valuesOf.delete(oldest);
  return values;
}
