// The plugin chain at work: sets the plugins up in their order and runs each phase's hooks over an exchange.

import type { Event } from "../core/event.ts";
import { Failure, failureOf } from "../core/failure.ts";
import type { Credentials, Dialect, Exchange, Hooks, Plugin, Principal } from "../core/hooks.ts";
import type { Receipt } from "../core/receipt.ts";
import { hostFor, type SharedHost } from "./plugins/host.ts";
import { secretsIn } from "./plugins/secrets.ts";

export interface ChainEntry {
  plugin: Plugin<never>;
  options: unknown;
}

interface Link {
  name: string;
  hooks: Hooks;
}

type EventHook = (event: Event, exchange: Exchange) => Event | Event[] | null | undefined;

export class Chain {
  readonly #links: Link[];
  readonly #host: SharedHost;
  readonly dialects: Dialect[] = [];
  readonly operations = new Set<string>(["turn", "count"]);
  readonly #everyEvent: EventHook[] = [];
  readonly #byType = new Map<string, EventHook[]>();
  readonly guarded: boolean;

  /** Sets every plugin up, whose options the configuration has checked. Throws an `Error` when two claim one dialect. */
  constructor(entries: readonly ChainEntry[], host: SharedHost) {
    this.#host = host;
    this.#links = entries.map(({ plugin, options }) => ({
      name: plugin.name,
      hooks: plugin.setup(hostFor(plugin.name, host, secretsIn(plugin.options, options))[0], options as never),
    }));
    for (const { name, hooks } of this.#links) {
      for (const dialect of hooks.dialects ?? []) {
        if (this.dialects.some((known) => known.name === dialect.name))
          throw new Error(`plugin ${name}: the dialect ${dialect.name} is there already`);
        this.dialects.push(dialect);
      }
      for (const operation of hooks.operations ?? []) this.operations.add(operation);
      if (hooks.events) this.#subscribe(hooks.events);
    }
    this.guarded = this.#links.some(({ hooks }) => hooks.authenticate !== undefined);
  }

  #subscribe({ types, handle }: NonNullable<Hooks["events"]>): void {
    if (types === "all") {
      this.#everyEvent.push(handle);
      return;
    }
    for (const type of types) {
      const list = this.#byType.get(type);
      if (list) list.push(handle);
      else this.#byType.set(type, [handle]);
    }
  }

  /** Asks every plugin whether the server may start here. A server that nothing guards stays on loopback. */
  start(server: { host: string; loopback: boolean }): void {
    if (!this.guarded && !server.loopback)
      throw new Error(`refusing to listen on ${server.host}: no plugin of the chain authenticates`);
    for (const { hooks } of this.#links) hooks.start?.(server);
  }

  /** The first plugin that accepts or refuses decides. Throws the refusal. */
  async authenticate(credentials: Credentials): Promise<Principal> {
    for (const { hooks } of this.#links) {
      const verdict = await hooks.authenticate?.(credentials);
      if (verdict instanceof Failure) throw verdict;
      if (verdict) return verdict;
    }
    if (!this.guarded) return { id: "local" };
    throw new Failure("authentication", {
      code: "invalid_api_key",
      message: "no plugin of the chain accepted this request's key",
    });
  }

  async turn(exchange: Exchange): Promise<void> {
    for (const { hooks } of this.#links) {
      const waiting = hooks.turn?.(exchange);
      if (waiting) await waiting;
    }
  }

  async upstream(exchange: Exchange): Promise<void> {
    for (const { hooks } of this.#links) {
      const waiting = hooks.upstream?.(exchange);
      if (waiting) await waiting;
    }
  }

  /** Runs the event hooks over one event. The common case, nobody asked for it, costs one look-up. */
  events(event: Event, exchange: Exchange): readonly Event[] | undefined {
    const byType = this.#byType.size > 0 ? this.#byType.get(event.type) : undefined;
    if (this.#everyEvent.length === 0 && !byType) return undefined;
    let current: Event[] = [event];
    for (const handle of [...this.#everyEvent, ...(byType ?? [])]) {
      current = current.flatMap((one) => {
        const result = handle(one, exchange);
        return result === undefined ? one : (result ?? []);
      });
    }
    return current;
  }

  failure(thrown: unknown, exchange: Exchange | undefined): Failure {
    let failure = failureOf(thrown);
    for (const { hooks } of this.#links) failure = hooks.failure?.(failure, exchange) ?? failure;
    return failure;
  }

  /** A settled hook that throws must not cost the others their receipt. */
  settled(receipt: Receipt, exchange: Exchange | undefined): void {
    for (const { name, hooks } of this.#links) {
      try {
        hooks.settled?.(receipt, exchange);
      } catch (error) {
        this.#host.log.error("a settled hook failed", { plugin: name, id: receipt.id, error: String(error) });
      }
    }
  }

  async dispose(): Promise<void> {
    for (const { hooks } of this.#links.toReversed()) await hooks.dispose?.();
  }
}
