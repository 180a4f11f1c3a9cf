// Which account a session stays with, over all instances of one store: asked once for each session, and again when somebody moved one.

import type { Pins } from "../core/account.ts";
import type { Engine } from "./engine.ts";
import { stamp } from "./responses.ts";
import { bump, type Snapshots } from "./snapshot.ts";

const NAME = "sessions";
/** Sessions that are held in memory; the least recently used are asked for again. */
const HELD = 20_000;
/** The first turn of a session waits so long for a store that is slow or restarts; after that for a while none does. */
const PATIENCE_MS = 2000;
const AWAY_MS = 5000;
/** Silence after which a session is forgotten; and how often it is noted that one still speaks. */
const KEPT_MS = 30 * 86_400_000;
const TOUCH_MS = 86_400_000;
/** New sessions between two sweeps of forgotten ones. */
const SWEEP = 1000;

interface Held {
  account: string;
  touchedAt: number;
  /** The store has said so; otherwise it is what we would like. */
  settled: boolean;
}

interface Row {
  upstream: string;
  session: string;
  account: string;
}

export async function openSessions(engine: Engine, snapshots: Snapshots): Promise<Pins> {
  const statements = [`select version from versions where name = '${NAME}'`];
  const version = await snapshots.of<number>(NAME, statements, ([rows = []]) => (rows[0] as Version)?.version ?? 0);
  return new Sessions(engine, () => version.value);
}

type Version = { version: number } | undefined;

class Sessions implements Pins {
  readonly #engine: Engine;
  readonly #held = new Map<string, Held>();
  /** Counts the moves that anybody made. */
  readonly #moves: () => number;
  #seen: number;
  #catchingUp: Promise<void> | undefined;
  #awayUntil = 0;
  #claims = 0;

  constructor(engine: Engine, moves: () => number) {
    this.#engine = engine;
    this.#moves = moves;
    this.#seen = moves();
  }

  async settle(
    upstream: string,
    session: string,
    propose: () => string,
    may: (account: string) => boolean,
  ): Promise<string> {
    const key = keyOf(upstream, session);
    if (this.#held.size > 0 && this.#hasMoved()) await this.#caughtUp();
    const held = this.#held.get(key);
    if (held?.settled && may(held.account)) return this.#used(key, held, upstream, session);
    const wish = held && may(held.account) ? held.account : propose();
    const account = await this.#asked(() => this.#agree(upstream, session, wish, may));
    this.#hold(key, { account: account ?? wish, touchedAt: Date.now(), settled: account !== undefined });
    return account ?? wish;
  }

  async find(upstream: string, session: string): Promise<string | undefined> {
    const held = this.#held.get(keyOf(upstream, session));
    if (held) return held.account;
    const rows = await this.#asked(() =>
      this.#engine.all<Row>("select account from sessions where upstream = ? and session = ?", [upstream, session]),
    );
    return rows?.[0]?.account;
  }

  answered(upstream: string, session: string, account: string): void {
    const key = keyOf(upstream, session);
    const before = this.#held.get(key);
    if (before?.account === account) return;
    this.#hold(key, { account, touchedAt: Date.now(), settled: false });
    if (before)
      void this.#asked(() => this.#moved(upstream, session, before.account, account)).then((now) => {
        const held = this.#held.get(key);
        if (now !== undefined && held?.account === account) this.#hold(key, { ...held, account: now, settled: true });
      });
  }

  /** The first of all instances to ask decides; where its choice cannot serve, the first to move it. */
  async #agree(upstream: string, session: string, wish: string, may: (account: string) => boolean): Promise<string> {
    const [row] = await this.#engine.all<Row>(
      `insert into sessions (upstream, session, account, moved, written_at) values (?, ?, ?, 0, ?)
       on conflict (upstream, session) do update set written_at = excluded.written_at returning account`,
      [upstream, session, wish, stamp()],
    );
    if (++this.#claims % SWEEP === 0) this.#sweep();
    const account = row?.account ?? wish;
    if (may(account)) return account;
    const moved = await this.#moved(upstream, session, account, wish);
    return may(moved) ? moved : wish;
  }

  /** Unless somebody else moved it from there; gives where it is then. */
  async #moved(upstream: string, session: string, from: string, to: string): Promise<string> {
    return await this.#engine.transaction(async (within) => {
      // Whoever moves one waits here for who does it now, so that the numbers come in the order in which they can be seen.
      await bump(within, NAME);
      const [next] = await within.all<{ version: number }>(`select version from versions where name = '${NAME}'`);
      await within.run(
        "update sessions set account = ?, moved = ?, written_at = ? where upstream = ? and session = ? and account = ?",
        [to, next?.version ?? 0, stamp(), upstream, session, from],
      );
      const [row] = await within.all<Row>("select account from sessions where upstream = ? and session = ?", [
        upstream,
        session,
      ]);
      return row?.account ?? to;
    });
  }

  #hasMoved(): boolean {
    try {
      return this.#moves() !== this.#seen;
    } catch {
      // A file that cannot be read has no news.
      return false;
    }
  }

  /** What others moved since the last look. */
  async #caughtUp(): Promise<void> {
    this.#catchingUp ??= (async () => {
      const now = this.#moves();
      const rows = await this.#asked(() =>
        this.#engine.all<Row>("select upstream, session, account from sessions where moved > ?", [this.#seen]),
      );
      for (const { upstream, session, account } of rows ?? []) {
        const held = this.#held.get(keyOf(upstream, session));
        if (held) Object.assign(held, { account, settled: true });
      }
      if (rows) this.#seen = now;
      this.#catchingUp = undefined;
    })();
    await this.#catchingUp;
  }

  /** Undefined where the store does not answer in time: a turn can do without. */
  async #asked<T>(ask: () => Promise<T>): Promise<T | undefined> {
    if (performance.now() < this.#awayUntil) return undefined;
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => {
      this.#awayUntil = performance.now() + AWAY_MS;
      resolve(undefined);
    }, PATIENCE_MS);
    try {
      return await Promise.race([ask().catch(() => undefined), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #used(key: string, held: Held, upstream: string, session: string): string {
    this.#hold(key, held);
    const now = Date.now();
    if (now - held.touchedAt > TOUCH_MS) {
      held.touchedAt = now;
      const sql = "update sessions set written_at = ? where upstream = ? and session = ?";
      void this.#asked(() => this.#engine.run(sql, [stamp(), upstream, session]));
    }
    return held.account;
  }

  #hold(key: string, held: Held): void {
    this.#held.delete(key);
    this.#held.set(key, held);
    if (this.#held.size > HELD) this.#held.delete(this.#held.keys().next().value as string);
  }

  #sweep(): void {
    const before = (Date.now() - KEPT_MS) * 1000;
    this.#engine.run("delete from sessions where written_at < ?", [before]).catch(() => undefined);
  }
}

function keyOf(upstream: string, session: string): string {
  return `${upstream}\n${session}`;
}
