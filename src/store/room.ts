// The bounds of what is kept: takes back what has run out, and the oldest when there is more than fits.

import type { Engine } from "./engine.ts";

export interface Room {
  /** Bytes that everything kept takes. */
  used(): Promise<number>;
  /** Lets the oldest go until what is left fits; the newest of each kind stays whatever its size. */
  trim(most: number): Promise<void>;
  /** Takes back what has run out, a little at a time so that nothing waits for it; gives how much there was. */
  expire(): Promise<number>;
}

/** Where things are kept, and where parts of them lie. What a process is still making has an owner, and is in nobody's way. */
const KINDS = [
  { table: "kept_responses", free: "owner is null", parts: { table: "kept_events", of: "response" } },
  { table: "conversations", free: "1 = 1", parts: { table: "conversation_items", of: "conversation" } },
  { table: "kept_items", free: "1 = 1", parts: undefined },
] as const;

const AT_ONCE = 500;
const SIZES = KINDS.map(({ table, free }) => `select written_at, bytes from ${table} where ${free}`).join(
  " union all ",
);

export function openRoom(engine: Engine): Room {
  async function remove({ table, parts }: (typeof KINDS)[number], which: string, values: number[]): Promise<number> {
    return await engine.transaction(async (within) => {
      const chosen = `select licence, id from ${table} where ${which}`;
      if (parts) await within.run(`delete from ${parts.table} where (licence, ${parts.of}) in (${chosen})`, values);
      return await within.run(`delete from ${table} where (licence, id) in (${chosen})`, values);
    });
  }
  return {
    async used() {
      const [row] = await engine.all<{ bytes: number | string | null }>(
        `select sum(bytes) as bytes from (${SIZES}) as kept`,
      );
      return Number(row?.bytes ?? 0);
    },
    async trim(most) {
      // From the newest on, what goes beyond the room; two processes that do it at once choose the same.
      const [row] = await engine.all<{ cutoff: number | null }>(
        `select max(written_at) as cutoff from (
           select written_at, sum(bytes) over (order by written_at desc rows unbounded preceding) as until from (${SIZES}) as kept
         ) as ranked where until > ?`,
        [most],
      );
      if (row?.cutoff === null || row?.cutoff === undefined) return;
      for (const kind of KINDS) {
        const newest = `(select max(written_at) from ${kind.table} where ${kind.free})`;
        await remove(kind, `${kind.free} and written_at <= ? and written_at < ${newest}`, [Number(row.cutoff)]);
      }
    },
    async expire() {
      let total = 0;
      for (const kind of KINDS)
        total += await remove(kind, `${kind.free} and expires_at <= ? order by expires_at limit ${AT_ONCE}`, [
          Date.now(),
        ]);
      return total;
    },
  };
}
