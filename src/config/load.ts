// Finds, reads and completes the configuration: flags before environment before file before defaults.

import { dirname } from "node:path";
import type { ReasoningStyle } from "../core/hooks.ts";
import { type PluginShape, readChain } from "./chain.ts";
import { type Checking, check } from "./check.ts";
import { absolute, ConfigError, findFile, here, parseFile, type Surroundings } from "./file.ts";
import { fill, unfill } from "./placeholder.ts";
import { configSchema } from "./schema.ts";
import { readUpstreams, type UpstreamConfig, upstreamOfEnvironment } from "./upstreams.ts";

export { ConfigError, type Surroundings } from "./file.ts";
export type { AccountConfig, UpstreamConfig } from "./upstreams.ts";

/** The configuration as everything else reads it: complete, checked, in bytes and milliseconds. */
export interface Config {
  /** The file it came from; absent when there was none. */
  file?: string;
  server: { host: string; port: number; basePath: string; watch: boolean };
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
  /** Absolute path of the data directory. */
  data: string;
  store: "sqlite";
  counters: "memory";
  /** In the order of the file. */
  upstreams: UpstreamConfig[];
  models: { default?: string; aliases: Record<string, string> };
  plugins: { name: string; options?: unknown }[];
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
}

/**
 * The configuration to serve with, options of the given plugins checked too. Throws `ConfigError` with all problems at once.
 * A data directory with a login of `codexd login` in it says enough where nothing else names an upstream: `loggedIn` tells.
 */
export function loadConfig(
  flags: Flags = {},
  plugins: readonly PluginShape[] = [],
  around: Surroundings = here(),
  loggedIn: (data: string) => boolean = () => false,
): Config {
  const draft = new Draft(flags, around);
  const config = draft.read(draft.parse(), plugins);
  if (config.upstreams.length === 0 && !config.sandbox) {
    const fromEnvironment = upstreamOfEnvironment(around.env);
    if (loggedIn(config.data)) config.upstreams.push(...upstreamsOfLogin());
    else if (fromEnvironment) config.upstreams.push(fromEnvironment);
    else draft.problems.push(noUpstream(config.file));
  }
  draft.finish();
  return config;
}

/** Only the data directory, for commands that need no upstream: whatever else is wrong in the file does not stop them. */
export function findData(flags: Pick<Flags, "config" | "data"> = {}, around: Surroundings = here()): string {
  const draft = new Draft(flags, around);
  const { data } = draft.read({ data: (draft.parse() as { data?: unknown } | undefined)?.data }, []);
  draft.finish();
  return data;
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

  read(parsed: unknown, plugins: readonly PluginShape[]): Config {
    const base = this.#file === undefined ? this.#around.cwd : dirname(this.#file);
    const pathFrom = (path: string): string => absolute(path, base, this.#around.home);
    const told: string[] = [];
    // What was told of a place, or of a part of it, is not told again of the whole.
    const problem = (path: string, message: string): void => {
      if (told.some((known) => known === path || known.startsWith(`${path}.`) || known.startsWith(`${path}[`))) return;
      told.push(path);
      this.problems.push(`${this.#file}: ${path === "" ? "" : `${path}: `}${message}`);
    };
    const filled = fill(parsed, "", { env: this.#around.env, resolve: pathFrom, problem });
    const checking: Checking = { problem, resolve: pathFrom, isNotYet };
    const value = check(configSchema, refuseLater(filled, problem), "", checking) as FileConfig | undefined;
    const file = value ?? (check(configSchema, {}, "", checking) as FileConfig);
    return this.#complete(file, plugins, checking);
  }

  #complete(file: FileConfig, plugins: readonly PluginShape[], checking: Checking): Config {
    const { env, cwd, home, tty } = this.#around;
    const { host, port, data, sandbox } = this.#flags;
    const set = (name: string): string | undefined => env[name] || undefined;
    const ownData = data ?? set("CODEXD_DATA");
    return {
      ...(this.#file === undefined ? {} : { file: this.#file }),
      server: {
        ...file.server,
        basePath: file.server?.basePath?.replace(/\/$/, ""),
        host: host ?? set("CODEXD_HOST") ?? file.server?.host,
        port: port ?? this.#port(set("CODEXD_PORT")) ?? file.server?.port,
      },
      limits: file.limits,
      strict: file.strict,
      reasoning: file.reasoning,
      responses: file.responses,
      data: ownData === undefined ? file.data : absolute(ownData, cwd, home),
      store: "sqlite",
      counters: "memory",
      upstreams: readUpstreams(file.upstreams ?? {}, checking.problem),
      models: { ...file.models, aliases: file.models?.aliases ?? {} },
      plugins: readChain(file.plugins, plugins, checking),
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
interface FileConfig extends Pick<Config, "server" | "limits" | "strict" | "reasoning" | "responses" | "data"> {
  upstreams?: Record<string, Parameters<typeof readUpstreams>[0][string]>;
  models?: { default?: string; aliases?: Record<string, string> };
  plugins?: unknown[];
}

/** Parts of the contract that have no code yet; refused by name rather than half there. */
function isNotYet(path: string): boolean {
  return /^plugins\[\d+\]\.auth\.keys\[\d+\]\.(requestsPerMinute|tokensPerDay)$/.test(path);
}

/** Refuses the engines that are not built yet, and takes them out so that they are not refused twice. */
function refuseLater(value: unknown, problem: (path: string, message: string) => void): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const rest: Record<string, unknown> = { ...value };
  for (const [key, scheme] of [
    ["store", /^postgres(ql)?:/],
    ["counters", /^rediss?:/],
  ] as const) {
    const text = unfill(rest[key]);
    if (typeof text !== "string" || !scheme.test(text)) continue;
    problem(key, "not supported yet");
    delete rest[key];
  }
  return rest;
}
