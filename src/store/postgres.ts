// The engine for several instances: one Postgres, reached through Bun's own client.

import { SQL } from "bun";
import { type Engine, isAway, type Value } from "./engine.ts";

/** Connections of one process: a gateway asks its store little, and many instances share one server. */
const POOL = 4;
const CONNECT_SECONDS = 5;

/** What a person may see of the address. */
export function maskPostgres(url: string): string {
  return url.replace(/(\/\/[^/@:]*):[^/@]*@/, "$1:********@").replace(/([?&]password=)[^&]*/g, "$1********");
}

/**
 * Connects. `patience`: milliseconds for which a statement waits for a server that is away. Two parameters of the address are ours:
 * `pool`, the number of connections, and `prepare=false` for a pooler in between that knows no prepared statements.
 */
export async function openPostgres(address: string, patience: number): Promise<Engine> {
  const url = new URL(address);
  const pool = Number(url.searchParams.get("pool") ?? POOL);
  const prepare = url.searchParams.get("prepare") !== "false";
  for (const own of ["pool", "prepare"]) url.searchParams.delete(own);
  if (!url.searchParams.has("application_name")) url.searchParams.set("application_name", "codexd");
  const options = { max: pool, prepare, bigint: true, connectionTimeout: CONNECT_SECONDS };
  const engine = new Postgres(() => new SQL(url.href, options), patience);
  try {
    await engine.all("select 1");
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}

/** A statement that takes this many times as long as a server may be away, and more than a second, has nobody who will answer it. */
const HANGS = 6;
const HANG_MS = 1000;

class Postgres implements Engine {
  readonly kind = "postgres";
  readonly #connect: () => SQL;
  readonly #patience: number;
  #sql: SQL;

  constructor(connect: () => SQL, patience: number) {
    this.#connect = connect;
    this.#patience = patience;
    this.#sql = connect();
  }

  async all<Row>(sql: string, values?: readonly Value[]): Promise<Row[]> {
    return plain<Row>(await this.#again(() => this.#timed((watch) => watch(ask(this.#sql, sql, values)))));
  }

  async run(sql: string, values?: readonly Value[]): Promise<number> {
    return (await this.#again(() => this.#timed((watch) => watch(ask(this.#sql, sql, values))))).count;
  }

  async transaction<T>(work: (within: Engine) => Promise<T>): Promise<T> {
    let began = false;
    const whole = () =>
      this.#timed((watch) => {
        const begin = Promise.withResolvers<void>();
        const end = Promise.withResolvers<void>();
        void watch(begin.promise);
        const done = this.#sql.begin(async (sql) => {
          began = true;
          begin.resolve();
          const result = await work(new Within(sql, watch));
          void watch(end.promise);
          return result;
        }) as Promise<T>;
        return done.finally(() => {
          begin.resolve();
          end.resolve();
        });
      });
    // What has begun may have been done: only whoever asked knows whether it may be done twice.
    return await this.#again(whole, () => !began);
  }

  /** A server that restarts is away for a second or two, which is no reason for a turn to fail. */
  async #again<T>(ask: () => PromiseLike<T>, mayRepeat = () => true): Promise<T> {
    const deadline = performance.now() + this.#patience;
    for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
      try {
        return await ask();
      } catch (error) {
        if (!isAway(error) || !mayRepeat() || performance.now() + pause > deadline) throw error;
        await Bun.sleep(pause);
      }
    }
  }

  /** Rejects when a watched answer does not come, as from a machine that lost its network, and never uses those connections again. */
  async #timed<T>(work: (watch: Watch) => PromiseLike<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const sql = this.#sql;
    const watch: Watch = async (answer) => {
      const timer = setTimeout(
        () => {
          late.reject(new Error("the database does not answer"));
          if (this.#sql === sql) this.#sql = this.#connect();
          void sql.close({ timeout: 0 }).catch(() => undefined);
        },
        Math.max(HANGS * this.#patience, HANG_MS),
      );
      timers.add(timer);
      try {
        return await answer;
      } finally {
        clearTimeout(timer);
      }
    };
    try {
      return await Promise.race([work(watch), late.promise]);
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#sql.close({ timeout: 1 });
  }
}

/** Waits for an answer, and not for ever. */
type Watch = <T>(answer: PromiseLike<T>) => Promise<T>;

/** One transaction's own view of the engine. */
class Within implements Engine {
  readonly kind = "postgres";
  readonly #sql: Pick<SQL, "unsafe">;
  readonly #watch: Watch;

  constructor(sql: Pick<SQL, "unsafe">, watch: Watch) {
    this.#sql = sql;
    this.#watch = watch;
  }

  async all<Row>(sql: string, values?: readonly Value[]): Promise<Row[]> {
    return plain<Row>(await this.#watch(ask(this.#sql, sql, values)));
  }

  async run(sql: string, values?: readonly Value[]): Promise<number> {
    return (await this.#watch(ask(this.#sql, sql, values))).count;
  }

  async transaction<T>(): Promise<T> {
    throw new Error("a transaction within a transaction");
  }

  async close(): Promise<void> {
    throw new Error("a transaction cannot close its engine");
  }
}

type Answer = Record<string, unknown>[] & { count: number };

function ask(sql: Pick<SQL, "unsafe">, text: string, values: readonly Value[] = []): PromiseLike<Answer> {
  return sql.unsafe(numbered(text), values.map(storable)) as unknown as PromiseLike<Answer>;
}

/** Postgres has no place for the character 0, which a client may put anywhere. */
function storable(value: Value): Value {
  return typeof value === "string" && value.includes("\0") ? value.replaceAll("\0", "\uFFFD") : value;
}

/** Counts and times are whole numbers that fit; `bigint` is how the client tells them from text. */
function plain<Row>(answer: Answer): Row[] {
  for (const row of answer)
    for (const column in row) if (typeof row[column] === "bigint") row[column] = Number(row[column]);
  return answer as unknown as Row[];
}

const known = new Map<string, string>();

/** `?` in the house's statements → `$1`, `$2`, … Text in quotes stays as it is. */
function numbered(text: string): string {
  let result = known.get(text);
  if (result === undefined) {
    let count = 0;
    result = text.replace(/'[^']*'|\?/g, (found) => (found === "?" ? `$${++count}` : found));
    known.set(text, result);
  }
  return result;
}
