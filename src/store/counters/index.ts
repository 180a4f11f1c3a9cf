// Opens the counters that a configuration names.

import type { Log } from "../../core/hooks.ts";
import type { Counters } from "./counters.ts";
import { MemoryCounters } from "./memory.ts";
import { RedisCounters } from "./redis.ts";

export type { Count, Counted, Counters, Hold, Reading, Span } from "./counters.ts";

/** `memory`, or the address of a Redis, which need not be there yet. */
export function openCounters(address: string, log: Pick<Log, "info" | "warn">): Counters {
  return address === "memory" ? new MemoryCounters(Date.now) : new RedisCounters(address, log);
}
