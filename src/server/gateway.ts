// Everything one configuration makes: upstreams, plugin chain, catalogue. A reload builds a new one and swaps it whole.

import { type AccountsSetting, ConfiguredAccounts } from "../account/accounts.ts";
import type { Config, UpstreamConfig } from "../config/load.ts";
import type { Failure } from "../core/failure.ts";
import type { Dialect, Licence, Log, Plugin } from "../core/hooks.ts";
import type { Mint } from "../core/mint.ts";
import type { FilePlugin } from "../plugin/load.ts";
import type { Counters } from "../store/counters/index.ts";
import type { Store } from "../store/index.ts";
import { type AccountConfig, createUpstream, type Transport, type Upstream } from "../upstream/index.ts";
import type { Sandbox } from "../upstream/sandbox/index.ts";
import { Chain } from "./chain.ts";
import { Contributed } from "./contributed.ts";
import type { Presence } from "./instances.ts";
import type { ItemMemory } from "./item-memory.ts";
import type { LastServed } from "./last-served.ts";
import { Lease } from "./lease.ts";
import type { LimitGauges } from "./limits/gauges.ts";
import { Limiter } from "./limits/limiter.ts";
import type { Metrics } from "./metrics.ts";
import { Catalogue } from "./models.ts";
import type { SharedHost } from "./plugins/host.ts";
import { type ChainEntry, wantsThread } from "./plugins/link.ts";
import type { PromptKeeper } from "./prompts.ts";
import { Pulse } from "./pulse.ts";
import type { ReasoningMemory } from "./reasoning-memory.ts";
import type { Stored } from "./stored/index.ts";
import type { Telemetry } from "./telemetry/index.ts";
import type { Team } from "./workers/member.ts";

/** What outlives a configuration: the process's own parts. */
export interface Services {
  store: Store;
  log: Log;
  mint: Mint;
  clock: () => number;
  version: string;
  items: ItemMemory;
  reasoning: ReasoningMemory;
  served: LastServed;
  metrics: Metrics;
  stored: Stored;
  prompts: PromptKeeper;
  counters: Counters;
  presence: Presence;
  limitGauges: LimitGauges;
  /** Where several processes serve together: this one's way to the others. */
  team?: Team | undefined;
}

/** An exchange that is not over: what a drain waits for, and ends when its time is up. */
export interface Live {
  interrupt(failure: Failure): void;
}

/** A configuration, and the plugins that were loaded for it from files. */
export interface Configured {
  config: Config;
  files: readonly FilePlugin[];
}

/** One that was read from its files. */
export interface Read extends Configured {
  /** Unix time, in milliseconds, before anything of it was read. */
  readAt: number;
}

export interface Gateway {
  config: Config;
  chain: Chain;
  contributed: Contributed;
  /** Held by whatever still needs this gateway. */
  lease: Lease;
  dialects: ReadonlyMap<string, Dialect>;
  upstreams: Upstream[];
  models: Catalogue;
  pulse: Pulse;
  limiter: Limiter;
  /** Undefined where nobody wants traces. */
  telemetry: Telemetry | undefined;
  services: Services;
  dispose(): Promise<void>;
}

/** The name of the upstream that `--sandbox` adds. */
const SANDBOX = "sandbox";

/**
 * Builds a gateway, which the files' plugins belong to from then on: they go with it, or at once when it cannot be built. Rejects with
 * an `Error` that says what in the configuration cannot work.
 */
export async function createGateway(
  configured: Configured,
  services: Services,
  builtIn: readonly Plugin<never>[],
): Promise<Gateway> {
  try {
    return await build(configured, services, builtIn);
  } catch (error) {
    for (const { container } of configured.files) container.dispose();
    throw error;
  }
}

async function build(
  { config, files }: Configured,
  services: Services,
  builtIn: readonly Plugin<never>[],
): Promise<Gateway> {
  const upstreams = await upstreamsOf(config, services);
  const models = new Catalogue(upstreams, config.models, services);
  const host = hostOf(config, services, models, upstreams);
  const entries = await runnable(entriesOf({ config, files }, builtIn), host);
  // What runs in a thread has nothing more to do here.
  for (const { thread, file = "" } of entries) if (thread) files.find(isAt(file))?.container.dispose();
  try {
    const telemetry = await telemetryOf(config, services);
    return gatewayOf({ config, files }, new Chain(entries, host), { upstreams, models, telemetry, services });
  } catch (error) {
    for (const { thread } of entries) thread?.end();
    throw error;
  }
}

async function telemetryOf(config: Config, services: Services): Promise<Telemetry | undefined> {
  if (!config.telemetry) return undefined;
  const { Telemetry } = await import("./telemetry/index.ts");
  return new Telemetry(config.telemetry, config, services);
}

/** The entries, those in threads that want one. Threads are loaded only where there is a use for them. */
export async function runnable(entries: ChainEntry[], host: SharedHost): Promise<ChainEntry[]> {
  if (!entries.some(wantsThread)) return entries;
  const { inThreads } = await import("./plugins/thread/thread.ts");
  return await inThreads(entries, host);
}

function gatewayOf(
  { config, files }: Configured,
  chain: Chain,
  { upstreams, models, telemetry, services }: Pick<Gateway, "upstreams" | "models" | "telemetry" | "services">,
): Gateway {
  if (chain.dialects.length === 0)
    throw new Error("plugins: no plugin of the chain brings a dialect, so nobody could be answered; add translate");
  for (const { plugin, container } of files)
    container.onError((error, kind) => chain.links.find(({ name }) => name === plugin.name)?.late(error, kind));
  const contributed = new Contributed(chain.links, config.server.basePath);
  services.metrics.gateways++;
  return {
    config,
    chain,
    contributed,
    lease: new Lease(),
    dialects: new Map(chain.dialects.map((dialect) => [dialect.name, dialect])),
    upstreams,
    models,
    pulse: new Pulse(config.limits.heartbeat),
    limiter: new Limiter(config, services),
    telemetry,
    services,
    async dispose() {
      await Promise.all([chain.dispose(), telemetry?.close()]);
      services.metrics.gateways--;
      for (const { container } of files) container.dispose();
    },
  };
}

/** The chain with its plugins: a file's where the configuration has a file, else the built-in of that name. */
export function entriesOf({ config, files }: Configured, builtIn: readonly Plugin<never>[]): ChainEntry[] {
  return config.plugins.map(({ name, file, options, ...settings }) => {
    const plugin = file === undefined ? builtIn.find((one) => one.name === name) : files.find(isAt(file))?.plugin;
    if (!plugin)
      throw new Error(`plugins: there is no plugin ${name}; legal: ${builtIn.map((one) => one.name).join(", ")}`);
    return { plugin, options, file, ...settings };
  });
}

const isAt =
  (file: string) =>
  ({ path }: FilePlugin): boolean =>
    path === file;

/** The upstreams of a configuration, the embedded one first. */
export async function upstreamsOf(
  config: Config,
  {
    clock,
    log,
    mint,
    version,
    store,
  }: Pick<Services, "log" | "mint" | "clock" | "version"> & { store?: Pick<Store, "accounts" | "pins"> },
): Promise<Upstream[]> {
  const { connect, firstByte, idle } = config.limits;
  const accountsWith = (setting: AccountsSetting) => (configs: readonly AccountConfig[], missing?: string) =>
    new ConfiguredAccounts(configs, clock, missing, setting);
  const shared = { accounts: accountsWith({}), clock, log, mint, version, limits: { connect, firstByte, idle } };
  const upstreams = await Promise.all(
    config.upstreams.map((settings) => {
      const accounts = accountsWith(accountsSetting(settings, config, { log, ...(store ? { store } : {}) }));
      return createUpstream(settings, { ...shared, accounts });
    }),
  );
  if (!config.sandbox) return upstreams;
  let sandbox: Promise<Sandbox> | undefined;
  const transport: Transport = async (url, init) => {
    // Loaded with the first question: a server that is just starting has better things to do.
    sandbox ??= import("../upstream/sandbox/index.ts").then(({ createSandbox }) => createSandbox());
    return (await sandbox).fetch(new Request(url, init));
  };
  const embedded = await createUpstream(
    {
      name: SANDBOX,
      kind: "chatgpt",
      wire: "compact",
      baseUrl: "http://sandbox.invalid/backend-api/codex",
      instructions: "You are a helpful assistant.",
      accounts: [{ name: SANDBOX, accessToken: "sandbox", accountId: "sandbox" }],
    },
    { ...shared, transport },
  );
  return [embedded, ...upstreams];
}

/** Logins join the upstreams of kind chatgpt by themselves, and API keys those of kind openai. */
function accountsSetting(
  { name, kind, baseUrl, issuer, chatgptUrl, strategy }: UpstreamConfig,
  { upstreams }: Config,
  { log, store }: { log: Log; store?: Pick<Store, "accounts" | "pins"> },
): AccountsSetting {
  const kinds = { chatgpt: ["chatgpt", "personal"], openai: ["key"], compatible: [] } as const;
  // As the Codex CLI: only the backend's own address is asked where a workspace belongs, never another in its place.
  const isBackend = kind === "chatgpt" && baseUrl.replace(/\/+$/, "") === `${chatgptUrl.replace(/\/+$/, "")}/codex`;
  return {
    log,
    upstream: name,
    issuer,
    strategy,
    kinds: kinds[kind],
    taken: new Set(upstreams.flatMap(({ accounts }) => accounts.map(({ name }) => name))),
    ...(store ? { store: store.accounts, pins: store.pins } : {}),
    ...(isBackend ? { chatgptUrl } : {}),
  };
}

export function hostOf(
  config: Config,
  { store, log, mint, clock }: Pick<Services, "store" | "log" | "mint" | "clock">,
  models: Catalogue,
  upstreams: readonly Upstream[],
): SharedHost {
  const fromEnvironment = new Map<string, Licence>();
  for (const [index, key] of config.keys.entries()) {
    const digest = new Bun.CryptoHasher("sha256").update(key).digest("hex");
    fromEnvironment.set(digest, { id: config.keys.length === 1 ? "env" : `env-${index + 1}`, digest });
  }
  return {
    log,
    mint,
    models,
    upstreams,
    clock,
    licences: {
      find: (digest) => fromEnvironment.get(digest) ?? store.licences.find(digest),
      count: (which) => fromEnvironment.size + store.licences.count(which),
    },
    receipts: { write: (receipt) => store.receipts.write(receipt) },
    values: store.values,
    limits: config.limits,
  };
}
