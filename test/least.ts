// Times as a test may judge them: the least of several tries, since what else a machine does makes a try longer and never shorter.

/** The least of these times; no more is tried once one is below `enough`. */
export async function least(enough: number, measure: () => Promise<number>, tries = 5): Promise<number> {
  let found = Number.POSITIVE_INFINITY;
  for (let tried = 0; tried < tries && found >= enough; tried++) found = Math.min(found, await measure());
  return found;
}

/** Milliseconds that this takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
