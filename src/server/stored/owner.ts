// Which process makes which response in the background: tells the others that it lives, hears whom to end, and buries what the dead left.

import { hostname } from "node:os";
import type { Log } from "../../core/hooks.ts";
import type { KeptResponse, ResponseRows } from "../../store/responses.ts";
import { FAILED_ERROR, failedBody, nextNumber } from "./ended.ts";

/** A response that this process makes. */
export interface Making {
  readonly licence: string;
  readonly id: string;
  /** Ends it before its time; resolves when it is kept so. */
  cancel(): Promise<void>;
  /** Resolves when there is more of it to see in the store. */
  changed(): Promise<void>;
}

const BEAT = 500;
/** Silence after which a process that cannot be looked at counts as dead. */
const DEAD = 15_000;
/** The same for one of this machine that is not there: on another engine it may live in a container of its own. */
const GONE = 2500;

export class Owner {
  /** `machine:pid:start`: says of a dead process of this machine that it is dead. */
  readonly name = `${hostname()}:${process.pid}:${Bun.randomUUIDv7("hex").slice(-12)}`;
  readonly #rows: ResponseRows;
  readonly #patience: number;
  readonly #log: Log;
  readonly #making = new Map<string, Making>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #beating = false;

  constructor(rows: ResponseRows, kind: "sqlite" | "postgres", log: Log) {
    this.#rows = rows;
    // The file of SQLite is on this machine, and so is everybody who writes it.
    this.#patience = kind === "sqlite" ? 0 : GONE;
    this.#log = log;
  }

  add(making: Making): void {
    this.#making.set(keyOf(making), making);
    this.#timer ??= setInterval(() => void this.#beat(), BEAT);
  }

  done(making: Making): void {
    this.#making.delete(keyOf(making));
    if (this.#making.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  find(licence: string, id: string): Making | undefined {
    return this.#making.get(keyOf({ licence, id }));
  }

  /** One question for all that it makes. */
  async #beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    // What begins after the question is not in its answer.
    const asked = [...this.#making.values()];
    try {
      const known = new Map((await this.#rows.beat(this.name)).map((row) => [keyOf(row), row.cancelled]));
      // Deleted by somebody: nobody can fetch it any more.
      for (const making of asked) if (known.get(keyOf(making)) !== false) void making.cancel();
    } catch (error) {
      this.#log.warn("the store does not hear what is made in the background", { reason: (error as Error).message });
    }
    this.#beating = false;
  }

  /** Makes a failure of one whose process died; false while it may live. */
  async bury(kept: Pick<KeptResponse, "licence" | "id" | "owner" | "beatAt">): Promise<boolean> {
    const { licence, id, owner } = kept;
    if (owner === null || !this.#isDead(owner, kept.beatAt ?? 0)) return false;
    const now = await this.#rows.get(licence, id);
    if (now?.owner !== owner) return true;
    const body = failedBody(JSON.parse(now.body), FAILED_ERROR);
    const number = nextNumber(await this.#rows.events(licence, id, -1));
    const lines = JSON.stringify({ type: "response.failed", sequence_number: number, response: body });
    const last = { first: number, last: number, lines };
    await this.#rows.change({ licence, id, owner }, { status: "failed", body: JSON.stringify(body), last });
    return true;
  }

  async buryAll(): Promise<void> {
    for (const row of await this.#rows.running()) await this.bury(row);
  }

  #isDead(owner: string, beatAt: number): boolean {
    if (owner === this.name) return false;
    const silence = Date.now() - beatAt;
    if (silence > DEAD) return true;
    const [machine, pid] = owner.split(":");
    return machine === hostname() && silence >= this.#patience && !isAlive(Number(pid));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#making.values()].map((making) => making.cancel()));
    clearInterval(this.#timer);
  }
}

/** A process with this one's number is this one, and whoever had it before is gone. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not ours to signal, but there.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function keyOf({ licence, id }: { licence: string; id: string }): string {
  return `${licence}\n${id}`;
}
