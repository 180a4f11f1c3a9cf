// Looks at the machine: open files, the runtime's cap on requests, and who may read the data directory.

import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../config/load.ts";
import { type Finding, finding } from "./finding.ts";

const CAP = "BUN_CONFIG_MAX_HTTP_REQUESTS";
/** What Bun allows by itself. */
const DEFAULT_CAP = 256;
/** The store, logs, and connections that are just ending. */
const SPARE_FILES = 64;

/** Each exchange has a client's socket and an upstream's. */
export function openFiles({ limits: { streams } }: Config): Finding {
  const most = mostFiles();
  const wanted = 2 * streams + SPARE_FILES;
  const check = "file descriptors";
  if (most === undefined) return finding(check, "", "warn", "the limit cannot be read", "look at `ulimit -n`");
  if (most >= wanted) return finding(check, "", "ok", `${most} for ${streams} streams`);
  const remedy = `\`ulimit -n ${wanted}\` before the start (systemd: LimitNOFILE=${wanted}), or lower limits.streams`;
  return finding(check, "", "warn", `${most}, and ${streams} streams want ${wanted}`, remedy);
}

function mostFiles(): number | undefined {
  const text = process.platform === "linux" ? linuxLimit() : shellLimit();
  if (text === "unlimited") return Number.MAX_SAFE_INTEGER;
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function linuxLimit(): string | undefined {
  return /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
}

function shellLimit(): string | undefined {
  if (process.platform === "win32") return undefined;
  return Bun.spawnSync(["sh", "-c", "ulimit -n"]).stdout.toString().trim();
}

/** `codexd serve` lifts the cap by starting itself anew, where the platform can do that. */
export function fetchCap({ limits: { streams } }: Config): Finding {
  const given = process.env[CAP];
  const canLift = process.platform !== "win32" && typeof process.execve === "function";
  if (given === undefined && canLift) return finding("fetch cap", "", "ok", "lifted by `codexd serve` at its start");
  const cap = given === undefined ? DEFAULT_CAP : Number(given);
  if (cap >= streams) return finding("fetch cap", "", "ok", `${cap} for ${streams} streams`);
  const remedy = `set ${CAP}=65535 before the start`;
  return finding("fetch cap", "", "warn", `${cap} streams at once, and limits.streams is ${streams}`, remedy);
}

export function dataDirectory({ data }: Config): Finding[] {
  const check = "data directory";
  const folder = modeOf(data);
  if (folder === undefined) return [finding(check, data, "ok", "not there yet; the server makes it")];
  try {
    accessSync(data, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return [finding(check, data, "fail", "this user cannot write there", `run as its owner, or \`chown\` ${data}`)];
  }
  return [secret(check, data, folder, "700"), ...secretFile(check, join(data, "codexd.db"))];
}

/** The logins that the configuration shares with the Codex CLI. */
export function loginFiles({ upstreams }: Config, home: string): Finding[] {
  const files = upstreams.flatMap(({ accounts }) =>
    accounts.flatMap((one) => ("authFile" in one ? [one.authFile] : [])),
  );
  return [...new Set(files)].flatMap((file) =>
    secretFile("login file", file.startsWith("~/") ? join(home, file.slice(2)) : file),
  );
}

function secretFile(check: string, path: string): Finding[] {
  const mode = modeOf(path);
  return mode === undefined ? [] : [secret(check, path, mode, "600")];
}

function secret(check: string, path: string, mode: number, wanted: string): Finding {
  const shown = mode.toString(8).padStart(3, "0");
  if (process.platform === "win32" || (mode & 0o077) === 0) return finding(check, path, "ok", `mode ${shown}`);
  return finding(check, path, "warn", `mode ${shown}: others can get at its secrets`, `chmod ${wanted} ${path}`);
}

function modeOf(path: string): number | undefined {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  return mode === undefined ? undefined : mode & 0o777;
}
