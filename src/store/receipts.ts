// Receipts in the store: written before the call returns, queued within a bound while they cannot be.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Log } from "../core/hooks.ts";
import type { Receipt } from "../core/receipt.ts";
import { openUsage, type Usage } from "./usage.ts";

export interface Receipts extends Usage {
  /** Writes a receipt. Never throws: a turn does not fail because of the store. */
  write(receipt: Receipt): void;
  /** The last receipts, newest first. */
  last(limit: number): Receipt[];
  /** How many wait in memory, and how many were lost because even that was full. */
  state(): { queued: number; lost: number };
  /** Tries once more to write what waits, and stops trying after that. */
  stop(): void;
}

const RETRY_MS = 1000;

/** Field of a receipt → column. */
const COLUMNS = {
  id: "id",
  at: "at",
  licence: "licence",
  session: "session",
  dialect: "dialect",
  operation: "operation",
  stream: "stream",
  askedModel: "asked_model",
  model: "model",
  effort: "effort",
  upstream: "upstream",
  account: "account",
  outcome: "outcome",
  status: "status",
  code: "code",
  inputTokens: "input_tokens",
  cachedTokens: "cached_tokens",
  outputTokens: "output_tokens",
  reasoningTokens: "reasoning_tokens",
  firstMs: "first_ms",
  totalMs: "total_ms",
  tries: "tries",
} as const satisfies Record<keyof Receipt, string>;

const FIELDS = Object.keys(COLUMNS) as (keyof Receipt)[];

export function openReceipts(
  database: Database,
  options: { log: Pick<Log, "info" | "error"> | undefined; queue: number },
): Receipts {
  const insert = database.prepare(
    `insert into receipts (${Object.values(COLUMNS).join(", ")}) values (${FIELDS.map(() => "?").join(", ")})`,
  );
  const newest = database.prepare<Record<string, unknown>, [number]>(
    `select ${FIELDS.map((field) => `${COLUMNS[field]} as "${field}"`).join(", ")} from receipts order by at desc limit ?`,
  );
  const insertAll = database.transaction((receipts: readonly Receipt[]) => {
    for (const receipt of receipts) insertOne(receipt);
  });
  let waiting: Receipt[] = [];
  let lost = 0;
  let lostBefore = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function insertOne(receipt: Receipt): void {
    try {
      insert.run(...valuesOf(receipt));
    } catch (error) {
      // A receipt that the schema refuses will be refused for ever: it must not hold up the others.
      if (!isRefused(error)) throw error;
      lost++;
      options.log?.error("a receipt is lost: the store refuses it", {
        id: receipt.id,
        reason: (error as Error).message,
      });
    }
  }

  function keep(receipt: Receipt): void {
    if (waiting.length < options.queue) waiting.push(receipt);
    else lost++;
  }

  function later(): void {
    timer = setTimeout(flush, RETRY_MS);
    // Waiting receipts must not keep a process alive that has nothing else to do.
    timer.unref();
  }

  function flush(): void {
    timer = undefined;
    if (waiting.length === 0) return;
    try {
      insertAll.immediate(waiting);
      options.log?.info("receipts are written again", { written: waiting.length, lost: lost - lostBefore });
      waiting = [];
      lostBefore = lost;
    } catch {
      later();
    }
  }

  return {
    ...openUsage(database),
    write(receipt) {
      // While some wait, the next ones join them: another try each would stall every stream for as long as a lock is held.
      if (waiting.length > 0) return keep(receipt);
      try {
        insertOne(receipt);
      } catch (error) {
        options.log?.error("receipts cannot be written and wait in memory", { reason: (error as Error).message });
        keep(receipt);
        later();
      }
    },
    last: (limit) => newest.all(limit).map((row) => ({ ...row, stream: row.stream === 1 }) as unknown as Receipt),
    state: () => ({ queued: waiting.length, lost }),
    stop() {
      if (timer) clearTimeout(timer);
      flush();
      if (timer) clearTimeout(timer);
      if (waiting.length > 0)
        options.log?.error("receipts are lost: the store could not be written", { lost: lost + waiting.length });
    },
  };
}

function isRefused(error: unknown): boolean {
  return error instanceof TypeError || String((error as { code?: unknown }).code).startsWith("SQLITE_CONSTRAINT");
}

function valuesOf(receipt: Receipt): SQLQueryBindings[] {
  return FIELDS.map((field) => {
    const value = receipt[field];
    return typeof value === "boolean" ? Number(value) : (value ?? null);
  });
}
