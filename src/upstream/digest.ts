// Short, stable names made from long or illegal ones, so that the same history always gives the same bytes.

import { createHash } from "node:crypto";

/** Lower-case hex SHA-256. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The upstream's cache key for a session: the session itself, unless it is longer than the wire allows. */
export function cacheKey(session: string): string {
  return session.length <= 64 ? session : digest(session);
}
