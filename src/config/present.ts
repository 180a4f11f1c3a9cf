// Shows the effective configuration in the shape of the file, with every secret masked, and what looks wrong in it.

import { matchesGlob } from "../core/glob.ts";
import type { AccountConfig, Config, PluginConfig, PluginShape } from "./load.ts";
import { MASK, masked } from "./mask.ts";
import { formatDuration, formatSize } from "./quantity.ts";

/** The effective values as a file would have them; `CODEXD_KEYS`, `CODEXD_LOG…` and `--sandbox` under `environment`. */
export function presentConfig(config: Config, plugins: readonly PluginShape[] = []): Record<string, unknown> {
  const { streams, body, retries, ...times } = config.limits;
  const durations = Object.entries(times).map(([name, ms]) => [name, formatDuration(ms)]);
  return {
    file: config.file ?? null,
    server: { ...config.server, basePath: config.server.basePath || "/" },
    limits: { streams, body: formatSize(body), ...Object.fromEntries(durations), retries },
    strict: config.strict,
    reasoning: config.reasoning,
    responses: presentResponses(config.responses),
    receipts: { keep: formatDuration(config.receipts.keep) },
    ...(config.telemetry ? { telemetry: presentTelemetry(config.telemetry) } : {}),
    data: config.data,
    store: maskUrl(config.store),
    counters: maskUrl(config.counters),
    quotas: config.quotas,
    ...(config.prices ? { prices: config.prices } : {}),
    upstreams: Object.fromEntries(
      config.upstreams.map(({ name, baseUrl, issuer, chatgptUrl, accounts, ...rest }) => [
        name,
        {
          ...rest,
          baseUrl: maskUrl(baseUrl),
          issuer: maskUrl(issuer),
          chatgptUrl: maskUrl(chatgptUrl),
          accounts: accounts.map(presentAccount),
        },
      ]),
    ),
    models: config.models,
    plugins: config.plugins.map((plugin) => presentPlugin(plugin, plugins)),
    environment: { keys: config.keys.map(() => MASK), log: config.log, sandbox: config.sandbox },
  };
}

/** What is legal and probably not meant, one line each. */
export function warningsOf(config: Config): string[] {
  const warnings: string[] = [];
  for (const { name, kind, accounts } of config.upstreams) {
    if (kind !== "compatible" && accounts.length === 0) {
      const help =
        kind === "chatgpt"
          ? "; every request to it will fail, unless `codexd login` made one"
          : "; every request to it will fail";
      warnings.push(`upstreams.${name}: no account${help}`);
    }
  }
  const names = [...config.upstreams.map(({ name }) => name), ...(config.sandbox ? ["sandbox"] : [])];
  for (const [at, { upstream }] of config.quotas.entries()) {
    if (upstream !== undefined && !names.some((name) => matchesGlob(upstream, name)))
      warnings.push(
        `quotas[${at}].upstream: there is no upstream ${upstream}, so it limits nothing; there are: ${names}`,
      );
  }
  const chain = config.plugins.map(({ name }) => name);
  if (!chain.includes("auth"))
    warnings.push("plugins: without auth everybody on this machine is let in, and the server listens on loopback only");
  if (!chain.includes("translate"))
    warnings.push("plugins: without translate no dialect is spoken, and the server does not start");
  for (const [index, key] of config.keys.entries()) {
    if (key.length < 16)
      warnings.push(`CODEXD_KEYS: key ${index + 1} has only ${key.length} characters; 16 are the least that is safe`);
  }
  return warnings;
}

function presentResponses({ store, ttl, maxBytes, key }: Config["responses"]): Record<string, unknown> {
  return {
    store,
    ttl: formatDuration(ttl),
    maxBytes: formatSize(maxBytes),
    ...(key === undefined ? {} : { key: MASK }),
  };
}

function presentTelemetry({ otlp, headers, service }: NonNullable<Config["telemetry"]>): Record<string, unknown> {
  return {
    otlp: maskUrl(otlp),
    headers: Object.fromEntries(Object.keys(headers).map((name) => [name, MASK])),
    service,
  };
}

/** An entry as it would stand in the file; a plugin from a file under its path. */
function presentPlugin(
  { name, file, options, timeout, ...settings }: PluginConfig,
  plugins: readonly PluginShape[],
): unknown {
  const key = file ?? name;
  const beside = { ...settings, ...(timeout === undefined ? {} : { timeout: formatDuration(timeout) }) };
  const isBare = options === undefined || (file !== undefined && Object.keys(options as object).length === 0);
  if (isBare && Object.keys(beside).length === 0) return key;
  const schema = plugins.find((plugin) => plugin.name === name)?.options;
  return { [key]: options === undefined ? null : masked(options, schema), ...beside };
}

function presentAccount(account: AccountConfig): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(account).map(([key, value]) => [key, key === "accessToken" || key === "apiKey" ? MASK : value]),
  );
}

/** An address without the name and the password in it. */
export function maskUrl(text: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.username === "" && url.password === "") return text;
  return text.replace(/\/\/[^/@]*@/, `//${MASK}@`);
}
