// Waits for a server that has gone silent only so long, and does not blame it for this process's own delays.

/** What `within` gives when the server said nothing for too long. */
export const LATE = Symbol("late");

/** A timer that comes later than this says that this process was held up itself, and an answer may lie there unread. */
const OWN_DELAY = 10;
/** How often it is waited anew for that reason. */
const EXCUSES = 4;

/** `heard`: when the server last said anything (`performance.now()`); answers come in order, so one that speaks is at work. */
export function within<T>(
  answer: Promise<T>,
  silence: number,
  heard: () => number = () => 0,
): Promise<T | typeof LATE> {
  return new Promise((resolve, reject) => {
    let due = performance.now() + silence;
    let excuses = 0;
    let timer = setTimeout(look, silence);
    function look(): void {
      const now = performance.now();
      const wasHeldUp = now - due > OWN_DELAY && excuses++ < EXCUSES;
      const next = wasHeldUp ? now + silence : heard() + silence;
      if (next <= now) return resolve(LATE);
      due = next;
      timer = setTimeout(look, next - now);
    }
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
