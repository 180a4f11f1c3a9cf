// The engine for several instances: one Postgres, reached through Bun's own client.

import { SQL } from "bun";
import type { Engine, Value } from "./engine.ts";

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
  const sql = new SQL(url.href, { max: pool, prepare, bigint: true, connectionTimeout: CONNECT_SECONDS });
  const engine = new Postgres(sql, patience);
  try {
    await engine.all("select 1");
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}

class Postgres implements Engine {
  readonly kind = "postgres";
  readonly #sql: SQL;
  readonly #patience: number;

  constructor(sql: SQL, patience: number) {
    this.#sql = sql;
    this.#patience = patience;
  }

  async all<Row>(sql: string, values?: readonly Value[]): Promise<Row[]> {
    return plain<Row>(await this.#again(() => ask(this.#sql, sql, values)));
  }

  async run(sql: string, values?: readonly Value[]): Promise<number> {
    return (await this.#again(() => ask(this.#sql, sql, values))).count;
  }

  async transaction<T>(work: (within: Engine) => Promise<T>): Promise<T> {
    let began = false;
    const whole = () =>
      this.#sql.begin(async (sql) => {
        began = true;
        return await work(new Within(sql));
      }) as Promise<T>;
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

  async close(): Promise<void> {
    await this.#sql.close({ timeout: 1 });
  }
}

/** One transaction's own view of the engine. */
class Within implements Engine {
  readonly kind = "postgres";
  readonly #sql: Pick<SQL, "unsafe">;

  constructor(sql: Pick<SQL, "unsafe">) {
    this.#sql = sql;
  }

  async all<Row>(sql: string, values?: readonly Value[]): Promise<Row[]> {
    return plain<Row>(await ask(this.#sql, sql, values));
  }

  async run(sql: string, values?: readonly Value[]): Promise<number> {
    return (await ask(this.#sql, sql, values)).count;
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

/** Whether nobody was there to answer, as while a server restarts, rather than somebody who refused. */
function isAway(error: unknown): boolean {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  if (code === "ERR_POSTGRES_SERVER_ERROR") return /^(08|57P0[123]|53300)/.test(String(errno));
  return typeof code === "string" && /^ERR_POSTGRES_(CONNECTION|LIFETIME|IDLE)/.test(code);
}
