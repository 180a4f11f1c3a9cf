// Reads the chain of plugins: which ones, in which order, with which options.

import { type Checking, check, unknownKey } from "./check.ts";
import type { Config } from "./load.ts";
import { unfill } from "./placeholder.ts";
import { BUILT_IN, DEFAULT_CHAIN } from "./schema.ts";

/** A plugin as far as its options go: their TypeBox schema, if it takes any. */
export interface PluginShape {
  readonly name: string;
  readonly options?: unknown;
}

/** The chain as it will run; the default one when the file names none. */
export function readChain(
  list: readonly unknown[] | undefined,
  known: readonly PluginShape[],
  checking: Checking,
): Config["plugins"] {
  if (!list) return DEFAULT_CHAIN.map((name) => ({ name }));
  const chain: Config["plugins"] = [];
  for (const [index, entry] of list.entries()) {
    const path = `plugins[${index}]`;
    const plugin = readEntry(unfillName(entry));
    if (!plugin) {
      checking.problem(
        path,
        "found neither a name nor one name with its options; legal is `- auth` or `- auth: { keys: […] }`",
      );
    } else if (/[./\\]/.test(plugin.name)) {
      checking.problem(path, "not supported yet");
    } else if (!BUILT_IN.includes(plugin.name)) {
      checking.problem(path, unknownKey(plugin.name, BUILT_IN, "plugin"));
    } else if (chain.some(({ name }) => name === plugin.name)) {
      checking.problem(path, `found ${plugin.name} a second time; legal is once`);
    } else {
      const shape = known.find(({ name }) => name === plugin.name);
      chain.push(withOptions(plugin, shape, `${path}.${plugin.name}`, checking));
    }
  }
  return chain;
}

const unfillName = (entry: unknown): unknown =>
  typeof entry === "object" && entry?.constructor === Object ? entry : unfill(entry);

function readEntry(entry: unknown): Config["plugins"][number] | undefined {
  if (typeof entry === "string") return { name: entry };
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const [only, ...more] = Object.entries(entry);
  if (!only || more.length > 0) return undefined;
  return only[1] === null ? { name: only[0] } : { name: only[0], options: only[1] };
}

function withOptions(
  { name, options }: Config["plugins"][number],
  shape: PluginShape | undefined,
  path: string,
  checking: Checking,
): Config["plugins"][number] {
  if (options === undefined) return { name };
  if (!shape) return { name, options: unfill(options) };
  if (shape.options !== undefined) return { name, options: check(shape.options, options, path, checking) };
  checking.problem(path, "found options; this plugin takes none");
  return { name };
}
