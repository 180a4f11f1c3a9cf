// A plugin in a thread of its own, seen from the server: hooks become messages, and what takes too long is ended with its thread.

import type { Credentials, Exchange, Hooks, Log, Plugin, PluginStore } from "../../../core/hooks.ts";
import type { Receipt } from "../../../core/receipt.ts";
import type { SharedHost } from "../host.ts";
import { TimeOver, within } from "../limit.ts";
import { type ChainEntry, timeoutOf, wantsThread } from "../link.ts";
import { applyChanges, carryExchange, carryFailure, outcomeOf, settled } from "./carry.ts";
import type { Changed, Facts, FromThread, Question, ThreadHook, ToThread } from "./messages.ts";
import { INSIDE } from "./place.ts";

/** Threads that were ended because a hook took too long; then the plugin is off. */
const MOST_KILLS = 3;
/** Milliseconds that a plugin has to load and set itself up. */
const START = 10_000;
/** Milliseconds between two looks at what a thread knows of the server. */
const FRESH = 5_000;

type Chained = Exchange & { readonly lentMs?: number };

interface Call {
  hook: ThreadHook;
  args: unknown[];
  exchange: Chained | undefined;
  resolve(done: Extract<FromThread, { is: "done" }>): void;
  reject(error: Error): void;
  /** It was under way when its thread ended for another call's sake, and runs once more. */
  again: boolean;
}

/** The same entries, those that want it in threads of their own. Rejects when one cannot run there; then none is left running. */
export async function inThreads(entries: readonly ChainEntry[], shared: SharedHost): Promise<ChainEntry[]> {
  const started = await Promise.allSettled(
    entries.map((entry) => (wantsThread(entry) ? inThread(entry, shared) : entry)),
  );
  const failed = started.find((one) => one.status === "rejected");
  if (!failed) return started.map((one) => (one as PromiseFulfilledResult<ChainEntry>).value);
  for (const one of started) if (one.status === "fulfilled") one.value.thread?.end();
  throw failed.reason;
}

async function inThread(entry: ChainEntry, shared: SharedHost): Promise<ChainEntry> {
  const { plugin, file, options } = entry;
  if (file === undefined)
    throw new Error(`plugin ${plugin.name}: worker: true is for plugins from files, and this one is built in`);
  const started = await PluginThread.start({ path: file, plugin, options, shared, timeout: timeoutOf(entry) });
  return { ...entry, ...started, worker: true };
}

interface ThreadSetting {
  path: string;
  plugin: Plugin<never>;
  options: unknown;
  /** Milliseconds per call. */
  timeout: number;
  shared: SharedHost;
}

/** What its link does for it. */
interface ThreadOwner {
  log(level: keyof Log, message: string, fields: Record<string, unknown>): void;
  /** It cannot be kept alive. */
  giveUp(reason: string): void;
  store: PluginStore;
}

export class PluginThread {
  readonly #setting: ThreadSetting;
  readonly #calls = new Map<number, Call>();
  #owner: ThreadOwner | undefined;
  #worker: Worker | undefined;
  #ready: Promise<Extract<FromThread, { is: "ready" }>> | undefined;
  #told = "";
  #toldAt = 0;
  #next = 0;
  #kills = 0;
  #ended = false;

  private constructor(setting: ThreadSetting) {
    this.#setting = setting;
  }

  /** The plugin with its hooks, which the chain calls like any other's. Rejects with what keeps it from running there. */
  static async start(setting: ThreadSetting): Promise<{ plugin: Plugin<never>; thread: PluginThread }> {
    const thread = new PluginThread(setting);
    try {
      const { hooks, operations } = await thread.#started();
      return { plugin: { ...setting.plugin, setup: () => thread.#hooks(hooks, operations) }, thread };
    } catch (error) {
      thread.end();
      throw error;
    }
  }

  own(owner: ThreadOwner): void {
    this.#owner = owner;
  }

  #hooks(names: readonly ThreadHook[], operations: readonly string[]): Hooks {
    const all: Required<Pick<Hooks, ThreadHook>> = {
      authenticate: ({ headers, ...rest }: Credentials) =>
        this.#call("authenticate", [{ ...rest, headers: [...headers] }]) as never,
      turn: (exchange) => this.#call("turn", [], exchange) as never,
      upstream: (exchange) => this.#call("upstream", [], exchange) as never,
      recover: (failure, exchange) => this.#call("recover", [carryFailure(failure)], exchange) as never,
      answer: (response, exchange) => this.#call("answer", [response], exchange) as never,
      settled: (receipt: Receipt, exchange) => this.#call("settled", [receipt], exchange) as never,
      dispose: () => this.#call("dispose", []) as never,
    };
    const hooks = Object.fromEntries(names.map((name) => [name, all[name]])) as Hooks;
    return { ...hooks, ...(operations.length > 0 && { operations }) };
  }

  async #call(hook: ThreadHook, args: unknown[], exchange?: Chained): Promise<unknown> {
    const all = exchange ? [...args, carryExchange(exchange)] : args;
    await this.#started();
    this.#refresh();
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<Extract<FromThread, { is: "done" }>>();
    const call: Call = { hook, args: all, exchange, resolve, reject, again: false };
    const left = () => this.#send({ is: "left", call: id });
    exchange?.signal.addEventListener("abort", left, { once: true });
    this.#calls.set(id, call);
    try {
      this.#send({ is: "call", call: id, hook, args: all });
      const { outcome, changed } = await this.#patiently(id, call, promise);
      const value = settled(outcome);
      if (changed && exchange) applyChanges(exchange, changed as Changed);
      return value;
    } finally {
      this.#calls.delete(id);
      exchange?.signal.removeEventListener("abort", left);
    }
  }

  /** A call that waited behind another one's spin has its own time yet, in the next thread. */
  async #patiently<T>(id: number, call: Call, promise: Promise<T>): Promise<T> {
    const { timeout } = this.#setting;
    const lent = call.exchange?.lentMs ?? 0;
    for (;;) {
      try {
        return await within(promise, timeout, () => (call.exchange?.lentMs ?? 0) - lent);
      } catch (thrown) {
        if (!(thrown instanceof TimeOver)) throw thrown;
        if (call.again) {
          call.again = false;
          // The time that the next thread takes to start is not the call's.
          await this.#started().catch(() => undefined);
          continue;
        }
        this.#calls.delete(id);
        this.#kill(`its ${call.hook} hook took longer than ${timeout / 1000} s`);
        throw new TimeOver(`it took longer than ${timeout / 1000} s, and its thread was ended`);
      }
    }
  }

  /** Ends the thread, and takes what else was under way into a new one. */
  #kill(reason: string): void {
    this.#stop();
    this.#kills++;
    this.#owner?.log("warn", "a plugin's thread was ended", { reason, times: this.#kills });
    if (this.#kills >= MOST_KILLS) {
      this.#owner?.giveUp(`its thread had to be ended ${this.#kills} times; the last time ${reason}`);
      this.#kills = MOST_KILLS - 1;
    }
    this.#resume(reason);
  }

  #resume(reason: string): void {
    const waiting = [...this.#calls].filter(([, call]) => !call.again);
    for (const [id, call] of this.#calls)
      if (call.again || call.hook === "dispose") {
        this.#calls.delete(id);
        call.reject(new Error(`its thread ended: ${reason}`));
      }
    if (waiting.length === 0) return;
    for (const [, call] of waiting) call.again = true;
    this.#started().then(
      () => {
        for (const [id, { hook, args }] of waiting)
          if (this.#calls.has(id)) this.#send({ is: "call", call: id, hook, args });
      },
      (error: Error) => {
        for (const [, call] of waiting) call.reject(error);
      },
    );
  }

  #stop(): void {
    this.#ready = undefined;
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.terminate();
  }

  #started(): Promise<Extract<FromThread, { is: "ready" }>> {
    if (this.#ended) return Promise.reject(new Error("its thread has ended"));
    this.#ready ??= this.#launch();
    return this.#ready;
  }

  async #launch(): Promise<Extract<FromThread, { is: "ready" }>> {
    const { path, plugin, options, shared } = this.#setting;
    const { promise, resolve, reject } = Promise.withResolvers<Extract<FromThread, { is: "ready" }>>();
    const worker = new Worker(INSIDE, { name: `plugin ${plugin.name}` });
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<FromThread>) => {
      if (data.is === "ready") resolve(data);
      else if (data.is === "refused") reject(new Error(data.message));
      else this.#heard(data);
    });
    const gone = (why: string) => {
      reject(new Error(`its thread ended: ${why}`));
      if (this.#worker !== worker) return;
      this.#stop();
      this.#owner?.log("error", "a plugin's thread ended by itself", { error: why });
      this.#resume(why);
    };
    worker.addEventListener("error", (event) => gone(event.message));
    worker.addEventListener("close", () => gone("nobody ended it"));
    const facts = factsOf(shared);
    this.#told = JSON.stringify(facts);
    this.#toldAt = performance.now();
    this.#send({ is: "start", path, options, facts, limits: shared.limits ?? NO_LIMITS });
    try {
      return await within(promise, START);
    } catch (error) {
      if (this.#worker === worker) this.#stop();
      throw error instanceof TimeOver
        ? new Error(`plugin ${plugin.name}: it was not set up after ${START / 1000} s`)
        : error;
    }
  }

  #refresh(): void {
    const now = performance.now();
    if (now - this.#toldAt < FRESH) return;
    this.#toldAt = now;
    const facts = factsOf(this.#setting.shared);
    const told = JSON.stringify(facts);
    if (told === this.#told) return;
    this.#told = told;
    this.#send({ is: "facts", facts });
  }

  #send(message: ToThread): void {
    this.#worker?.postMessage(message);
  }

  #heard(message: Exclude<FromThread, { is: "ready" | "refused" }>): void {
    switch (message.is) {
      case "done":
        return this.#calls.get(message.call)?.resolve(message);
      case "ask":
        return void this.#answer(message.ask, message.call, message.what, message.args);
      case "write":
        return this.#setting.shared.receipts.write(message.receipt as Receipt);
      case "log":
        return this.#owner?.log(message.level, message.message, message.fields ?? {});
      case "late": {
        const { kind, error, stack } = message;
        return this.#owner?.log("error", "a plugin's error came when nobody waited for it", { kind, error, stack });
      }
    }
  }

  async #answer(ask: number, call: number, what: Question, args: unknown[]): Promise<void> {
    const outcome = await outcomeOf(() => this.#answerTo(what, args, this.#calls.get(call)?.exchange));
    this.#send({ is: "told", ask, outcome });
  }

  #answerTo(what: Question, args: unknown[], exchange: Exchange | undefined): unknown {
    const [first, second, third] = args as [never, never, never];
    const store = this.#owner?.store;
    switch (what) {
      case "store.get":
        return store?.get(first);
      case "store.set":
        return store?.set(first, second, third);
      case "store.delete":
        return store?.delete(first);
      case "store.list":
        return store?.list(first);
      case "licences.find":
        return this.#setting.shared.licences.find(first);
      case "run":
      case "compact":
        if (!exchange) throw new Error("the exchange is over");
        return exchange[what](first);
    }
  }

  end(): void {
    this.#ended = true;
    this.#stop();
    for (const [, call] of this.#calls) call.reject(new Error("its thread has ended"));
    this.#calls.clear();
  }
}

const NO_LIMITS = { connect: 10_000, firstByte: 300_000, idle: 300_000 };

function factsOf({ models, upstreams, licences }: SharedHost): Facts {
  return {
    models: {
      // A live entry's own text is for lists of models, and long.
      all: models.all().map(({ raw: _, ...model }) => model),
      aliases: models.aliases,
      default: models.default,
    },
    upstreams: upstreams.map(({ name, wire, kind }) => ({ name, wire, kind })),
    licences: { live: licences.count("live"), ever: licences.count("ever") },
  };
}
