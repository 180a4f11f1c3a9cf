// One plugin of the chain at work: calls its hooks under its time limit and policy, keeps count, and switches it off when it keeps failing.

import { Failure } from "../../core/failure.ts";
import type { Hooks, Host, OnError, Plugin } from "../../core/hooks.ts";
import { hostFor, type SharedHost } from "./host.ts";
import { failureFault } from "./legal.ts";
import { SPIN, type StallWatch, type Waiting, within } from "./limit.ts";
import { hide, secretsIn } from "./secrets.ts";
import type { PluginThread } from "./thread/thread.ts";

export interface ChainEntry {
  plugin: Plugin<never>;
  /** As the plugin's schema has checked them. */
  options: unknown;
  /** Where it was loaded from; a built-in one has none. */
  file?: string | undefined;
  /** What the configuration says of it; it wins over the plugin's own wishes. */
  onError?: OnError | undefined;
  /** Milliseconds. */
  timeout?: number | undefined;
  worker?: boolean | undefined;
  /** The thread that it runs in, when it has one of its own: then the plugin's hooks lead there. */
  thread?: PluginThread;
}

export type HookName =
  | "authenticate"
  | "turn"
  | "upstream"
  | "recover"
  | "before"
  | "events"
  | "answer"
  | "reply"
  | "failure"
  | "settled"
  | "dialect"
  | "route"
  | "dispose";

/** What a hook was called for, as its errors name it. */
export interface Subject {
  /** Request id. */
  id?: string | undefined;
  /** Texts of the request that no log line may repeat. */
  keys?: readonly string[];
  /** Milliseconds that the hook has waited for inner turns of its own. */
  lent?(): number;
  /** Aborted when the client leaves: then nobody waits for the hook any more. */
  signal?: AbortSignal;
  /** Puts back what the hook changed before it failed. */
  undo?: (() => void) | undefined;
}

export interface Tally {
  calls: number;
  errors: number;
  /** Milliseconds, waiting included. */
  ms: number;
  /** Errors since the last call that went well. */
  row: number;
}

export interface Off {
  reason: string;
  /** When it gets another chance, on the clock of `performance.now()`. */
  until: number;
}

/** The hook failed and its plugin's policy is `skip`: go on as if it had not run. */
export const SKIPPED = Symbol("skipped");

/** Milliseconds, where neither the configuration nor the plugin says otherwise. */
const TIMEOUT = 5_000;
const MOST_ERRORS = 5;
const MOST_SPINS = 3;
/** Spins that far apart, in milliseconds, are not counted together. */
const SPINS_WITHIN = 60_000;
/** Milliseconds after which a plugin that was switched off gets one more chance: what it needs may be there again. */
const REST = 30_000;

/** Whether an entry wants a thread; the configuration's word before the plugin's own. */
export function wantsThread({ worker, plugin }: ChainEntry): boolean {
  return worker ?? plugin.worker ?? false;
}

/** Milliseconds that one call of a hook may take. */
export function timeoutOf({ timeout, plugin }: ChainEntry): number {
  return timeout ?? plugin.timeout ?? TIMEOUT;
}

export class Link {
  readonly name: string;
  readonly hooks: Hooks;
  readonly policy: OnError;
  readonly timeout: number;
  readonly entry: ChainEntry;
  /** What the plugin has of the server. */
  readonly host: Host;
  readonly tallies = new Map<HookName, Tally>();
  /** Texts of its options that nobody may read. */
  readonly secrets: readonly string[];
  off: Off | undefined;
  readonly #shared: SharedHost;
  readonly #end: AbortController;
  readonly #watch: StallWatch;
  readonly #switched: () => void;
  readonly #waiting = new Map<HookName, Waiting>();
  #spins: number[] = [];

  /** Sets the plugin up. `switched` is called when it goes off or on. */
  constructor(entry: ChainEntry, shared: SharedHost, watch: StallWatch, switched: () => void) {
    const { plugin, options } = entry;
    this.entry = entry;
    this.name = plugin.name;
    this.timeout = timeoutOf(entry);
    this.secrets = secretsIn(plugin.options, options);
    this.#shared = shared;
    this.#watch = watch;
    this.#switched = switched;
    const [host, end] = hostFor(this.name, shared, this.secrets);
    this.#end = end;
    this.host = host;
    this.hooks = plugin.setup(host, options as never);
    entry.thread?.own({
      log: (level, message, fields) => host.log[level](message, fields),
      store: host.store,
      giveUp: (reason) => this.#switchOff(reason),
    });
    this.policy = entry.onError ?? plugin.onError ?? (this.hooks.authenticate ? "fail" : "skip");
  }

  get builtIn(): boolean {
    return this.entry.file === undefined;
  }

  /**
   * Calls a hook, and gives what it returned once `fault` finds nothing wrong with it. An error of the plugin is `SKIPPED` or, by its
   * policy, a thrown `Failure`; a `Failure` that the hook throws is its decision. A promise only where the hook gave one.
   */
  call<T>(
    hook: HookName,
    subject: Subject,
    run: () => T | PromiseLike<T>,
    fault: (value: unknown) => string | undefined,
  ): T | typeof SKIPPED | Promise<T | typeof SKIPPED> {
    const tally = this.tally(hook);
    tally.calls++;
    const began = performance.now();
    let value: T | PromiseLike<T>;
    let waits: boolean;
    try {
      value = run();
      // Asking may run code of the plugin too.
      waits = isPromise(value);
    } catch (thrown) {
      tally.ms += this.#measured(hook, subject, began);
      return this.threw(hook, subject, thrown);
    }
    const took = this.#measured(hook, subject, began);
    if (waits) return this.#awaited(hook, subject, value as PromiseLike<T>, began, fault);
    tally.ms += took;
    return this.#judged(hook, subject, value as T, fault);
  }

  async #awaited<T>(
    hook: HookName,
    subject: Subject,
    promise: PromiseLike<T>,
    began: number,
    fault: (value: unknown) => string | undefined,
  ): Promise<T | typeof SKIPPED> {
    const waiting = this.builtIn || this.entry.thread ? undefined : this.#waitingOn(hook);
    if (waiting) this.#watch.enter(waiting);
    let value: T;
    try {
      // A thread keeps its own time: it is ended, which a promise cannot be.
      value = await within(
        orLeft(promise, subject.signal),
        this.entry.thread ? Number.POSITIVE_INFINITY : this.timeout,
        subject.lent,
      );
    } catch (thrown) {
      if (subject.signal?.aborted) throw thrown;
      return this.threw(hook, subject, thrown);
    } finally {
      if (waiting) this.#watch.leave(waiting);
      this.tally(hook).ms += performance.now() - began;
    }
    return this.#judged(hook, subject, value, fault);
  }

  #judged<T>(hook: HookName, subject: Subject, value: T, fault: (value: unknown) => string | undefined) {
    const wrong = faultIn(value, fault);
    if (wrong !== undefined) return this.threw(hook, subject, new TypeError(wrong));
    const tally = this.tally(hook);
    if (tally.row > 0) tally.row = 0;
    return value;
  }

  /** What a hook threw: a failure goes on as it is, anything else by the policy. */
  threw(hook: HookName, subject: Subject, thrown: unknown): typeof SKIPPED {
    const what = decisionIn(thrown, this.secrets);
    if (what instanceof Failure) throw what;
    const failure = this.failed(hook, subject, what);
    subject.undo?.();
    if (this.policy === "fail") throw failure;
    return SKIPPED;
  }

  /** The same where nothing can take the plugin's place, whatever its policy. */
  fatal(hook: HookName, subject: Subject, thrown: unknown): Failure {
    const what = decisionIn(thrown, this.secrets);
    return what instanceof Failure ? what : this.failed(hook, subject, what);
  }

  /** Counts and logs an error of the plugin; gives the failure of an exchange that cannot go on without it. */
  failed(hook: HookName, subject: Subject, error: unknown): Failure {
    const tally = this.tally(hook);
    tally.errors++;
    this.log("error", "a plugin failed", { hook, ...this.#told(error, subject) });
    if (++tally.row >= MOST_ERRORS) this.#switchOff(`its ${hook} hook failed ${tally.row} times in a row`);
    return new Failure("internal", {
      code: "plugin_failed",
      message: `the plugin ${this.name} failed in its ${hook} hook; the server's log has the error under this request's id`,
    });
  }

  #told(error: unknown, { id, keys = [] }: Subject): Record<string, unknown> {
    return hide({ id, ...wordsOf(error) }, [...this.secrets, ...keys]);
  }

  /** An error of the plugin came when no call of ours was there to catch it. */
  late(error: unknown, kind: string): void {
    this.log("error", "a plugin's error came when nobody waited for it", { kind, ...this.#told(error, {}) });
  }

  /** A line of the server's log that names the plugin. */
  log(level: "info" | "warn" | "error", message: string, fields: Record<string, unknown>): void {
    this.#shared.log[level](message, { plugin: this.name, ...fields });
  }

  /** Does what a hook has put off (`exchange.before`), in the plugin's name: an error of it fails the exchange, since nothing was done. */
  async work(exchange: { readonly id: string; readonly lentMs: number }, work: () => Promise<void>): Promise<void> {
    const lent = exchange.lentMs;
    const tally = this.tally("before");
    tally.calls++;
    const began = performance.now();
    try {
      await within(work(), this.timeout, () => exchange.lentMs - lent);
      tally.row = 0;
    } catch (thrown) {
      throw this.fatal("before", { id: exchange.id }, thrown);
    } finally {
      tally.ms += performance.now() - began;
    }
  }

  /** Counts and measures a synchronous call. */
  timed<T>(hook: HookName, id: string | undefined, call: () => T): T {
    const tally = this.tally(hook);
    tally.calls++;
    const began = performance.now();
    try {
      return call();
    } finally {
      tally.ms += this.#measured(hook, { id }, began);
    }
  }

  /** How long a synchronous call took. One that everybody had to wait for is told, and counted. */
  #measured(hook: HookName, subject: Subject, began: number): number {
    const took = performance.now() - began;
    if (took >= SPIN) this.spun(hook, took, subject.id);
    return took;
  }

  /** A hook held the whole process up. */
  spun(hook: HookName, ms: number, id?: string): void {
    this.#watch.explain(ms);
    this.#stalled(hook, ms, true, id);
  }

  #stalled(hook: HookName, ms: number, certain: boolean, id?: string): void {
    const message = certain
      ? "a plugin held up the whole server"
      : "the whole server was held up while a plugin's hook was under way";
    this.log("warn", message, { hook, id, ms: Math.round(ms) });
    // Ours are known to be short: what held them up was the machine.
    if (!certain || this.builtIn) return;
    const now = performance.now();
    this.#spins = [...this.#spins.filter((at) => now - at < SPINS_WITHIN), now];
    if (this.#spins.length >= MOST_SPINS)
      this.#switchOff(`its ${hook} hook held up the whole server ${this.#spins.length} times (${Math.round(ms)} ms)`);
  }

  #waitingOn(hook: HookName): Waiting {
    let waiting = this.#waiting.get(hook);
    if (!waiting) {
      waiting = { plugin: this.name, stalled: (ms, certain) => this.#stalled(hook, ms, certain) };
      this.#waiting.set(hook, waiting);
    }
    return waiting;
  }

  #switchOff(reason: string): void {
    if (this.off) return;
    this.off = { reason, until: performance.now() + REST };
    this.log("error", "a plugin was switched off", { reason, policy: this.policy });
    this.#switched();
  }

  /** Gives a plugin that has rested one more chance; its next error or spin switches it off again. */
  revive(now: number): void {
    if (!this.off || now < this.off.until) return;
    this.off = undefined;
    for (const tally of this.tallies.values()) tally.row = Math.min(tally.row, MOST_ERRORS - 1);
    this.#spins = this.#spins.slice(0, MOST_SPINS - 1).map(() => now);
    this.log("info", "a plugin that was switched off gets another chance", {});
    this.#switched();
  }

  /** What an exchange is told that needs this plugin while it is off. */
  refusal(): Failure {
    return new Failure("overloaded", {
      code: "plugin_off",
      message: `the plugin ${this.name} is switched off (${this.off?.reason}), and this server's configuration does not serve without it`,
      retryAfter: Math.max(1, Math.ceil(((this.off?.until ?? 0) - performance.now()) / 1000)),
    });
  }

  tally(hook: HookName): Tally {
    let tally = this.tallies.get(hook);
    if (!tally) {
      tally = { calls: 0, errors: 0, ms: 0, row: 0 };
      this.tallies.set(hook, tally);
    }
    return tally;
  }

  /** Ends it, whatever it thinks of that. */
  async dispose(): Promise<void> {
    try {
      await this.call(
        "dispose",
        {},
        () => this.hooks.dispose?.(),
        () => undefined,
      );
    } catch {
      // It was logged; there is no exchange to fail.
    }
    this.entry.thread?.end();
    this.#end.abort(new Error(`the plugin ${this.name} was disposed of`));
  }
}

/** The promise, as long as the client is there to wait for it. */
function orLeft<T>(promise: PromiseLike<T>, signal: AbortSignal | undefined): PromiseLike<T> {
  if (!signal) return promise;
  const { promise: either, resolve, reject } = Promise.withResolvers<T>();
  const left = () => reject(signal.reason);
  if (signal.aborted) left();
  signal.addEventListener("abort", left, { once: true });
  promise.then(resolve, reject);
  const release = () => signal.removeEventListener("abort", left);
  either.then(release, release);
  return either;
}

/** A failure that can be told is a decision; one that cannot is as good as any other error. */
function decisionIn(thrown: unknown, secrets: readonly string[]): unknown {
  const wrong = faultIn(thrown, (one) => (one instanceof Failure ? failureFault(one, secrets) : ""));
  if (wrong === "" || wrong === undefined) return thrown;
  return new TypeError(wrong);
}

/** What is wrong with a value of a plugin's. Looking at it may run code of the plugin: a getter, a Proxy's trap. */
export function faultIn(value: unknown, fault: (value: unknown) => string | undefined): string | undefined {
  try {
    return fault(value);
  } catch {
    return "it gave something that throws when it is looked at";
  }
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** What was thrown, in one line, and where; even of an object whose own text throws. */
function wordsOf(error: unknown): { error: string; stack?: string } {
  try {
    if (!(error instanceof Error)) return { error: String(error) };
    const { name, message, stack } = error;
    const ours = error instanceof TypeError && message.startsWith("it ");
    return { error: `${name}: ${message}`, ...(stack && !ours && { stack: String(stack) }) };
  } catch {
    return { error: "something without a text" };
  }
}
