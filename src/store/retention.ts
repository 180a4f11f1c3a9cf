// How long single receipts are kept: the old ones go in small steps, the sums of their hours stay.

import type { Engine } from "./engine.ts";
import { HOUR } from "./hours.ts";

/** Rows that go in one transaction: nothing waits long for it. */
const AT_ONCE = 500;
const PAUSE_MS = 20;

/** Unix milliseconds before which receipts are only sums, always a full hour; those that are still there are on their way out. */
export async function keptSince(engine: Engine): Promise<number> {
  const [row] = await engine.all<{ since: number | null }>("select max(since) as since from receipts_kept");
  return row?.since ?? 0;
}

/** Lets go of receipts (and of what was said in them) from before a time; gives how many there were. Ends early when told to. */
export async function prune(engine: Engine, before: number, isOver: () => boolean = () => false): Promise<number> {
  const since = before - (before % HOUR);
  // Told first: a half-empty hour must look to nobody as if it were all there was.
  await engine.run("update receipts_kept set since = ? where since < ?", [since, since]);
  let count = 0;
  while (!isOver()) {
    const gone = await engine.run(
      `delete from receipts where uid in (select uid from receipts where at < ? order by at limit ${AT_ONCE})`,
      [since],
    );
    const prompts = await engine.run(
      `delete from prompts where (licence, id, at) in
         (select licence, id, at from prompts where at < ? order by at limit ${AT_ONCE})`,
      [since],
    );
    count += gone;
    if (gone < AT_ONCE && prompts < AT_ONCE) break;
    await Bun.sleep(PAUSE_MS);
  }
  return count;
}
