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
const sizes = (where = "1 = 1"): string =>
  KINDS.map(({ table, free }) => `select written_at, bytes from ${table} where ${free} and ${where}`).join(
    " union all ",
  );

async function usedIn(engine: Engine): Promise<number> {
  const [row] = await engine.all<{ bytes: number | string | null }>(
    `select sum(bytes) as bytes from (${sizes()}) as kept`,
  );
  return Number(row?.bytes ?? 0);
}

/** The database may be in this process: streams have their turn in between. */
const breath = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** When the last of those was written that have to go for so many bytes; undefined when none has to. */
async function cutoffOf(engine: Engine, bytes: number): Promise<number | undefined> {
  let left = bytes;
  let after: number | undefined;
  while (left > 0) {
    const oldest: { written_at: number; bytes: number }[] = await engine.all(
      `${sizes("written_at > ?")} order by written_at limit ${AT_ONCE}`,
      KINDS.map(() => after ?? 0),
    );
    for (const row of oldest) {
      if (left <= 0) break;
      left -= row.bytes;
      after = row.written_at;
    }
    if (oldest.length < AT_ONCE) break;
  }
  return after;
}

export function openRoom(engine: Engine): Room {
  async function remove({ table, parts }: (typeof KINDS)[number], which: string, values: number[]): Promise<number> {
    return await engine.transaction(async (within) => {
      const chosen = `select licence, id from ${table} where ${which}`;
      if (parts) await within.run(`delete from ${parts.table} where (licence, ${parts.of}) in (${chosen})`, values);
      return await within.run(`delete from ${table} where (licence, id) in (${chosen})`, values);
    });
  }
  return {
    used: () => usedIn(engine),
    async trim(most) {
      const cutoff = await engine.transaction(async (within) => {
        // Two processes that do it at once must see the same, and so choose the same.
        if (within.kind === "postgres") await within.run("set transaction isolation level repeatable read");
        return await cutoffOf(within, (await usedIn(within)) - most);
      });
      if (cutoff === undefined) return;
      for (const kind of KINDS) {
        const newest = `(select max(written_at) from ${kind.table} where ${kind.free})`;
        const oldest = `${kind.free} and written_at <= ? and written_at < ${newest} order by written_at limit ${AT_ONCE}`;
        while ((await remove(kind, oldest, [cutoff])) === AT_ONCE) await breath();
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
