// Makes what outlives a configuration: the process's own memory, counters and clocks around a store that is open.

import type { ResponsesConfig } from "../config/load.ts";
import type { Mint } from "../core/mint.ts";
import type { Services } from "./gateway.ts";
import { Presence } from "./instances.ts";
import { type Hasten, ItemMemory, ON_THE_WAY } from "./item-memory.ts";
import { LastServed } from "./last-served.ts";
import { LimitGauges } from "./limits/gauges.ts";
import { Metrics } from "./metrics.ts";
import { PromptKeeper } from "./prompts.ts";
import { ReasoningMemory } from "./reasoning-memory.ts";
import { Stored } from "./stored/index.ts";
import type { Topic } from "./workers/messages.ts";

/** How often the store is asked again for what another machine may have on the way. */
const LOOKS = 5;

export function servicesOf(
  own: Pick<Services, "store" | "counters" | "log" | "version" | "team">,
  responses: ResponsesConfig,
): Services {
  const stored = new Stored(own.store, responses, own.log);
  return {
    ...own,
    mint: randomMint(),
    clock: Date.now,
    items: new ItemMemory(stored.shelf, hastener(own, "items")),
    reasoning: new ReasoningMemory(stored.shelf, hastener(own, "thoughts")),
    served: new LastServed(),
    metrics: new Metrics(),
    stored,
    presence: new Presence(own.store, { name: stored.owner.name, version: own.version }, own.log),
    prompts: new PromptKeeper(own.store.engine, () => stored.envelope, own.log),
    limitGauges: new LimitGauges(),
  };
}

/** Workers are asked, once; other machines waited for, most of the time in the first and shortest pause. */
function hastener({ store, team }: Pick<Services, "store" | "team">, topic: Topic): Hasten | undefined {
  if (store.engine.kind === "postgres")
    return (looked) => (looked > LOOKS ? undefined : Bun.sleep(ON_THE_WAY * 2 ** (looked - LOOKS - 1)));
  return team && ((looked) => (looked > 1 ? undefined : team.all(topic)));
}

function randomMint(): Mint {
  return {
    id: (prefix) => prefix + Bun.randomUUIDv7("hex").replaceAll("-", ""),
    now: () => Math.floor(Date.now() / 1000),
  };
}
