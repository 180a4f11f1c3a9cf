// A server without a port: one plugin in a chain, the sandbox or a replay as its upstream, and everything that was left behind.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../package.json";
import { builtIn } from "../../plugins/index.ts";
import { type Config, loadConfig } from "../config/load.ts";
import type { Log, Plugin } from "../core/hooks.ts";
import type { Receipt } from "../core/receipt.ts";
import { Container } from "../plugin/container.ts";
import type { FilePlugin } from "../plugin/load.ts";
import { optionFaults } from "../plugin/option-faults.ts";
import { createApp } from "../server/app.ts";
import { frontAnswer } from "../server/front.ts";
import { createGateway, type Gateway, type Services } from "../server/gateway.ts";
import { servicesOf } from "../server/lasting.ts";
import type { Surroundings } from "../server/surroundings.ts";
import type { Traffic } from "../server/traffic.ts";
import { openCounters } from "../store/counters/index.ts";
import { openStore } from "../store/index.ts";
import type { LogLine, TrialSettings } from "./trial-types.ts";

const DEFAULT = ["auth", "model-effort", "translate", "usage-log", "compact"];
/** Milliseconds within which an exchange has to leave its receipt once its last byte was read. */
const PATIENCE = 2000;

export interface Trial extends AsyncDisposable {
  readonly gateway: Gateway;
  /** `http://localhost/codex`, for requests; nobody listens there. */
  readonly base: string;
  readonly receipts: readonly Receipt[];
  readonly lines: readonly LogLine[];
  /** A path below the base path, or a whole address below `http://localhost`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** The receipts of a request, at least one of them as soon as it is there. */
  receiptsOf(id: string): Promise<Receipt[]>;
}

/** Sets it up. Rejects with what the configuration's own check finds wrong with the options. */
export async function startTrial(
  plugin: Plugin<never> | FilePlugin | undefined,
  settings: TrialSettings = {},
): Promise<Trial> {
  const folder = mkdtempSync(join(tmpdir(), "codexd-trial-"));
  try {
    return await started(plugin && fileOf(plugin, folder), settings, folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(inWordsOfPlugin((error as Error).message, folder));
  }
}

/** The configuration that stands in for a real one says nothing to anybody. */
function inWordsOfPlugin(message: string, folder: string): string {
  return message
    .replaceAll(`${join(folder, "codexd.yaml")}: `, "")
    .replace(/^plugins\[\d+\]\["[^"]*"\]/gm, "options")
    .replace(/^plugins\[\d+\]: /gm, "");
}

function fileOf(plugin: Plugin<never> | FilePlugin, folder: string): FilePlugin {
  if ("container" in plugin) return plugin;
  const path = join(folder, `${plugin.name}.ts`);
  // Nothing is loaded anew here, so nothing has to end with the plugin.
  return {
    plugin: { ...plugin, setup: (host, options) => plugin.setup(host, options), worker: false },
    path,
    file: path,
    container: new Container(),
    faults: (options) => optionFaults(plugin, options),
  };
}

async function started(file: FilePlugin | undefined, settings: TrialSettings, folder: string): Promise<Trial> {
  const config = configOf(file, settings, folder);
  const lines: LogLine[] = [];
  const log = collector(lines);
  const store = await openStore(config.data, { log });
  const counters = await openCounters("memory", store.engine, log);
  const receipts: Receipt[] = [];
  const written = watched(store.receipts, receipts);
  const services = servicesOf({ store: { ...store, receipts: written }, counters, log, version }, config.responses);
  const close = () => closed(services, folder);
  try {
    const gateway = await createGateway({ config, files: file ? [file] : [] }, services, builtIn);
    gateway.chain.start({ host: config.server.host, loopback: true });
    await gateway.chain.ready();
    return new Running(gateway, receipts, lines, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** The configuration goes the way of every other, so that its check and its words are the server's. */
function configOf(file: FilePlugin | undefined, settings: TrialSettings, folder: string): Config {
  const { options, chain = DEFAULT, config = {}, ...entry } = settings;
  const own = file && { [file.path]: options ?? null, ...entry };
  const named = chain.map((name) => (name === file?.plugin.name ? own : name));
  const plugins = !own || named.includes(own) ? named : [...named, own];
  const path = join(folder, "codexd.yaml");
  writeFileSync(path, JSON.stringify({ ...config, plugins }));
  return loadConfig(
    { config: path, data: join(folder, "data"), sandbox: config.upstreams === undefined },
    builtIn,
    { env: {}, cwd: folder, home: folder, tty: false },
    undefined,
    new Map(file ? [[file.path, file]] : []),
  );
}

function collector(lines: LogLine[]): Log {
  const at = (level: LogLine["level"]) => (message: string, fields?: Record<string, unknown>) =>
    void lines.push({ level, message, ...(fields && { fields }) });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The same receipts, each also remembered here as it is written. */
function watched(receipts: Services["store"]["receipts"], into: Receipt[]): Services["store"]["receipts"] {
  return new Proxy(receipts, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "write") return value.bind(target);
      return (receipt: Receipt) => {
        into.push(receipt);
        target.write(receipt);
      };
    },
  });
}

async function closed({ items, reasoning, counters, stored, store }: Services, folder: string): Promise<void> {
  await Promise.all([items.close(), reasoning.close()]);
  await counters.close();
  await stored.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
}

class Running implements Trial {
  readonly gateway: Gateway;
  readonly receipts: readonly Receipt[];
  readonly lines: readonly LogLine[];
  readonly #close: () => Promise<void>;
  readonly #traffic: Traffic = { live: new Set(), draining: false };
  readonly #around: Surroundings = { peerOf: () => "127.0.0.1", loopback: true };
  readonly #app: ReturnType<typeof createApp>;

  constructor(gateway: Gateway, receipts: Receipt[], lines: LogLine[], close: () => Promise<void>) {
    this.gateway = gateway;
    this.receipts = receipts;
    this.lines = lines;
    this.#close = close;
    this.#app = createApp(gateway, this.#traffic, this.#around);
  }

  get base(): string {
    return `http://localhost${this.gateway.config.server.basePath}`;
  }

  async fetch(path: string, init?: RequestInit): Promise<Response> {
    const request = new Request(/^https?:/.test(path) ? path : this.base + path, init);
    request.headers.set("host", "localhost");
    const { metrics } = this.gateway.services;
    const setting = {
      gateway: this.gateway,
      traffic: this.#traffic,
      around: this.#around,
      metrics,
      reload: async () => [],
    };
    return (await frontAnswer(request, setting)) ?? (await this.#app.fetch(request));
  }

  async receiptsOf(id: string): Promise<Receipt[]> {
    const own = () => this.receipts.filter((receipt) => receipt.id === id);
    for (const end = performance.now() + PATIENCE; own().length === 0 && performance.now() < end; ) await Bun.sleep(2);
    return own();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.dispose();
    await this.#close();
  }
}
