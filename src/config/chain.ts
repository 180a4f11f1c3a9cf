// Reads the chain of plugins: which ones, in which order, with which options.

import { unknownKey } from "./check.ts";
import type { Config } from "./load.ts";
import { DEFAULT_CHAIN } from "./schema.ts";

/** Limits of a licence that the contract has and this version does not. */
const LATER_LIMITS = ["requestsPerMinute", "tokensPerDay"];

/** The chain as it will run; the default one when the file names none. */
export function readChain(
  list: unknown[] | undefined,
  problem: (path: string, message: string) => void,
): Config["plugins"] {
  if (!list) return DEFAULT_CHAIN.map((name) => ({ name }));
  const chain: Config["plugins"] = [];
  for (const [index, entry] of list.entries()) {
    const path = `plugins[${index}]`;
    const plugin = readPlugin(entry);
    if (!plugin) {
      problem(path, "found neither a name nor one name with its options; legal is `- auth` or `- auth: { keys: […] }`");
    } else if (/[./\\]/.test(plugin.name)) {
      problem(path, "not supported yet");
    } else if (!(DEFAULT_CHAIN as readonly string[]).includes(plugin.name)) {
      problem(path, unknownKey(plugin.name, DEFAULT_CHAIN, "plugin"));
    } else if (chain.some(({ name }) => name === plugin.name)) {
      problem(path, `found ${plugin.name} a second time; legal is once`);
    } else {
      chain.push(plugin);
      if (plugin.name === "auth") refuseLicenceLimits(plugin.options, `${path}.auth`, problem);
    }
  }
  return chain;
}

function readPlugin(entry: unknown): Config["plugins"][number] | undefined {
  if (typeof entry === "string") return { name: entry };
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const [only, ...more] = Object.entries(entry);
  if (!only || more.length > 0) return undefined;
  return only[1] === null ? { name: only[0] } : { name: only[0], options: only[1] };
}

function refuseLicenceLimits(options: unknown, path: string, problem: (path: string, message: string) => void): void {
  const keys = (options as { keys?: unknown } | undefined)?.keys;
  if (!Array.isArray(keys)) return;
  for (const [index, key] of keys.entries()) {
    for (const name of LATER_LIMITS) {
      if (typeof key === "object" && key !== null && name in key)
        problem(`${path}.keys[${index}].${name}`, "not supported yet");
    }
  }
}
