// A gateway for the doctor alone: the configured one without licences and receipts, asked in this process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtIn } from "../../../plugins/index.ts";
import type { Config } from "../../config/load.ts";
import type { Log } from "../../core/hooks.ts";
import { createApp } from "../../server/app.ts";
import { type Configured, createGateway, type Gateway, type Services } from "../../server/gateway.ts";
import { Presence } from "../../server/instances.ts";
import { ItemMemory } from "../../server/item-memory.ts";
import { LastServed } from "../../server/last-served.ts";
import { LimitGauges } from "../../server/limits/gauges.ts";
import { Metrics } from "../../server/metrics.ts";
import { PromptKeeper } from "../../server/prompts.ts";
import { ReasoningMemory } from "../../server/reasoning-memory.ts";
import { Stored } from "../../server/stored/index.ts";
import { MemoryCounters } from "../../store/counters/index.ts";
import { openStore } from "../../store/index.ts";
import { isThere } from "../store.ts";
import { versionInfo } from "../version.ts";
import { type Ask, dialects } from "./dialects.ts";
import type { Finding } from "./finding.ts";
import { lookAt } from "./upstreams.ts";

export interface Examined {
  /** What is found of the configured upstreams and their accounts. */
  upstreams(): Promise<Finding[]>;
  /** What the dialects answer here. */
  local(model?: string): Promise<Finding[]>;
}

/** The store is the real one, so that a login that is renewed here is kept; where there is none yet, none is made. */
export async function withGateway(
  { config, files }: Configured,
  look: (examined: Examined) => Promise<Finding[]>,
): Promise<Finding[]> {
  const passing = isThere(config) ? undefined : mkdtempSync(join(tmpdir(), "codexd-doctor-"));
  const store = await openStore(passing ?? config.data, { store: config.store, patience: 5000 });
  const stored = new Stored(store, config.responses, QUIET);
  try {
    const prompts = new PromptKeeper(store.engine, () => stored.envelope, QUIET);
    const presence = new Presence(store, { name: stored.owner.name, version: versionInfo().version }, QUIET);
    const services: Services = { ...fixed(), store, stored, prompts, presence };
    const plugins = config.plugins.filter(({ name }) => name !== "auth" && name !== "usage-log");
    const gateway = await createGateway({ config: { ...config, plugins }, files }, services, builtIn);
    await gateway.chain.ready();
    const findings = await look({
      upstreams: () => upstreamsIn(config, gateway),
      local: (model) => dialects(askIn(gateway), undefined, model),
    });
    await gateway.dispose();
    return findings;
  } finally {
    await stored.close();
    await store.close();
    if (passing) rmSync(passing, { recursive: true, force: true });
  }
}

const quiet = () => undefined;
/** What is wrong is told as a finding. */
const QUIET: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

function fixed(): Omit<Services, "store" | "stored" | "prompts" | "presence"> {
  return {
    log: QUIET,
    mint: { id: (prefix) => prefix + Bun.randomUUIDv7("hex"), now: () => Math.floor(Date.now() / 1000) },
    clock: Date.now,
    version: versionInfo().version,
    items: new ItemMemory(),
    reasoning: new ReasoningMemory(),
    served: new LastServed(),
    metrics: new Metrics(),
    counters: new MemoryCounters(Date.now),
    limitGauges: new LimitGauges(),
  };
}

async function upstreamsIn(config: Config, gateway: Gateway): Promise<Finding[]> {
  const findings = config.upstreams.map((settings) => {
    const upstream = gateway.upstreams.find(({ name }) => name === settings.name);
    return upstream ? lookAt({ config: settings, upstream, version: gateway.services.version }) : [];
  });
  return (await Promise.all(findings)).flat();
}

function askIn(gateway: Gateway): Ask {
  const app = createApp(gateway, { live: new Set(), draining: false }, { peerOf: () => "127.0.0.1", loopback: true });
  const base = `http://localhost${gateway.config.server.basePath}`;
  return async (path, init) => {
    const answer = await app.fetch(new Request(base + path, init));
    return { status: answer.status, text: await answer.text() };
  };
}
