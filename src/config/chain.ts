// Reads the chain of plugins: which ones, from which files, in which order, with which options.

import type { OnError } from "../core/hooks.ts";
import { type Checking, check, join, unknownKey } from "./check.ts";
import { orderOf, type Placed } from "./order.ts";
import { Filled, unfill } from "./placeholder.ts";
import { BUILT_IN, DEFAULT_CHAIN, entrySettings } from "./schema.ts";

/** A plugin as far as the configuration goes: the TypeBox schema of its options, if it takes any, and its place. */
export interface PluginShape extends Placed {
  readonly options?: unknown;
}

/** A plugin that was loaded from a file. */
export interface FileShape {
  readonly plugin: PluginShape;
  /** What its own schema finds wrong with options that passed our check. */
  faults(options: unknown): readonly { path: readonly string[]; found: string; legal: string }[];
}

/** What came of loading the files, by the path as configured, made absolute. */
export type Files = ReadonlyMap<string, FileShape | Error>;

/** A plugin of the chain. */
export interface PluginConfig {
  name: string;
  /** Where it was loaded from, when it is not built in. */
  file?: string;
  /** As the plugin's schema has checked them. */
  options?: unknown;
  onError?: OnError;
  /** Milliseconds. */
  timeout?: number;
  worker?: boolean;
}

const LEGAL = "legal is `- auth`, `- auth: { keys: […] }` or `- ./policy.ts: { … }`";
const SETTINGS = Object.keys(entrySettings.properties as object);

/** A path, and not the name of a built-in plugin. */
const isPath = (text: string): boolean => /[./\\~]/.test(text);
/** One letter before the colon is a drive. */
const isAddress = (text: string): boolean => /^[A-Za-z][A-Za-z0-9+.-]+:/.test(text);

/** The paths of plugin files that a parsed configuration names, as written; `threads`: only of those that it wants in threads of their own. */
export function pathsIn(list: unknown, threads = false): string[] {
  if (!Array.isArray(list)) return [];
  const named = list.map(readEntry).filter((entry) => !threads || entry?.settings.worker === true);
  const keys = named.flatMap((entry) => entry?.key ?? []);
  return keys.filter((key) => isPath(key) && !isAddress(key));
}

/**
 * The chain as it will run; the default one when the file names none. Without `files` nobody is going to run it: then plugins
 * from files are taken as they are written.
 */
export function readChain(
  list: readonly unknown[] | undefined,
  known: readonly PluginShape[],
  files: Files | undefined,
  checking: Checking,
): PluginConfig[] {
  if (!list) return DEFAULT_CHAIN.map((name) => ({ name }));
  const chain: (PluginConfig & { place: PluginShape })[] = [];
  for (const [index, raw] of list.entries()) {
    const path = `plugins[${index}]`;
    const entry = readEntry(raw);
    if (!entry) {
      checking.problem(path, `found ${wordsOf(raw)}; ${LEGAL}`);
      continue;
    }
    const read = isPath(entry.key) ? fromFile(entry, path, files, checking) : builtIn(entry, path, known, checking);
    if (!read) continue;
    const twin = chain.find(({ name }) => name === read.name);
    if (twin) checking.problem(path, `found ${read.name} a second time${from(read)}; legal is once${from(twin)}`);
    else chain.push(read);
  }
  return inOrder(chain, checking).map(({ place: _place, ...plugin }) => plugin);
}

const from = ({ file }: PluginConfig): string => (file === undefined ? "" : ` (${file})`);

function inOrder<T extends { place: PluginShape }>(chain: readonly T[], checking: Checking): readonly T[] {
  const placed = chain.map((entry) => ({ ...entry.place, entry }));
  const result = orderOf(placed);
  if ("order" in result) return result.order.map(({ entry }) => entry);
  const [begin, ...others] = result.circle;
  checking.problem(
    "plugins",
    `${[begin, ...others, begin].join(" before ")} is a circle of what these plugins want of each other (before, after); take one of them out`,
  );
  return chain;
}

interface Entry {
  /** A name or a path. */
  key: string;
  options?: unknown;
  settings: Record<string, unknown>;
}

/** What an entry says; undefined when it is neither a name nor one name with what belongs to it. */
function readEntry(raw: unknown): Entry | undefined {
  const entry = raw instanceof Filled ? raw.text : raw;
  if (typeof entry === "string") return { key: entry, settings: {} };
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const [own, ...more] = Object.entries(entry).filter(([key]) => !SETTINGS.includes(key));
  if (!own || more.length > 0) return undefined;
  const settings = Object.fromEntries(Object.entries(entry).filter(([key]) => SETTINGS.includes(key)));
  return own[1] === null ? { key: own[0], settings } : { key: own[0], options: own[1], settings };
}

function wordsOf(raw: unknown): string {
  const keys = typeof raw === "object" && raw !== null && !Array.isArray(raw) ? Object.keys(raw) : undefined;
  if (!keys) return "neither a name nor one name with its options";
  const names = keys.filter((key) => !SETTINGS.includes(key));
  return names.length === 0 ? "no plugin's name" : `several names in one entry (${names.join(", ")})`;
}

type Read = (PluginConfig & { place: PluginShape }) | undefined;

function builtIn(entry: Entry, path: string, known: readonly PluginShape[], checking: Checking): Read {
  const { key: name } = entry;
  if (isAddress(name)) return refuseAddress(name, path, checking);
  if (!BUILT_IN.includes(name)) {
    checking.problem(path, `${unknownKey(name, BUILT_IN, "plugin")}, or a path such as ./${name}.ts`);
    return undefined;
  }
  const settings = settingsOf(entry, path, checking);
  const place = known.find((one) => one.name === name);
  if (!place) return { name, place: { name }, ...settings, ...given(unfill(entry.options)) };
  const options = optionsOf(entry, place, join(path, name), checking);
  // Ours know what being left out means; a mapping with nothing in it says no more.
  return { name, place, ...settings, ...(isEmpty(options) && entry.options === undefined ? {} : given(options)) };
}

const isEmpty = (options: unknown): boolean => Object.keys(options ?? {}).length === 0;

function fromFile(entry: Entry, path: string, files: Files | undefined, checking: Checking): Read {
  const { key } = entry;
  if (isAddress(key)) return refuseAddress(key, path, checking);
  const file = checking.resolve(key);
  const settings = settingsOf(entry, path, checking);
  if (!files) return { name: key, file, place: { name: key }, ...settings, ...given(unfill(entry.options)) };
  const loaded = files.get(file);
  const at = join(path, key);
  if (!loaded || loaded instanceof Error) {
    checking.problem(path, loaded ? loaded.message : `${file}: was not loaded`);
    return undefined;
  }
  const { plugin } = loaded;
  const options = withFaults(loaded, optionsOf(entry, plugin, at, checking), at, checking);
  return { name: plugin.name, file, place: plugin, ...settings, ...given(options) };
}

function refuseAddress(address: string, path: string, checking: Checking): undefined {
  const shown = address.replace(/\/\/[^/@]*@/, "//…@");
  checking.problem(path, `found the address ${shown}; a plugin is never loaded from one: ${LEGAL}`);
}

const given = (options: unknown): { options?: unknown } => (options === undefined ? {} : { options });

function settingsOf({ settings }: Entry, path: string, checking: Checking): Partial<PluginConfig> {
  return (check(entrySettings, settings, path, checking) ?? {}) as Partial<PluginConfig>;
}

/** The options with defaults and units resolved. */
function optionsOf({ options }: Entry, { options: schema }: PluginShape, path: string, checking: Checking): unknown {
  if (schema === undefined) {
    if (options !== undefined) checking.problem(path, "found options; this plugin takes none");
    return undefined;
  }
  if (options !== undefined) return check(schema, options, path, checking);
  // Left out, they are still due their defaults, and what is missing has to be told.
  return (schema as { type?: unknown }).type === "object" ? check(schema, {}, path, checking) : undefined;
}

/** What only the plugin's own schema can tell, where our check found nothing. */
function withFaults({ plugin, faults }: FileShape, options: unknown, path: string, checking: Checking): unknown {
  if (plugin.options === undefined) return options;
  try {
    for (const { path: steps, found, legal } of faults(options)) {
      const at = steps.reduce((whole, step) => (/^\d+$/.test(step) ? `${whole}[${step}]` : join(whole, step)), path);
      checking.problem(at, `found ${found}; legal is ${legal}`);
    }
  } catch (error) {
    checking.problem(path, `the plugin's options schema cannot be used: ${(error as Error).message}`);
  }
  return options;
}
