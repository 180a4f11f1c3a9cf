// The plugin chain at work: sets the plugins up in their order and runs each phase's hooks over an exchange.

import type { Event } from "../core/event.ts";
import { Failure, failureOf } from "../core/failure.ts";
import type { Credentials, Dialect, Exchange, LateDialect, Principal, Reply } from "../core/hooks.ts";
import type { Receipt } from "../core/receipt.ts";
import { watched } from "./plugins/dialect.ts";
import type { SharedHost } from "./plugins/host.ts";
import {
  answeringFault,
  recoveredFault,
  replacementFault,
  responseFault,
  unsayable,
  verdictFault,
} from "./plugins/legal.ts";
import { StallWatch } from "./plugins/limit.ts";
import { type ChainEntry, isPromise, Link, SKIPPED, type Subject } from "./plugins/link.ts";
import { Listener } from "./plugins/listener.ts";
import { copy, type Fixed, fixedOf, remember } from "./plugins/snapshot.ts";

/** A plugin's own answer, and whose it is. */
export interface Replied {
  reply: Reply;
  link: Link;
}

/** An exchange as the chain needs it: with the time its hooks have spent on turns of their own. */
export type Chained = Exchange & {
  readonly lentMs?: number;
  /** Whose hook is at the turn. */
  acting?: Link | undefined;
};

/** Tries that one plugin may make possible for an exchange: what helped once may have helped too little. */
const MOST_RECOVERIES = 5;

const anything = (): undefined => undefined;

export class Chain {
  /** In the order of the configuration. */
  readonly links: readonly Link[];
  readonly dialects: Dialect[] = [];
  readonly operations = new Set<string>(["turn", "count"]);
  readonly guarded: boolean;
  /** Some plugin wants to see whole answers. */
  readonly gathers: boolean;
  readonly #outward: readonly Link[];
  readonly #listeners: readonly Listener[];
  /** Who hears which type; a type that nobody named is heard by `#every`. */
  readonly #byType = new Map<string, readonly Listener[]>();
  #every: readonly Listener[] | undefined;
  #resting = false;
  #ready: Promise<unknown> | undefined;
  readonly #late = new Set<Promise<unknown>>();

  /** Sets every plugin up, whose options the configuration has checked. Throws an `Error` when two claim one dialect. */
  constructor(entries: readonly ChainEntry[], host: SharedHost) {
    const watch = new StallWatch();
    this.links = entries.map((entry) => new Link(entry, host, watch, () => this.#switched()));
    // Symmetric unwinding: who saw the request first sees the answer last.
    this.#outward = this.links.toReversed();
    for (const link of this.links) this.#contribute(link);
    this.#listeners = this.#outward
      .flatMap((link) => (link.hooks.events ? [{ link, hook: link.hooks.events }] : []))
      .map(({ link, hook }, at) => new Listener(link, hook, at));
    this.guarded = this.links.some(({ hooks }) => hooks.authenticate !== undefined);
    this.gathers = this.links.some(({ hooks }) => hooks.answer !== undefined);
    this.#listen();
  }

  #contribute(link: Link): void {
    for (const dialect of link.hooks.dialects ?? []) {
      const other = this.links.find(({ hooks }) => hooks.dialects?.some(({ name }) => name === dialect.name));
      if (this.dialects.some((known) => known.name === dialect.name))
        throw new Error(
          `plugins ${other?.name} and ${link.name}: both bring the dialect ${dialect.name}; only one of them can be in the chain`,
        );
      // One that comes late is whole when `ready` has been awaited, which nobody asks it anything before.
      this.dialects.push((link.builtIn ? { ...dialect } : watched(dialect, link)) as Dialect);
    }
    for (const operation of link.hooks.operations ?? []) this.operations.add(operation);
  }

  /** Resolves when the dialects can translate: to be awaited before the first request, not before the port is open. */
  ready(): Promise<unknown> {
    this.#ready ??= Promise.all(
      this.dialects.map(async (dialect) => Object.assign(dialect, await (dialect as Partial<LateDialect>).load?.())),
    );
    return this.#ready;
  }

  /** Sorts the listeners by the types they hear, so that an event that nobody hears costs one look-up. */
  #listen(): void {
    // One that is off hears nothing more, unless nothing may pass without it.
    const hearing = this.#listeners.filter(({ link }) => !link.off || link.policy === "fail");
    const every = hearing.filter(({ types }) => types === "all");
    this.#every = every.length > 0 ? every : undefined;
    this.#byType.clear();
    for (const { types } of hearing)
      for (const type of types === "all" ? [] : types)
        this.#byType.set(
          type,
          hearing.filter((listener) => listener.hears(type)),
        );
    for (const listener of hearing) listener.alone = hearing.length === 1;
  }

  #switched(): void {
    this.#resting = this.links.some(({ off }) => off !== undefined);
    this.#listen();
  }

  /** A plugin that was switched off gets its next chance with an exchange. */
  #revive(): void {
    if (!this.#resting) return;
    const now = performance.now();
    for (const link of this.links) link.revive(now);
  }

  /** Asks every plugin whether the server may start here. A server that nothing guards stays on loopback. */
  start(server: { host: string; loopback: boolean }): void {
    if (!this.guarded && !server.loopback)
      throw new Error(`refusing to listen on ${server.host}: no plugin of the chain authenticates`);
    for (const { hooks } of this.links) hooks.start?.(server);
  }

  /** The first plugin that accepts or refuses decides. Throws the refusal. `id`: of the request, for the log. */
  async authenticate(credentials: Credentials, id?: string): Promise<Principal> {
    this.#revive();
    const { keys } = credentials;
    for (const link of this.links) {
      const { hooks } = link;
      if (!hooks.authenticate || this.#without(link)) continue;
      const called = link.call(
        "authenticate",
        { id, keys },
        () => hooks.authenticate?.(credentials),
        (value) => verdictFault(value, [...keys, ...link.secrets]),
      );
      const verdict = isPromise(called) ? await called : called;
      if (verdict === SKIPPED || verdict === undefined) continue;
      if (verdict instanceof Failure) throw verdict;
      return verdict;
    }
    if (!this.guarded) return { id: "local" };
    throw new Failure("authentication", {
      code: "invalid_api_key",
      message: "no plugin of the chain accepted this request's key",
    });
  }

  /** True when the chain goes on without it; throws when it may not. */
  #without(link: Link): boolean {
    if (!link.off) return false;
    if (link.policy === "fail") throw link.refusal();
    return true;
  }

  /** Runs the turn hooks. The first that answers the exchange itself ends the phase. */
  async turn(exchange: Chained): Promise<Replied | undefined> {
    this.#revive();
    // Also the plugins without a turn hook: what they do comes later, and an exchange that cannot end well is not begun.
    if (this.#resting) for (const link of this.links) this.#without(link);
    return await this.#asked("turn", exchange);
  }

  async upstream(exchange: Chained): Promise<Replied | undefined> {
    return await this.#asked("upstream", exchange);
  }

  async #asked(hook: "turn" | "upstream", exchange: Chained): Promise<Replied | undefined> {
    for (const link of this.links) {
      const { hooks } = link;
      if (!hooks[hook] || this.#without(link)) continue;
      const fixed = link.builtIn ? undefined : fixedOf(exchange);
      let result: unknown;
      try {
        const called = link.call(
          hook,
          this.#changing(link, exchange, fixed),
          () => hooks[hook]?.(exchange),
          (value) => fixed?.fault() ?? answeringFault(value, exchange) ?? (fixed && unsent(value, exchange)),
        );
        result = isPromise(called) ? await called : called;
      } finally {
        fixed?.restore();
      }
      if (result !== SKIPPED && result !== undefined) return { reply: result as Reply, link };
    }
    return undefined;
  }

  /**
   * Asks the plugins what can be done about a refused turn; `recovered` counts how often each did something for this exchange.
   * False, without a promise, when none can do anything.
   */
  recover(failure: Failure, exchange: Chained, recovered: Map<string, number>): false | Promise<boolean> {
    return this.#recovered(failure, exchange, recovered, this.links);
  }

  #recovered(
    failure: Failure,
    exchange: Chained,
    recovered: Map<string, number>,
    links: readonly Link[],
  ): false | Promise<boolean> {
    for (const [at, link] of links.entries()) {
      const { hooks } = link;
      if (!hooks.recover || (recovered.get(link.name) ?? 0) >= MOST_RECOVERIES || this.#without(link)) continue;
      const fixed = link.builtIn ? undefined : fixedOf(exchange);
      const called = link.call(
        "recover",
        this.#changing(link, exchange, fixed),
        () => hooks.recover?.(fixed ? Object.freeze(failure) : failure, exchange),
        (value) => fixed?.fault() ?? recoveredFault(value, exchange) ?? (fixed && unsayable("the turn", exchange.turn)),
      );
      const settle = (did: unknown) => {
        if (did === true) recovered.set(link.name, (recovered.get(link.name) ?? 0) + 1);
        return did === true;
      };
      if (isPromise(called))
        return called.then((did) => settle(did) || this.#recovered(failure, exchange, recovered, links.slice(at + 1)));
      if (settle(called)) return Promise.resolve(true);
    }
    return false;
  }

  /** A call that may change the exchange. */
  #changing(link: Link, exchange: Chained, fixed: Fixed | undefined): Subject {
    const lent = exchange.lentMs ?? 0;
    exchange.acting = link;
    return {
      id: exchange.id,
      signal: exchange.signal,
      lent: () => (exchange.lentMs ?? 0) - lent,
      // Built-in ones change nothing before they are sure. A failure too is told with what is left of the exchange.
      undo: fixed && undoing(fixed, remember(exchange)),
    };
  }

  /** Runs the event hooks over one event; undefined leaves it as it is. The common case, nobody asked for it, costs one look-up. */
  events(event: Event, exchange: Exchange): readonly Event[] | undefined {
    const listeners = this.#byType.size === 0 ? this.#every : (this.#byType.get(event.type) ?? this.#every);
    if (listeners === undefined) return undefined;
    for (let at = 0; at < listeners.length; at++) {
      const listener = listeners[at] as Listener;
      const made = listener.hear(event, exchange);
      if (made !== undefined) return made.flatMap((one) => this.#passOn(one, exchange, listener.at + 1));
    }
    return undefined;
  }

  /** What the listeners from this place on make of an event that another one made. */
  #passOn(event: Event, exchange: Exchange, from: number): readonly Event[] {
    for (const listener of this.#listeners.slice(from)) {
      if (!listener.hears(event.type) || (listener.link.off && listener.link.policy === "skip")) continue;
      const made = listener.hear(event, exchange);
      if (made !== undefined) return made.flatMap((one) => this.#passOn(one, exchange, listener.at + 1));
    }
    return [event];
  }

  /** Shows a complete answer to the plugins that want it; gives it as they leave it. A promise only when one of them is slow. */
  answer(
    response: Record<string, unknown>,
    exchange: Exchange,
  ): Record<string, unknown> | Promise<Record<string, unknown>> {
    return this.#answered(
      response,
      exchange,
      this.#outward.filter(({ hooks }) => hooks.answer),
    );
  }

  #answered(
    response: Record<string, unknown>,
    exchange: Exchange,
    [link, ...rest]: readonly Link[],
  ): Record<string, unknown> | Promise<Record<string, unknown>> {
    if (!link) return response;
    if (this.#without(link)) return this.#answered(response, exchange, rest);
    // A plugin that fails half-way must leave no half-changed answer.
    const whole = link.builtIn || link.policy === "fail" ? response : copy(response);
    const called = link.call(
      "answer",
      { id: exchange.id },
      () => link.hooks.answer?.(whole, exchange) as Record<string, unknown> | undefined,
      (value) =>
        responseFault(value) ??
        responseFault(whole) ??
        (link.builtIn ? undefined : unsayable("the response", value ?? whole)),
    );
    const next = (made: Record<string, unknown> | undefined | typeof SKIPPED) =>
      this.#answered(made === SKIPPED ? response : (made ?? whole), exchange, rest);
    return isPromise(called) ? called.then(next) : next(called);
  }

  /** The same for an answer that was sent as a stream: nobody waits for what the plugins do with it, and nothing comes of it. */
  answered(response: Record<string, unknown>, exchange: Exchange): void {
    try {
      const waiting = this.answer(response, exchange);
      if (!isPromise(waiting)) return;
      this.#untilDone(waiting);
    } catch {
      // Told in the log; the client has its answer.
    }
  }

  /** Nobody waits for it, but the plugins are not disposed of before it is over. */
  #untilDone(waiting: PromiseLike<unknown>): void {
    const late = Promise.resolve(waiting).then(anything, anything);
    this.#late.add(late);
    void late.finally(() => this.#late.delete(late));
  }

  failure(thrown: unknown, exchange: Exchange | undefined): Failure {
    let failure = failureOf(thrown);
    for (const link of this.#outward) {
      const { hooks } = link;
      if (!hooks.failure || link.off) continue;
      const told = failure;
      try {
        const made = link.call(
          "failure",
          { id: exchange?.id },
          () => now(hooks.failure?.(link.builtIn ? told : Object.freeze(told), exchange)),
          (value) => replacementFault(value, link.secrets),
        );
        if (made instanceof Failure) failure = made;
      } catch (decision) {
        // Thrown or returned is the same here; an error of the plugin must not hide what really failed.
        if (decision instanceof Failure && decision.code !== "plugin_failed") failure = decision;
      }
    }
    return failure;
  }

  /** A settled hook that fails must not cost the others their receipt. */
  settled(receipt: Receipt, exchange: Exchange | undefined): void {
    // Whoever writes it down comes after others that only look at it.
    Object.freeze(receipt);
    for (const link of this.#outward) {
      const { hooks } = link;
      if (!hooks.settled || link.off) continue;
      try {
        const called = link.call("settled", { id: receipt.id }, () => hooks.settled?.(receipt, exchange), anything);
        if (isPromise(called)) this.#untilDone(called);
      } catch {
        // Told in the log; there is no exchange left to fail.
      }
    }
  }

  /** Calls the handler of a plugin's route. What it throws fails this request, and never switches the plugin off: anybody may ask. */
  async route<T>(plugin: string, id: string, handle: () => Promise<T>): Promise<T> {
    const link = this.links.find(({ name }) => name === plugin);
    if (!link) return await handle();
    const tally = link.tally("route");
    tally.calls++;
    const began = performance.now();
    try {
      return await handle();
    } catch (thrown) {
      throw this.routeBroke(plugin, id, thrown);
    } finally {
      tally.ms += performance.now() - began;
    }
  }

  /** What went wrong in a plugin's route, as the failure of the request. */
  routeBroke(plugin: string, id: string, thrown: unknown): Failure {
    const link = this.links.find(({ name }) => name === plugin);
    if (!link) return failureOf(thrown);
    link.tally("route").row = 0;
    return link.fatal("route", { id }, thrown);
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#late);
    for (const link of this.#outward) await link.dispose();
  }
}

/** Puts back what is the server's own, and then what the plugin might have changed. */
function undoing(fixed: Fixed, undo: () => void): () => void {
  return () => {
    fixed.restore();
    undo();
  };
}

/** What a plugin from outside left that cannot be sent on. */
function unsent(value: unknown, { turn }: Exchange): string | undefined {
  const { response } = (value ?? {}) as { response?: unknown };
  return unsayable("the turn", turn) ?? unsayable("its reply's response", response);
}

/** For hooks that nobody can wait for. */
function now<T>(value: T): T {
  if (!isPromise(value)) return value;
  Promise.resolve(value).catch(anything);
  throw new TypeError("it returned a promise; legal: a Failure, or nothing, at once");
}
