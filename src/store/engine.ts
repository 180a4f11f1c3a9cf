// What the store asks of a database, whichever of the two it is.

export type Value = string | number | boolean | null | Uint8Array;

export interface Engine {
  readonly kind: "sqlite" | "postgres";
  /** Rows. `?` stands for a value on both engines; whole numbers come back as numbers on both. */
  all<Row>(sql: string, values?: readonly Value[]): Promise<Row[]>;
  /** How many rows were changed. */
  run(sql: string, values?: readonly Value[]): Promise<number>;
  /**
   * All of it or nothing; nothing else runs inside it on this connection. Within, ask only what `work` is given: this engine
   * waits until the transaction is over. `durable`: on disk when it returns, where a commit usually survives only the process.
   */
  transaction<T>(work: (within: Engine) => Promise<T>, options?: { durable?: boolean }): Promise<T>;
  /** Present where the database is in this process: reads that wait for nobody. */
  readonly near?: Near;
  close(): Promise<void>;
}

export interface Near {
  all<Row>(sql: string, values?: readonly Value[]): Row[];
  /** Another number than before once another process has written. */
  version(): number;
}

/** Whether nobody was there to answer, as while a server restarts or a disk is full, rather than somebody who refused. */
export function isAway(error: unknown): boolean {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  if (code === "ERR_POSTGRES_SERVER_ERROR") return /^(08|57P0[123]|53300)/.test(String(errno));
  return (
    typeof code === "string" &&
    /^(ERR_POSTGRES_(CONNECTION|LIFETIME|IDLE)|SQLITE_(BUSY|FULL|READONLY|IOERR|CANTOPEN))/.test(code)
  );
}
