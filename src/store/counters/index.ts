// Opens the counters that a configuration names.

import type { Log } from "../../core/hooks.ts";
import type { Engine } from "../engine.ts";
import type { Counters } from "./counters.ts";
import { keptCounters } from "./kept.ts";
import { type CountThere, SharedCounters } from "./workers.ts";

export type { Count, Counted, Counters, Hold, Span } from "./counters.ts";
export { MemoryCounters } from "./memory.ts";
export { Places } from "./workers.ts";

/**
 * `memory`, kept over a restart by the store, or the address of a Redis, which need not be there yet. With `there` the memory is another
 * process's, which counts for several.
 */
export async function openCounters(
  address: string,
  engine: Engine,
  log: Pick<Log, "info" | "warn">,
  there?: CountThere,
): Promise<Counters> {
  // Loaded only where it is used: a start pays for every module that it reads.
  if (address !== "memory") return new (await import("./redis.ts")).RedisCounters(address, log);
  return there ? new SharedCounters(there) : await keptCounters(engine, log);
}
