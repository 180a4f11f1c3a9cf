// Finds, reads and completes the configuration: flags before environment before file before defaults.

import { dirname } from "node:path";
import type { ReasoningStyle } from "../core/hooks.ts";
import type { Prices } from "../core/price.ts";
import { type Files, type PluginConfig, type PluginShape, pathsIn, readChain } from "./chain.ts";
import { type Checking, check } from "./check.ts";
import { absolute, ConfigError, findFile, here, parseFile, type Surroundings } from "./file.ts";
import { fill } from "./placeholder.ts";
import { type QuotaConfig, readPrices, readQuotas } from "./quotas.ts";
import { configSchema } from "./schema.ts";
import { readUpstreams, type UpstreamConfig, upstreamOfEnvironment } from "./upstreams.ts";

export type { Files, PluginConfig, PluginShape } from "./chain.ts";
export { ConfigError, type Surroundings } from "./file.ts";
export type { QuotaConfig } from "./quotas.ts";
export type { AccountConfig, UpstreamConfig } from "./upstreams.ts";

/** The configuration as everything else reads it: complete, checked, in bytes and milliseconds. */
export interface Config {
  /** The file it came from; absent when there was none. */
  file?: string;
  server: { host: string; port: number; basePath: string; watch: boolean; workers: number };
  limits: {
    streams: number;
    body: number;
    connect: number;
    firstByte: number;
    idle: number;
    hold: number;
    heartbeat: number;
    drain: number;
    retries: number;
  };
  strict: boolean;
  reasoning: ReasoningStyle;
  responses: ResponsesConfig;
  /** For how long single receipts are kept, in milliseconds; 0 for ever. */
  receipts: { keep: number };
  /** Where traces go; absent where nobody wants them. */
  telemetry?: { otlp: string; headers: Record<string, string>; service: string };
  /** Absolute path of the data directory. */
  data: string;
  /** `sqlite`, or the address of a Postgres. */
  store: string;
  /** `memory` or the address of a Redis. */
  counters: string;
  quotas: QuotaConfig[];
  prices?: Prices;
  /** In the order of the file. */
  upstreams: UpstreamConfig[];
  models: { default?: string; aliases: Record<string, string> };
  /** In the order in which they run. */
  plugins: PluginConfig[];
  /** Plain licences of `CODEXD_KEYS`. */
  keys: string[];
  log: { level: LogLevel; format: LogFormat };
  /** Adds the embedded upstream as the default one. */
  sandbox: boolean;
}

/** What is kept of answers, for how long (milliseconds), in how many bytes, and under which key. */
export interface ResponsesConfig {
  store: "explicit" | "off" | "all";
  ttl: number;
  maxBytes: number;
  key?: string;
}

const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
const LOG_FORMATS = ["pretty", "json"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = (typeof LOG_FORMATS)[number];

/** What the command line says. */
export interface Flags {
  config?: string | undefined;
  host?: string | undefined;
  port?: number | undefined;
  data?: string | undefined;
  sandbox?: boolean | undefined;
  workers?: number | undefined;
}

/**
 * The configuration to serve with, options of the given plugins checked too. Throws `ConfigError` with all problems at once.
 * A data directory with a login of `codexd login` in it says enough where nothing else names an upstream: `loggedIn` tells.
 * `files` are the plugins that were loaded for it (`findPluginPaths`); without, their options go unchecked.
 */
export function loadConfig(
  flags: Flags = {},
  plugins: readonly PluginShape[] = [],
  around: Surroundings = here(),
  loggedIn: (data: string) => boolean = () => false,
  files?: Files,
): Config {
  const draft = new Draft(flags, around);
  const config = draft.read(draft.parse(), plugins, files);
  if (config.upstreams.length === 0 && !config.sandbox) {
    const fromEnvironment = upstreamOfEnvironment(around.env);
    if (loggedIn(config.data)) config.upstreams.push(...upstreamsOfLogin());
    else if (fromEnvironment) config.upstreams.push(fromEnvironment);
    else draft.problems.push(noUpstream(config.file));
  }
  draft.finish();
  return config;
}

export interface StorePlace extends Pick<Config, "data" | "store"> {
  /** No upstream is configured: a login in the store may imply one. */
  implied: boolean;
}

/** Only where the store is, for commands that need no upstream: whatever else is wrong in the file does not stop them. */
export function findStore(flags: Pick<Flags, "config" | "data"> = {}, around: Surroundings = here()): StorePlace {
  const draft = new Draft(flags, around);
  const { data: folder, store: engine, upstreams } = (draft.parse() ?? {}) as Record<string, unknown>;
  const { data, store } = draft.read({ data: folder, store: engine }, []);
  draft.finish();
  return { data, store, implied: Object.keys(upstreams ?? {}).length === 0 };
}

/** The price table, for commands that only need it to estimate: nothing else has to be right. */
export function findPrices(flags: Pick<Flags, "config"> = {}, around: Surroundings = here()): Prices | undefined {
  const draft = new Draft(flags, around);
  const { prices } = (draft.parse() ?? {}) as Record<string, unknown>;
  const found = draft.read(prices === undefined ? {} : { prices }, []).prices;
  draft.finish();
  return found;
}

/** Absolute paths of the plugins that the configuration has from files: they have to be loaded before it can be checked. */
export function findPluginPaths(flags: Pick<Flags, "config"> = {}, around: Surroundings = here()): string[] {
  const draft = new Draft(flags, around);
  return draft.pluginPaths(draft.parse());
}

/** Those of them that it wants in threads of their own: their code is not trusted to run anywhere else. */
export function findThreadPaths(flags: Pick<Flags, "config"> = {}, around: Surroundings = here()): string[] {
  const draft = new Draft(flags, around);
  return draft.pluginPaths(draft.parse(), true);
}

/** Data directory and upstreams (the implied one too), for commands about accounts: nothing else has to be right, and no secret of the file has to be there. */
export function findUpstreams(
  flags: Pick<Flags, "config" | "data"> = {},
  around: Surroundings = here(),
): Pick<Config, "data" | "upstreams"> {
  const draft = new Draft(flags, around);
  const { data, upstreams } = (draft.parse() ?? {}) as Record<string, unknown>;
  const found = draft.read({ ...(data === undefined ? {} : { data }), upstreams: withoutSecrets(upstreams) }, []);
  draft.finish();
  return { data: found.data, upstreams: found.upstreams.length > 0 ? found.upstreams : upstreamsOfLogin() };
}

/** A login happens in a shell that need not have the server's environment, where many secrets come from. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  const secret = (key: string, each: unknown) =>
    (key === "accessToken" || key === "apiKey") && typeof each === "string" ? "secret" : withoutSecrets(each);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, secret(key, each)]));
}

/** What a login alone implies. */
const upstreamsOfLogin = (): UpstreamConfig[] => readUpstreams({ codex: { kind: "chatgpt" } }, () => undefined);

function noUpstream(file: string | undefined): string {
  return `${file === undefined ? "no configuration file and no upstream" : `${file}: upstreams: none`}; start with --sandbox to try without an account, run \`codexd login\`, set OPENAI_API_KEY, or write \`upstreams\` into ${file ?? "codexd.yaml"}`;
}

class Draft {
  readonly problems: string[] = [];
  readonly #flags: Flags;
  readonly #around: Surroundings;
  readonly #file: string | undefined;

  constructor(flags: Flags, around: Surroundings) {
    this.#flags = flags;
    this.#around = around;
    this.#file = findFile(flags.config, around);
  }

  /** The file's mapping; undefined when there is no file or nothing in it. */
  parse(): unknown {
    return this.#file === undefined ? undefined : parseFile(this.#file);
  }

  finish(): void {
    if (this.problems.length > 0) throw new ConfigError(this.problems);
  }

  /** Absolute paths of the plugin files that it names. */
  pluginPaths(parsed: unknown, threads = false): string[] {
    const { plugins } = (parsed ?? {}) as { plugins?: unknown };
    const filled = fill(plugins, "plugins", {
      env: this.#around.env,
      resolve: (path) => path,
      problem: () => undefined,
    });
    return [...new Set(pathsIn(filled, threads).map((path) => this.#resolve(path)))];
  }

  /** A relative path in the file starts at the file's folder. */
  #resolve(path: string): string {
    const base = this.#file === undefined ? this.#around.cwd : dirname(this.#file);
    return absolute(path, base, this.#around.home);
  }

  read(parsed: unknown, plugins: readonly PluginShape[], files?: Files): Config {
    const pathFrom = (path: string): string => this.#resolve(path);
    const told: string[] = [];
    // What was told of a place, or of a part of it, is not told again of the whole.
    const problem = (path: string, message: string): void => {
      if (told.some((known) => known === path || known.startsWith(`${path}.`) || known.startsWith(`${path}[`))) return;
      told.push(path);
      this.problems.push(`${this.#file}: ${path === "" ? "" : `${path}: `}${message}`);
    };
    const filled = fill(parsed, "", { env: this.#around.env, resolve: pathFrom, problem });
    const checking: Checking = { problem, resolve: pathFrom };
    const value = check(configSchema, filled, "", checking) as FileConfig | undefined;
    const file = value ?? (check(configSchema, {}, "", checking) as FileConfig);
    return this.#complete(file, plugins, files, checking);
  }

  #complete(file: FileConfig, plugins: readonly PluginShape[], files: Files | undefined, checking: Checking): Config {
    const { env, cwd, home, tty } = this.#around;
    const { host, port, data, sandbox, workers } = this.#flags;
    const set = (name: string): string | undefined => env[name] || undefined;
    const ownData = data ?? set("CODEXD_DATA");
    const prices = readPrices(file.prices);
    return {
      ...(this.#file === undefined ? {} : { file: this.#file }),
      server: {
        ...file.server,
        basePath: file.server?.basePath?.replace(/\/$/, ""),
        host: host ?? set("CODEXD_HOST") ?? file.server?.host,
        port: port ?? this.#port(set("CODEXD_PORT")) ?? file.server?.port,
        workers: workers ?? file.server?.workers,
      },
      limits: file.limits,
      strict: file.strict,
      reasoning: file.reasoning,
      responses: file.responses,
      receipts: file.receipts,
      ...(file.telemetry ? { telemetry: { ...file.telemetry, headers: file.telemetry.headers ?? {} } } : {}),
      data: ownData === undefined ? file.data : absolute(ownData, cwd, home),
      store: file.store,
      counters: file.counters,
      quotas: readQuotas(file.quotas, prices, checking),
      ...(prices ? { prices } : {}),
      upstreams: readUpstreams(file.upstreams ?? {}, checking.problem),
      models: { ...file.models, aliases: file.models?.aliases ?? {} },
      plugins: readChain(file.plugins, plugins, files, checking),
      keys: (env.CODEXD_KEYS ?? "")
        .split(",")
        .map((key) => key.trim())
        .filter(Boolean),
      log: {
        level: this.#choice("CODEXD_LOG", LOG_LEVELS) ?? "info",
        format: this.#choice("CODEXD_LOG_FORMAT", LOG_FORMATS) ?? (tty ? "pretty" : "json"),
      },
      sandbox: sandbox === true,
    };
  }

  #port(text: string | undefined): number | undefined {
    if (text === undefined) return undefined;
    if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
    this.problems.push(`CODEXD_PORT: found ${JSON.stringify(text)}; legal is a whole number from 0 to 65535`);
    return undefined;
  }

  #choice<T extends string>(name: string, legal: readonly T[]): T | undefined {
    const text = this.#around.env[name];
    if (!text) return undefined;
    const known = legal.find((each) => each === text);
    if (!known) this.problems.push(`${name}: found ${JSON.stringify(text)}; legal is ${legal.join(", ")}`);
    return known;
  }
}

/** What `check` makes of the file: sections have their defaults, the rest may be absent. */
interface FileConfig
  extends Pick<
    Config,
    "server" | "limits" | "strict" | "reasoning" | "responses" | "receipts" | "data" | "store" | "counters"
  > {
  telemetry?: { otlp: string; headers?: Record<string, string>; service: string };
  quotas?: QuotaConfig[];
  prices?: Parameters<typeof readPrices>[0];
  upstreams?: Record<string, Parameters<typeof readUpstreams>[0][string]>;
  models?: { default?: string; aliases?: Record<string, string> };
  plugins?: unknown[];
}
