// Sums of receipts by the hour: kept beside the receipts and written with them, so that a month is added up at once.

import { setImmediate } from "node:timers/promises";
import type { Receipt } from "../core/receipt.ts";
import type { Engine } from "./engine.ts";
import { marks, portions } from "./rows.ts";
import { Sums } from "./sums.ts";

export const HOUR = 3_600_000;

/** What a sum of an hour is of: everything, or everything with one value of this. A session is no such thing, there are too many. */
export const KINDS = {
  total: () => "",
  model: ({ model, askedModel }: Receipt) => model ?? askedModel ?? "",
  licence: ({ licence }: Receipt) => licence ?? "",
  account: ({ account }: Receipt) => account ?? "",
  upstream: ({ upstream }: Receipt) => upstream ?? "",
  dialect: ({ dialect }: Receipt) => dialect,
} as const satisfies Record<string, (receipt: Receipt) => string>;

export type Kind = keyof typeof KINDS;

/** Hours that stay in memory; receipts of older ones are rare. */
const HELD = 3;

interface Row {
  kind: Kind;
  key: string;
  sums: string;
}

/** The hours as one process writes them: each has rows of its own, so nobody waits for another's. */
export class Hours {
  readonly #writer: string;
  readonly #held = new Map<number, Map<string, Sums>>();

  constructor(writer: string) {
    this.#writer = writer;
  }

  /** Adds receipts, in the transaction that inserts them. */
  async add(within: Engine, receipts: readonly Receipt[]): Promise<void> {
    const rows: { hour: number; kind: string; key: string; sums: Sums }[] = [];
    for (const [hour, some] of Map.groupBy(receipts, ({ at }) => at - (at % HOUR))) {
      const held = await this.#hour(within, hour);
      for (const [kind, keyOf] of Object.entries(KINDS)) {
        for (const [key, same] of Map.groupBy(some, keyOf)) {
          const sums = held.get(`${kind} ${key}`) ?? new Sums();
          held.set(`${kind} ${key}`, sums);
          for (const receipt of same) sums.add(receipt);
          rows.push({ hour, kind, key, sums });
        }
      }
    }
    for (const some of portions(rows)) {
      await within.run(
        `insert into usage_hours (kind, hour, key, writer, sums) values ${marks(some.length, 5)}
         on conflict (kind, hour, key, writer) do update set sums = excluded.sums`,
        some.flatMap(({ kind, hour, key, sums }) => [kind, hour, key, this.#writer, String(sums)]),
      );
    }
    for (const hour of [...this.#held.keys()].slice(0, -HELD)) this.#held.delete(hour);
  }

  /** After a transaction that failed: what is in memory may be more than what was written. */
  forget(): void {
    this.#held.clear();
  }

  async #hour(within: Engine, hour: number): Promise<Map<string, Sums>> {
    let held = this.#held.get(hour);
    if (!held) {
      const sql = "select kind, key, sums from usage_hours where hour = ? and writer = ?";
      const rows = await within.all<Row>(sql, [hour, this.#writer]);
      held = new Map(rows.map(({ kind, key, sums }) => [`${kind} ${key}`, Sums.parse(sums)]));
    }
    // The last one used is the last to be forgotten.
    this.#held.delete(hour);
    this.#held.set(hour, held);
    return held;
  }
}

const PAGE = 500;

/** Every kept sum of a kind, of the hours from one time to another. Others are served in between. */
export async function* sumsOf(
  engine: Engine,
  kind: Kind,
  from: number,
  until: number,
): AsyncGenerator<{ hour: number; key: string; sums: Sums }> {
  for (let last: [hour: number, key: string, writer: string] = [from, "", ""]; ; ) {
    const rows = await engine.all<{ hour: number; key: string; writer: string; sums: string }>(
      `select hour, key, writer, sums from usage_hours where kind = ? and (hour, key, writer) > (?, ?, ?) and hour < ?
       order by hour, key, writer limit ${PAGE}`,
      [kind, ...last, until],
    );
    for (const { hour, key, writer, sums } of rows) {
      last = [hour, key, writer];
      yield { hour, key, sums: Sums.parse(sums) };
    }
    if (rows.length < PAGE) return;
    await setImmediate();
  }
}
