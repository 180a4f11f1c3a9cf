// Rows that every request looks at and few change: held in memory, read again when this process or another has changed them.

import type { Engine } from "./engine.ts";

/** For so long a look at the file holds: a request makes several, and at most this much later another process's changes are seen. */
const HOLDS_MS = 5;
/** How often another machine's changes are looked for; what it did reaches us within this time and the reading. */
const LOOK_MS = 200;

const VERSIONS = "select name, version from versions";

/** Says, in the transaction that changes what `name` stands for, that it is changed. */
export async function bump(within: Engine, name: string): Promise<void> {
  await within.run(
    "insert into versions (name, version) values (?, 1) on conflict (name) do update set version = versions.version + 1",
    [name],
  );
}

export class Snapshots {
  readonly #engine: Engine;
  readonly #all: Snapshot<unknown>[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** What `make` makes of the rows of these statements; changed by whoever calls `bump` with this name. */
  async of<T>(name: string, statements: readonly string[], make: (rows: never[][]) => T): Promise<Snapshot<T>> {
    const snapshot = new Snapshot(this.#engine, name, statements, make);
    await snapshot.renew();
    this.#all.push(snapshot as Snapshot<unknown>);
    if (!this.#engine.near) this.#timer ??= this.#later();
    return snapshot;
  }

  #later(): ReturnType<typeof setTimeout> {
    return setTimeout(async () => {
      try {
        const rows = await this.#engine.all<Version>(VERSIONS);
        await Promise.all(this.#all.map((each) => each.heard(rows)));
      } catch {
        // While the store is away nobody can change it, and what was read holds.
      }
      if (this.#timer) this.#timer = this.#later();
    }, LOOK_MS).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

interface Version {
  name: string;
  version: number;
}

export class Snapshot<T> {
  readonly #engine: Engine;
  readonly #name: string;
  readonly #statements: readonly string[];
  readonly #make: (rows: never[][]) => T;
  #value: T | undefined;
  #version = -1;
  #file = -1;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(engine: Engine, name: string, statements: readonly string[], make: (rows: never[][]) => T) {
    this.#engine = engine;
    this.#name = name;
    this.#statements = statements;
    this.#make = make;
  }

  get value(): T {
    const { near } = this.#engine;
    const now = near ? performance.now() : 0;
    if (near && now - this.#lookedAt > HOLDS_MS) {
      this.#lookedAt = now;
      const file = near.version();
      if (file !== this.#file) {
        const version = this.#in(near.all<Version>(VERSIONS));
        if (version !== this.#version) this.#value = undefined;
        this.#version = version;
      }
      this.#file = file;
    }
    if (near && this.#value === undefined)
      this.#value = this.#make(this.#statements.map((sql) => near.all<never>(sql)));
    return this.#value as T;
  }

  #in(rows: readonly Version[]): number {
    return rows.find(({ name }) => name === this.#name)?.version ?? 0;
  }

  /** Told the versions as they are now, reads again where ours is another. */
  async heard(rows: readonly Version[]): Promise<void> {
    if (this.#in(rows) !== this.#version) await this.renew();
  }

  /** As the store has it now, whoever wrote last. */
  async renew(): Promise<void> {
    if (this.#engine.near) {
      this.#lookedAt = Number.NEGATIVE_INFINITY;
      this.#value = undefined;
      return;
    }
    // A reading that is under way may have begun before what is to be seen was written; one that waits for it has not.
    this.#next ??= (this.#reading ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#reading = this.#next;
        this.#next = undefined;
        return this.#read();
      });
    await this.#next;
  }

  async #read(): Promise<void> {
    // The version first: what is written in between is then read twice rather than never.
    const version = this.#in(await this.#engine.all<Version>(VERSIONS));
    const rows: never[][] = [];
    for (const sql of this.#statements) rows.push(await this.#engine.all<never>(sql));
    this.#value = this.#make(rows);
    this.#version = version;
  }
}
