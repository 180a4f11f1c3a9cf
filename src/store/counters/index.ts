// Opens the counters that a configuration names.

import type { Log } from "../../core/hooks.ts";
import type { Engine } from "../engine.ts";
import type { Counters } from "./counters.ts";
import { keptCounters } from "./kept.ts";
import { RedisCounters } from "./redis.ts";

export type { Count, Counters, Hold, Span } from "./counters.ts";
export { MemoryCounters } from "./memory.ts";

/** `memory`, kept over a restart by the store, or the address of a Redis, which need not be there yet. */
export async function openCounters(
  address: string,
  engine: Engine,
  log: Pick<Log, "info" | "warn">,
): Promise<Counters> {
  return address === "memory" ? await keptCounters(engine, log) : new RedisCounters(address, log);
}
