// Opens the port, follows signals, and swaps configurations whole without touching a stream.

import { maskUrl } from "../config/present.ts";
import { Failure } from "../core/failure.ts";
import type { Plugin } from "../core/hooks.ts";
import { openCounters } from "../store/counters/index.ts";
import { openStore } from "../store/index.ts";
import type { App } from "./app.ts";
import { Follower } from "./follow.ts";
import { frontAnswer, ownMetrics } from "./front.ts";
import { createGateway, type Gateway, type Read, type Services } from "./gateway.ts";
import { chainDigest } from "./instances.ts";
import { servicesOf } from "./lasting.ts";
import { catchLateErrors } from "./late-errors.ts";
import { createLog } from "./log.ts";
import { reportOf } from "./plugins/report.ts";
import { openPort, urlOf } from "./port.ts";
import { Retention } from "./retention.ts";
import type { Traffic } from "./traffic.ts";
import type { Team } from "./workers/member.ts";
import type { Topic } from "./workers/messages.ts";

export interface ServeOptions {
  builtIn: readonly Plugin<never>[];
  /** Reads the configuration again, for a reload, and loads its plugins anew; rejects with what is wrong. */
  reload(): Promise<Read>;
  /** Where the plugins are that it names by path, as far as it can be read. */
  pluginPaths(): string[];
  version: string;
  /** Where this process is one of several that share the port. */
  team?: Team | undefined;
}

export interface Serving {
  /** `http://host:port` */
  url: string;
  /** `url` with the base path. */
  base: string;
  /** Begins a drain, as SIGTERM does. */
  stop(): Promise<void>;
  /** Resolves with the exit code. */
  closed: Promise<number>;
}

/** Between `/readyz` turning 503 and the closed listener: time for a balancer's next probe on an open connection. */
const READY_GRACE = 50;

/** Milliseconds after the port is open at which the parts that a probe does not need are loaded. */
const PREPARE = 20;

export async function serve(configured: Read, options: ServeOptions): Promise<Serving> {
  const { config } = configured;
  const { team } = options;
  const log = createLog(config.log, undefined, team && { worker: team.number });
  const store = await openStore(config.data, { store: config.store, log });
  const there: Team["count"] | undefined = team && ((counts, holds) => team.count(counts, holds));
  const counters = await openCounters(config.counters, store.engine, log, there);
  const server = new Server(configured, options, { store, counters, log, team });
  await server.start(configured);
  return server;
}

class Server implements Serving {
  readonly #options: ServeOptions;
  readonly #services: Services;
  readonly #traffic: Traffic;
  readonly #ended = Promise.withResolvers<number>();
  readonly #loopback: boolean;
  readonly #follower = new Follower(() => void this.#reload());
  /** Gateways that were replaced and are still needed by exchanges that began on them. */
  readonly #retired = new Set<Promise<void>>();
  #gateway!: Gateway;
  #app: Promise<App> | undefined;
  #reloading: Promise<void> | undefined;
  #reloadAgain = false;
  /** Of the last reload. */
  #problems: readonly string[] = [];
  readonly #readAt: number;
  readonly #retention: Retention;
  #server: ReturnType<typeof Bun.serve> | undefined;
  #signals = 0;
  #uncaught: (() => void) | undefined;

  constructor(configured: Read, options: ServeOptions, own: Pick<Services, "store" | "counters" | "log" | "team">) {
    const { config } = configured;
    this.#readAt = configured.readAt;
    this.#options = options;
    this.#services = servicesOf({ ...own, version: options.version }, config.responses);
    this.#retention = new Retention(own.store.engine, own.log);
    this.#retention.keep = config.receipts.keep;
    this.#loopback = isLoopback(config.server.host);
    const { team } = own;
    const share = (streams: number) => Math.max(1, Math.ceil((streams - (team?.number ?? 1) + 1) / (team?.of ?? 1)));
    this.#traffic = { live: new Set(), draining: false, ...(team && { share }) };
  }

  get url(): string {
    return urlOf(this.#server ?? {});
  }

  get base(): string {
    return `${this.url}${this.#gateway.config.server.basePath}`;
  }

  get closed(): Promise<number> {
    return this.#ended.promise;
  }

  async #build(configured: Read): Promise<Gateway> {
    const { host } = configured.config.server;
    const gateway = await createGateway(configured, this.#services, this.#options.builtIn);
    try {
      gateway.chain.start({ host, loopback: isLoopback(host) });
    } catch (error) {
      void gateway.dispose();
      throw error;
    }
    return gateway;
  }

  async start(configured: Read): Promise<void> {
    this.#gateway = await this.#build(configured);
    this.#open();
    this.#services.presence.chain = chainDigest(configured, this.#services.store);
    await this.#follow(this.#readAt);
  }

  /** Apart from the start: what listens for signals lives as long as the process, and would hold the first plugins with it. */
  #open(): void {
    const { host, port } = this.#gateway.config.server;
    const { team } = this.#services;
    this.#server = this.#listen(host, team?.port || port);
    team?.respond((topic) => this.#respond(topic));
    team?.onAlone(() => void this.stop());
    setTimeout(() => this.#prepare(), PREPARE).unref();
    this.#uncaught = catchLateErrors(this.#services.log, () => this.#gateway.chain.links);
    process.on("SIGTERM", () => void this.#signalled());
    process.on("SIGINT", () => void this.#signalled());
    process.on("SIGHUP", () => void this.#reload());
  }

  #listen(host: string, port: number): ReturnType<typeof Bun.serve> {
    return openPort({
      host,
      port,
      shared: this.#services.team !== undefined,
      fetch: (request) => this.#answer(request),
      error: (error) => {
        this.#services.log.error("internal error", { error: String(error), stack: error.stack });
        return new Response("codexd met an internal error\n", { status: 500 });
      },
    });
  }

  /** Gets ready for the first exchange, when the probes that wait for the port have had their answer. */
  #prepare(): void {
    void this.#gateway.models.ready();
    void this.#application();
  }

  /** Loaded after the port is open: the first probe need not wait for the framework. */
  #application(): Promise<App> {
    this.#app ??= this.#load(this.#gateway);
    return this.#app;
  }

  async #load(gateway: Gateway): Promise<App> {
    const [{ createApp }] = await Promise.all([import("./app.ts"), gateway.chain.ready()]);
    return createApp(gateway, this.#traffic, {
      peerOf: (request) => this.#server?.requestIP(request)?.address ?? "unknown",
      loopback: this.#loopback,
    });
  }

  async #answer(request: Request): Promise<Response> {
    const gateway = this.#gateway;
    const release = gateway.lease.take();
    const around = {
      peerOf: (one: Request) => this.#server?.requestIP(one)?.address ?? "unknown",
      loopback: this.#loopback,
    };
    try {
      const front = await frontAnswer(request, {
        gateway,
        traffic: this.#traffic,
        around,
        metrics: this.#services.metrics,
        reload: () => this.#reloadAll(),
      });
      return front ?? (await (await this.#application()).fetch(request));
    } finally {
      release();
    }
  }

  /** One reload at a time; what is asked for meanwhile is one more, so that the last state wins. */
  async #reload(): Promise<readonly string[]> {
    this.#reloadAgain = true;
    this.#reloading ??= (async () => {
      while (this.#reloadAgain && !this.#traffic.draining) {
        this.#reloadAgain = false;
        const began = Date.now();
        this.#problems = await this.#swap();
        await this.#follow(began);
      }
      this.#reloading = undefined;
    })();
    await this.#reloading;
    return this.#problems;
  }

  /** Of all workers; a file that is wrong is so for each of them. */
  async #reloadAll(): Promise<readonly string[]> {
    const told = await this.#services.team?.all<string[]>("reload").catch(() => undefined);
    if (!told) return await this.#reload();
    return [...new Set(told.flatMap(({ answer }) => answer))];
  }

  /** Gives what is wrong. */
  async #swap(): Promise<readonly string[]> {
    const { log } = this.#services;
    try {
      const read = this.#asNow(await this.#options.reload());
      const next = await this.#build(read);
      const app = await this.#load(next).catch(async (error) => {
        await next.dispose();
        throw error;
      });
      const old = this.#gateway;
      this.#gateway = next;
      this.#services.presence.chain = chainDigest(read, this.#services.store);
      this.#services.stored.policy = next.config.responses;
      this.#retention.keep = next.config.receipts.keep;
      this.#app = Promise.resolve(app);
      void next.models.ready();
      this.#retire(old);
      log.info("configuration reloaded", { file: next.config.file });
      return [];
    } catch (error) {
      const { message } = error as Error;
      log.error("the configuration was not reloaded; the old one goes on", { error: message });
      return message.split("\n");
    }
  }

  /** A new configuration without what only a start can change, which is told. */
  #asNow({ config, files, readAt }: Read): Read {
    const { log } = this.#services;
    const now = this.#gateway.config;
    for (const [key, before, after] of [
      ["server.host", now.server.host, config.server.host],
      ["server.port", now.server.port, config.server.port],
      ["server.workers", now.server.workers, config.server.workers],
      ["data", now.data, config.data],
      ["counters", maskUrl(now.counters), maskUrl(config.counters)],
    ] as const) {
      if (before !== after) log.warn(`${key} takes effect at the next start`, { now: before, configured: after });
    }
    // Its address may have a password in it.
    if (now.store !== config.store) log.warn("store takes effect at the next start");
    const { host, port, workers } = now.server;
    const server = { ...config.server, host, port, workers };
    return { config: { ...config, data: now.data, store: now.store, server }, files, readAt };
  }

  /** Exchanges that began on a gateway end on it; then its plugins go. */
  #retire(old: Gateway): void {
    const gone = old.lease
      .retire()
      .then(() => old.dispose())
      .catch((error) => this.#services.log.error("an old configuration did not end well", { error: String(error) }));
    this.#retired.add(gone);
    void gone.finally(() => this.#retired.delete(gone));
  }

  async #follow(readAt: number): Promise<void> {
    const { server, file } = this.#gateway.config;
    if (!server.watch || file === undefined) return await this.#follower.follow(undefined);
    // What the file names now, which may be what could not be loaded.
    const named = this.#named();
    const running = this.#gateway.config.plugins.flatMap((plugin) => plugin.file ?? []);
    await this.#follower.follow({ config: file, plugins: [...new Set([...named, ...running])] }, readAt);
  }

  #named(): string[] {
    try {
      return this.#options.pluginPaths();
    } catch {
      return [];
    }
  }

  /** This worker's part of what all of them are asked. */
  #respond(topic: Topic): unknown {
    switch (topic) {
      case "metrics":
        return ownMetrics({ gateway: this.#gateway, traffic: this.#traffic, metrics: this.#services.metrics });
      case "plugins":
        return this.#gateway.chain.links.map(reportOf);
      case "reload":
        return this.#reload();
      case "items":
        return this.#services.items.close().then(() => true);
      case "thoughts":
        return this.#services.reasoning.close().then(() => true);
    }
  }

  async #signalled(): Promise<void> {
    // A terminal tells the workers too, and the process above them once more; only that one counts.
    if (++this.#signals > 1 && !this.#services.team) {
      this.#ended.resolve(1);
      process.exit(1);
    }
    await this.stop();
  }

  async stop(): Promise<void> {
    if (this.#traffic.draining) return;
    const { live } = this.#traffic;
    this.#traffic.draining = true;
    this.#services.log.info("shutting down", { open: live.size });
    await Bun.sleep(READY_GRACE);
    const closing = this.#server?.stop();
    const deadline = performance.now() + this.#gateway.config.limits.drain;
    while (live.size > 0 && performance.now() < deadline) await Bun.sleep(20);
    const failure = new Failure("shutting_down", {
      code: "server_shutting_down",
      message: "this server is shutting down",
      retryAfter: 5,
    });
    for (const exchange of [...live]) exchange.interrupt(failure);
    // What was interrupted still has its last frames to write; a client that does not read them is cut.
    await Promise.race([closing, Bun.sleep(1000)]);
    await this.#server?.stop(true);
    this.#follower.stop();
    await Promise.race([Promise.all(this.#retired), Bun.sleep(1000)]);
    await this.#gateway.dispose();
    await Promise.all([this.#services.items.close(), this.#services.reasoning.close()]);
    await this.#services.counters.close();
    await this.#services.stored.close();
    await Promise.all([this.#services.prompts.close(), this.#services.presence.close(), this.#retention.close()]);
    await this.#services.store.close();
    this.#uncaught?.();
    this.#ended.resolve(0);
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
