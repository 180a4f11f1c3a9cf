// How long who waits for the store: a client a moment, a write a while, a question not at all.

import { Failure } from "../../core/failure.ts";

/** How long a client waits for a write; what is not written by then is still tried. */
const PATIENCE = 3000;
/** Longest pause between two tries to write, for what somebody waits for and for what nobody does. */
const SOON = 500;
const LATER = 15_000;

/** Waits for it, but not longer than this; it goes on by itself. */
export async function within(work: Promise<unknown> | undefined, patience = PATIENCE): Promise<void> {
  if (!work) return;
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, patience);
  await Promise.race([work, late]);
  clearTimeout(timer);
}

/** The store may be busy with another process for a moment, or away for longer. */
export async function retried<T>(write: () => Promise<T>, longest = LATER): Promise<T> {
  for (let pause = 50; ; pause *= 3) {
    try {
      return await write();
    } catch (error) {
      if (pause > longest) throw error;
      await Bun.sleep(pause);
    }
  }
}

/** An answer that needs the store has none without it. */
export async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    throw new Failure("overloaded", {
      code: "store_unavailable",
      message: "the store of this server cannot be reached, so nothing that it keeps can be looked up; try again",
      retryAfter: 2,
      cause,
    });
  }
}

/** The same for a write that a client asks for and waits for. */
export async function written<T>(write: () => Promise<T>): Promise<T> {
  return await reached(retried(write, SOON));
}
