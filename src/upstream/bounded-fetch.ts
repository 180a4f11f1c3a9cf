// `fetch` for plugins: the server's limits on connecting, on the first byte and on silence, and an end when its owner ends.

import type { Limits } from "./connection.ts";
import { Deadline } from "./deadline.ts";
import { Reach } from "./reach.ts";

/** Addresses whose connections are watched at once; a plugin that asks more of them does without. */
const MOST_WATCHED = 64;

export type BoundedFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Rejects as `fetch` does; when a limit ran out, with an `Error` named `TimeoutError` that says which. */
export function boundedFetch(limits: Limits, owner: AbortSignal): BoundedFetch {
  const watched = new Map<string, Reach>();
  const reachOf = (url: URL): Reach | undefined => {
    const known = watched.get(url.origin);
    if (known || watched.size >= MOST_WATCHED) return known;
    const reach = new Reach(url.origin, limits.connect);
    watched.set(url.origin, reach);
    return reach;
  };
  return async (target, init = {}) => {
    const url = new URL(target);
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw new TypeError(`fetch of ${url.protocol}//… is not possible here; legal: http and https`);
    const deadline = new Deadline(init.signal ? AbortSignal.any([owner, init.signal]) : owner);
    const reach = reachOf(url);
    let waiting = true;
    void reach?.isDead().then((dead) => dead && waiting && deadline.stop(late(url, "no connection", limits.connect)));
    try {
      const response = await deadline.within(
        limits.connect + limits.firstByte,
        () => late(url, "no answer", limits.connect + limits.firstByte),
        () => fetch(url, { ...init, signal: deadline.signal, timeout: false } as RequestInit),
      );
      reach?.answered();
      return patient(response, url, limits.idle, deadline);
    } catch (thrown) {
      deadline.release();
      throw deadline.signal.aborted ? deadline.signal.reason : thrown;
    } finally {
      waiting = false;
    }
  };
}

/** The same answer, whose body may not fall silent. */
function patient(response: Response, url: URL, idle: number, deadline: Deadline): Response {
  const reader = response.body?.getReader();
  if (!reader) {
    deadline.release();
    return response;
  }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await deadline.within(
          idle,
          () => late(url, "silence", idle),
          () => reader.read(),
        );
        if (!done) return controller.enqueue(value);
        deadline.release();
        controller.close();
      },
      async cancel(reason) {
        deadline.release();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  const { status, statusText, headers, redirected } = response;
  const same = new Response(body, { status, statusText, headers });
  return Object.defineProperties(same, { url: { value: response.url }, redirected: { value: redirected } });
}

function late({ host }: URL, what: string, ms: number): Error {
  return Object.assign(new Error(`${host}: ${what} for ${ms / 1000} s`), { name: "TimeoutError" });
}
