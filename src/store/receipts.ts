// Receipts in the store: safe when the call returns, written a moment later, and waiting within a bound while they cannot be.

import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Log } from "../core/hooks.ts";
import type { Receipt } from "../core/receipt.ts";
import type { Engine } from "./engine.ts";
import { Hours } from "./hours.ts";
import { Journal, type Part, readJournal, remove } from "./journal.ts";
import { type Entry, insertReceipts, selectReceipts } from "./rows.ts";
import { type Found, type Search, searchReceipts } from "./search.ts";
import { openUsage, type Usage } from "./usage.ts";

export interface Receipts extends Usage {
  /** Takes a receipt. Never throws and never waits: a turn does not fail because of the store. */
  write(receipt: Receipt): void;
  /** The last receipts, newest first. */
  last(limit: number): Promise<Receipt[]>;
  /** Those that fit, newest first. Throws `BadCursor`. */
  search(search: Search): Promise<Found>;
  /** How many wait to be written, and how many were lost because there was no room for more. */
  state(): { queued: number; lost: number };
  /** Tries once more to write what waits, and stops trying after that. */
  stop(): Promise<void>;
}

export interface ReceiptsOptions {
  /** Folder of the journals. */
  journal: string;
  log: Pick<Log, "info" | "error"> | undefined;
  /** Most receipts that wait in memory. */
  queue: number;
}

/** From a receipt to its row: long enough to take others along, too short for anybody to miss it. */
const FLUSH_MS = 40;
/** While one batch follows the other: each writes sums of whole hours anew, and whoever asks has what waits written first. */
const BUSY_MS = 250;
const RETRY_MS = 1000;
const BATCH = 500;
/** How long a start waits for what others left. */
const INHERIT_MS = 2000;

interface Waiting extends Entry {
  part: Part | undefined;
}

export async function openReceipts(engine: Engine, options: ReceiptsOptions): Promise<Receipts> {
  const receipts = new Queue(engine, options);
  await receipts.inherit();
  const usage = openUsage(engine);
  return {
    async sum(question) {
      await receipts.settle();
      return await usage.sum(question);
    },
    reaches: (question) => usage.reaches(question),
    async search(search) {
      await receipts.settle();
      return await searchReceipts(engine, search);
    },
    async last(limit) {
      await receipts.settle();
      return (await selectReceipts(engine, "order by at desc, uid desc limit ?", [limit])).map(
        ({ receipt }) => receipt,
      );
    },
    write: (receipt) => receipts.write(receipt),
    state: () => receipts.state,
    stop: () => receipts.stop(),
  };
}

class Queue {
  readonly #engine: Engine;
  readonly #log: ReceiptsOptions["log"];
  readonly #bound: number;
  readonly #journal: Journal;
  readonly #hours: Hours;
  #waiting: Waiting[] = [];
  /** How far the journals of others are read. */
  readonly #read = new Map<string, number>();
  #lost = 0;
  #flushedAt = Number.NEGATIVE_INFINITY;
  /** Of the time in which receipts could not be written; undefined while they can. */
  #trouble: { lost: number } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What is written now; one thing after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, { journal, log, queue }: ReceiptsOptions) {
    const name = randomBytes(8).toString("hex");
    this.#engine = engine;
    this.#log = log;
    this.#bound = queue;
    this.#journal = new Journal(journal, name);
    this.#hours = new Hours(name);
  }

  /** Takes in what killed processes left; where that is a lot, the rest of it while others are served. */
  async inherit(): Promise<void> {
    if (!this.#journal.others().some(({ isDead }) => isDead)) return;
    await Promise.race([this.settle(), Bun.sleep(INHERIT_MS)]);
  }

  get state(): { queued: number; lost: number } {
    return { queued: this.#waiting.length + this.#journal.spilled, lost: this.#lost };
  }

  write(receipt: Receipt): void {
    const entry = { uid: Bun.randomUUIDv7(), receipt };
    const part = this.#journal.append(entry);
    if (this.#waiting.length < this.#bound) {
      this.#waiting.push({ ...entry, part });
      if (part) part.held++;
    } else if (part) part.spilled++;
    else this.#lost++;
    if (!this.#timer) this.#later(performance.now() - this.#flushedAt < BUSY_MS ? BUSY_MS : FLUSH_MS);
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => void this.#write(false), ms);
    // Waiting receipts must not keep a process alive that has nothing else to do: they are in its journal.
    this.#timer.unref();
  }

  /** Everything that waits, here and in the journals of others, is in the store when it returns, unless the store is away. */
  settle(): Promise<void> {
    return this.#write(true);
  }

  /** What others have on the way is theirs to write, unless somebody wants to know all there is. */
  #write(isAll: boolean): Promise<void> {
    return this.#alone(async () => {
      try {
        await this.#flush();
        if (isAll) await this.#takeIn();
        this.#recovered();
      } catch (error) {
        this.#troubled(error as Error);
      }
    });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // What comes meanwhile is for the next time: under load there is always something.
    for (let left = this.#waiting.length; left > 0; left -= BATCH) {
      const some = this.#waiting.slice(0, Math.min(BATCH, left));
      await this.#insert(some);
      this.#waiting.splice(0, some.length);
      for (const { part } of some) if (part) part.held--;
      this.#flushedAt = performance.now();
      await setImmediate();
    }
    for (const part of this.#journal.spills()) {
      await this.#insertAll((await readJournal(part.path)).entries);
      part.spilled = 0;
    }
    this.#journal.tidy();
  }

  /** Receipts of other journals: those of the living are in the store a moment early, which changes nothing. */
  async #takeIn(): Promise<void> {
    const others = this.#journal.others();
    for (const { path, isDead } of others) {
      const { entries, end } = await readJournal(path, this.#read.get(path));
      await this.#insertAll(entries);
      this.#read.set(path, end);
      if (isDead) remove(path);
    }
    // Nothing is ever changed in a journal, so a file is known by its name for as long as it is there.
    for (const path of this.#read.keys()) if (!others.some((one) => one.path === path)) this.#read.delete(path);
  }

  async #insertAll(entries: readonly Entry[]): Promise<void> {
    for (let at = 0; at < entries.length; at += BATCH) {
      await this.#insert(entries.slice(at, at + BATCH));
      // The streams of a server come before its backlog.
      await setImmediate();
    }
  }

  async #insert(entries: readonly Entry[]): Promise<number> {
    try {
      return await this.#engine.transaction(async (within) => {
        const inserted = await insertReceipts(within, entries);
        await this.#hours.add(
          within,
          inserted.map(({ receipt }) => receipt),
        );
        return inserted.length;
      });
    } catch (error) {
      this.#hours.forget();
      if (!isRefused(error)) throw error;
      const [only] = entries;
      if (entries.length === 1 && only) return this.#refuse(only, error as Error);
      // One that the schema refuses will be refused for ever: it must not hold up the others.
      let count = 0;
      for (const entry of entries) count += await this.#insert([entry]);
      return count;
    }
  }

  #refuse({ receipt }: Entry, error: Error): number {
    this.#lost++;
    this.#log?.error("a receipt is lost: the store refuses it", { id: receipt.id, reason: error.message });
    return 0;
  }

  #troubled(error: Error): void {
    if (!this.#trouble) {
      this.#trouble = { lost: this.#lost };
      this.#log?.error("receipts cannot be written and wait", { reason: error.message });
    }
    if (!this.#timer) this.#later(RETRY_MS);
  }

  #recovered(): void {
    if (this.#trouble) this.#log?.info("receipts are written again", { lost: this.#lost - this.#trouble.lost });
    this.#trouble = undefined;
  }

  async stop(): Promise<void> {
    await this.settle();
    // The last ones came while the others were written.
    if (this.#waiting.length > 0) await this.settle();
    clearTimeout(this.#timer);
    const only = this.#waiting.filter(({ part }) => !part).length;
    this.#journal.close();
    if (only > 0) this.#log?.error("receipts are lost: the store could not be written", { lost: this.#lost + only });
    else if (this.#waiting.length > 0)
      this.#log?.error("receipts could not be written; the next start will", { queued: this.state.queued });
  }
}

function isRefused(error: unknown): boolean {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  if (error instanceof TypeError || String(code).startsWith("SQLITE_CONSTRAINT")) return true;
  // Classes of Postgres: the data is at fault, or a constraint.
  return code === "ERR_POSTGRES_SERVER_ERROR" && /^2[23]/.test(String(errno));
}
