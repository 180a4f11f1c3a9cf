// Counters that several instances share in Redis. While it is away each counts alone, and brings what it counted when it is back.

import { RedisClient } from "bun";
import type { Log } from "../../core/hooks.ts";
import type { Count, Counted, Counters, Hold, Reading } from "./counters.ts";
import { MemoryCounters } from "./memory.ts";
import { LATE, within } from "./patience.ts";
import { COUNT, type CountAnswer, listOf, RENEW } from "./script.ts";

/**
 * Milliseconds of silence of Redis after which requests no longer wait for it. On a busy machine a healthy one is silent for
 * tens of them, and instances that count alone let too much in; one that hangs costs a request this much, once.
 */
const PATIENCE = 250;
/** Milliseconds for a connection and its first words. */
const GREETING = 500;
/** Milliseconds between two tries to have Redis back. */
const RETRY = 250;
/** A place is held so long without a sign of life: so long a killed instance keeps its places. */
const LEASE = 15_000;
const RENEWAL = LEASE / 3;
/** Windows that are brought back in one step. */
const BATCH = 200;
const PREFIX = "codexd:";

export class RedisCounters implements Counters {
  readonly kind = "redis";
  readonly #url: string;
  readonly #log: Pick<Log, "info" | "warn">;
  /** What Redis was last heard to say, by its clock; what is counted while it is away; and the places of this process. */
  readonly #local = new MemoryCounters(() => Date.now() + this.#skew);
  /** The run of the Redis process that told of a window: another run may have forgotten it. */
  readonly #toldBy = new Map<string, string>();
  /** Counted here and not yet there. */
  readonly #unsent = new Map<string, { amount: number; until: number }>();
  #client: RedisClient;
  #scripts = { count: "", renew: "" };
  #run = "";
  #heard = 0;
  /** Milliseconds that the clock of Redis is ahead. */
  #skew = 0;
  #present = false;
  /** The connection was asked to count and has not answered. */
  #owes = false;
  #isMissed = false;
  #isClosed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #renewal: ReturnType<typeof setInterval>;

  constructor(url: string, log: Pick<Log, "info" | "warn">) {
    this.#url = url;
    this.#log = log;
    this.#client = connectionTo(url);
    this.#renewal = setInterval(() => this.#renew(), RENEWAL);
    this.#renewal.unref();
    void this.#join();
  }

  get alone(): boolean {
    return !this.#present;
  }

  async count(counts: readonly Count[], holds: readonly Hold[]): Promise<Counted> {
    // Before anything is sent: a renewal must not take a freed place again.
    for (const hold of holds) if (hold.below === undefined) this.#local.countNow([], [hold]);
    if (!this.#present) return this.#countAlone(counts, holds);
    return (await this.#countThere(counts, holds)) ?? this.#countAlone(counts, holds);
  }

  /** Undefined when Redis did not answer in time. */
  async #countThere(counts: readonly Count[], holds: readonly Hold[]): Promise<Counted | undefined> {
    const carried = counts.map(({ key }) => this.#takeUnsent(key));
    const told = counts.map(({ key }) => this.#toldBy.get(key));
    const answer = this.#eval<CountAnswer>(this.#scripts.count, COUNT, ...this.#question(counts, holds, carried));
    // What follows on this connection comes after it: the run that is there now is told of the window by this, and once.
    for (const { key } of counts) this.#toldBy.set(key, this.#run);
    try {
      const counted = await within(answer, PATIENCE, () => this.#heard);
      if (counted !== LATE) return this.#learn(counts, holds, counted);
      // It may be counted there all the same, and is then counted twice: take it off again.
      this.#owes = true;
      answer.then(
        ([, fits, , ends]) => {
          for (const [i, { key, amount, of }] of counts.entries()) {
            const isCounted = fits === 1 && (amount > 0 || of === undefined || of === ends[i]);
            this.#leaveUnsent(key, -(carried[i] ?? 0) - (isCounted ? amount : 0));
          }
          if (this.#present) this.#bring();
        },
        () => undefined,
      );
      this.#miss();
    } catch {
      this.#miss();
    }
    for (const [i, { key }] of counts.entries()) {
      this.#leaveUnsent(key, carried[i] ?? 0);
      this.#toldBy.set(key, told[i] ?? "");
    }
    return undefined;
  }

  #question(counts: readonly Count[], holds: readonly Hold[], carried: readonly number[]): [string[], string[]] {
    const windows = counts.flatMap(({ key, amount, span, below = -1, of = 0 }, i) => {
      const tally = this.#local.tallies.get(key);
      const told = this.#toldBy.get(key);
      const isForgotten = tally !== undefined && told && told !== this.#run;
      return listOf({
        below,
        amount,
        lasts: "lasts" in span ? span.lasts : 0,
        until: "until" in span ? span.until : 0,
        of,
        knownUntil: isForgotten ? tally.until : 0,
        known: isForgotten ? Math.max(0, tally.count - (carried[i] ?? 0)) : 0,
        carried: carried[i] ?? 0,
        carriedUntil: tally?.until ?? 0,
      });
    });
    const places = holds.flatMap(({ below = -1, id = "" }) => [String(below), id]);
    return [
      [...counts, ...holds].map(({ key }) => PREFIX + key),
      [String(LEASE), this.#run, String(counts.length), ...windows, ...places],
    ];
  }

  #learn(counts: readonly Count[], holds: readonly Hold[], [now, fits, values, ends, held]: CountAnswer): Counted {
    this.#skew = now - Date.now();
    const readings = counts.map(({ key }, i): Reading => {
      const [count, until] = [values[i] ?? 0, ends[i] ?? 0];
      this.#toldBy.set(key, this.#run);
      if (until === 0) this.#local.tallies.delete(key);
      else this.#local.tallies.set(key, { count: count + (this.#unsent.get(key)?.amount ?? 0), until });
      return { count, until: until && until - this.#skew, window: until };
    });
    for (const hold of holds)
      if (fits === 1 && hold.below !== undefined)
        this.#local.countNow([], [{ ...hold, below: Number.POSITIVE_INFINITY }]);
    return { fits: fits === 1, counts: readings, held };
  }

  #countAlone(counts: readonly Count[], holds: readonly Hold[]): Counted {
    const now = Date.now() + this.#skew;
    const before = counts.map(({ key }) => this.#local.tallies.get(key));
    const known = before.map((tally) => (tally && tally.until > now ? tally.count : 0));
    const { fits, counts: readings, held } = this.#local.countNow(counts, holds);
    for (const [i, { key }] of counts.entries()) this.#leaveUnsent(key, (readings[i]?.count ?? 0) - (known[i] ?? 0));
    return {
      fits,
      held,
      counts: readings.map(({ count, until, window }) => ({ count, until: until && until - this.#skew, window })),
    };
  }

  #takeUnsent(key: string): number {
    const unsent = this.#unsent.get(key);
    this.#unsent.delete(key);
    return unsent && unsent.until === this.#local.tallies.get(key)?.until ? unsent.amount : 0;
  }

  #leaveUnsent(key: string, amount: number): void {
    const until = this.#local.tallies.get(key)?.until;
    if (amount === 0 || until === undefined) return;
    const unsent = this.#unsent.get(key);
    this.#unsent.set(key, { until, amount: amount + (unsent?.until === until ? unsent.amount : 0) });
  }

  /** It is looked for at once: it may be no more than slow, and every moment alone makes the counts less exact. */
  #miss(): void {
    if (this.#isClosed || !this.#present) return;
    this.#present = false;
    void this.#join();
  }

  #tell({ code, message }: Error & { code?: string }): void {
    if (this.#isMissed) return;
    this.#isMissed = true;
    // The client does not say which of these it was.
    const isUnsaid = code === "ERR_REDIS_CONNECTION_CLOSED";
    this.#log.warn("counters: Redis is away; this instance counts alone until it is back", {
      // Without the name and the password in it.
      address: new URL(this.#url).host,
      reason: isUnsaid ? "no connection: look at the address, the password, the certificate" : message,
    });
  }

  /** Finds Redis, or finds it again, and brings what was counted meanwhile. */
  async #join(): Promise<void> {
    this.#retry = undefined;
    try {
      await this.#greet();
    } catch (error) {
      if (this.#isClosed) return;
      this.#tell(error as Error & { code?: string });
      this.#leave();
      this.#retry = setTimeout(() => void this.#join(), RETRY).unref();
      return;
    }
    if (this.#isClosed) return this.#client.close();
    // Noticed when it happens, not by the next request.
    this.#client.onclose = () => this.#miss();
    this.#present = true;
    this.#owes = false;
    this.#bring();
    if (this.#isMissed) this.#log.info("counters: Redis is back; instances count together again");
    this.#isMissed = false;
  }

  /** What it was asked may still be counted by a Redis that only hangs, and its answer is the only one to say so. */
  #leave(): void {
    const left = this.#client;
    left.onclose = null;
    if (this.#owes) setTimeout(() => left.close(), LEASE).unref();
    else left.close();
    this.#owes = false;
    this.#client = connectionTo(this.#url);
  }

  async #greet(): Promise<void> {
    const client = this.#client;
    if (!client.connected) await client.connect();
    const words = Promise.all([
      client.send("INFO", ["server"]) as Promise<string>,
      client.send("SCRIPT", ["LOAD", COUNT]) as Promise<string>,
      client.send("SCRIPT", ["LOAD", RENEW]) as Promise<string>,
      // One that only reads, or has no room, is of no use.
      client.send("SET", [`${PREFIX}joined`, "1", "PX", "1000"]),
    ]);
    const said = await within(words, GREETING);
    if (said === LATE) throw new Error(`no answer within ${GREETING} ms`);
    const [info, count, renew] = said;
    this.#run = /^run_id:(\w+)/m.exec(info)?.[1] ?? "";
    this.#scripts = { count, renew };
  }

  /** What is sent first is done first: nothing is counted before this. */
  #bring(): void {
    this.#local.sweep(Date.now() + this.#skew);
    this.#renew();
    const counts = [...this.#local.tallies.keys()]
      .filter((key) => this.#unsent.has(key) || this.#toldBy.get(key) !== this.#run)
      .map((key): Count => ({ key, amount: 0, span: { lasts: 0 } }));
    for (let at = 0; at < counts.length; at += BATCH) void this.#countThere(counts.slice(at, at + BATCH), []);
  }

  /** The sign of life of every place that is held here. */
  #renew(): void {
    for (const map of [this.#toldBy, this.#unsent])
      for (const key of map.keys()) if (!this.#local.tallies.has(key)) map.delete(key);
    const held = [...this.#local.holds];
    if (!this.#present || held.length === 0) return;
    const ids = held.flatMap(([, places]) => [String(places.size), ...places]);
    const keys = held.map(([key]) => PREFIX + key);
    this.#eval(this.#scripts.renew, RENEW, keys, [String(LEASE), ...ids]).catch(() => this.#miss());
  }

  async #eval<T>(sha: string, script: string, keys: string[], args: string[]): Promise<T> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#client.send("EVALSHA", [sha, ...rest]);
    } catch (error) {
      if (!String((error as Error).message).includes("NOSCRIPT")) throw error;
      return await this.#client.send("EVAL", [script, ...rest]);
    } finally {
      this.#heard = performance.now();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#renewal);
    // Answers come in order: when this one is there, all that was counted before is there too.
    if (this.#present) await within(this.#client.send("PING", []), GREETING).catch(() => undefined);
    this.#present = false;
    this.#client.close();
  }
}

/** It is connected by `connect` and by nothing else: its own tries would go on when we have given up on it. */
function connectionTo(url: string): RedisClient {
  return new RedisClient(url, { autoReconnect: false, enableOfflineQueue: false, connectionTimeout: GREETING });
}
