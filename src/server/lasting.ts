// Makes what outlives a configuration: the process's own memory, counters and clocks around a store that is open.

import type { ResponsesConfig } from "../config/load.ts";
import type { Mint } from "../core/mint.ts";
import type { Services } from "./gateway.ts";
import { Presence } from "./instances.ts";
import { ItemMemory, ON_THE_WAY } from "./item-memory.ts";
import { LastServed } from "./last-served.ts";
import { LimitGauges } from "./limits/gauges.ts";
import { Metrics } from "./metrics.ts";
import { PromptKeeper } from "./prompts.ts";
import { ReasoningMemory } from "./reasoning-memory.ts";
import { Stored } from "./stored/index.ts";

export function servicesOf(
  own: Pick<Services, "store" | "counters" | "log" | "version" | "team">,
  responses: ResponsesConfig,
): Services {
  const stored = new Stored(own.store, responses, own.log);
  return {
    ...own,
    mint: randomMint(),
    clock: Date.now,
    items: new ItemMemory(stored.shelf, hastener(own)),
    reasoning: new ReasoningMemory(stored.shelf),
    served: new LastServed(),
    metrics: new Metrics(),
    stored,
    presence: new Presence(own.store, { name: stored.owner.name, version: own.version }, own.log),
    prompts: new PromptKeeper(own.store.engine, () => stored.envelope, own.log),
    limitGauges: new LimitGauges(),
  };
}

/** Others of this store may have an item on its way to the shelf: workers are asked for it, other machines waited for. */
function hastener({ store, team }: Pick<Services, "store" | "team">): (() => Promise<unknown>) | undefined {
  if (store.engine.kind === "postgres") return () => Bun.sleep(ON_THE_WAY);
  return team && (() => team.all("items"));
}

function randomMint(): Mint {
  return {
    id: (prefix) => prefix + Bun.randomUUIDv7("hex").replaceAll("-", ""),
    now: () => Math.floor(Date.now() / 1000),
  };
}
