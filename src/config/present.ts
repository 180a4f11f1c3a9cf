// Shows the effective configuration in the shape of the file, with every secret masked, and what looks wrong in it.

import { isSecretName } from "./check.ts";
import type { AccountConfig, Config } from "./load.ts";
import { formatDuration, formatSize } from "./quantity.ts";

const MASK = "********";

/** The effective values as a file would have them; `CODEXD_KEYS`, `CODEXD_LOG…` and `--sandbox` under `environment`. */
export function presentConfig(config: Config): Record<string, unknown> {
  const { streams, body, retries, ...times } = config.limits;
  const durations = Object.entries(times).map(([name, ms]) => [name, formatDuration(ms)]);
  return {
    file: config.file ?? null,
    server: { ...config.server, basePath: config.server.basePath || "/" },
    limits: { streams, body: formatSize(body), ...Object.fromEntries(durations), retries },
    strict: config.strict,
    reasoning: config.reasoning,
    responses: presentResponses(config.responses),
    data: config.data,
    store: config.store,
    counters: config.counters,
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
    plugins: config.plugins.map(({ name, options }) =>
      options === undefined ? name : { [name]: maskSecrets(options) },
    ),
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

function presentAccount(account: AccountConfig): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(account).map(([key, value]) => [key, key === "accessToken" || key === "apiKey" ? MASK : value]),
  );
}

/** Masks texts and numbers under secret-looking names, at any depth; a list of mappings under such a name is looked into. */
function maskSecrets(value: unknown, isSecret = false): unknown {
  if (Array.isArray(value)) return value.map((each) => maskSecrets(each, isSecret));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, maskSecrets(each, isSecretName(key))]));
  }
  return isSecret && value !== null && typeof value !== "boolean" ? MASK : value;
}

function maskUrl(text: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.username === "" && url.password === "") return text;
  return text.replace(/\/\/[^/@]*@/, `//${MASK}@`);
}
