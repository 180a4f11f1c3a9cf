// What one plugin gets of the server: the shared parts, and a log, a store, a fetch and an end of its own.

import type { Host, Log, PluginStore } from "../../core/hooks.ts";
import type { PluginValues } from "../../store/values.ts";
import { type BoundedFetch, boundedFetch } from "../../upstream/bounded-fetch.ts";
import { hide } from "./secrets.ts";

/** What all plugins of a chain share. */
export type SharedHost = Omit<Host, "plugin" | "signal" | "store" | "fetch"> & {
  /** Left out where plugins are only asked what they bring: then nothing is kept. */
  values?: PluginValues;
  /** In milliseconds; left out in the same place: then there is no network. */
  limits?: { connect: number; firstByte: number; idle: number };
};

/** A plugin's host, and what ends it. `secrets`: texts that none of its log lines may repeat. */
export function hostFor(plugin: string, shared: SharedHost, secrets: readonly string[]): [Host, AbortController] {
  const { values, limits, log, ...rest } = shared;
  const end = new AbortController();
  const host: Host = {
    ...rest,
    plugin,
    log: named(log, plugin, secrets),
    signal: end.signal,
    store: values ? storeOf(plugin, values) : NOTHING_KEPT,
    fetch: limits ? boundedFetch(limits, end.signal) : noNetwork,
  };
  return [host, end];
}

function storeOf(plugin: string, values: PluginValues): PluginStore {
  return {
    get: (key) => values.get(plugin, key),
    set: (key, value, options) => values.set(plugin, key, value, options),
    async delete(key) {
      await values.delete(plugin, key);
    },
    list: (prefix) => values.list(plugin, prefix),
  };
}

const nowhere = (): Promise<never> => Promise.reject(new Error("a plugin that is only looked at has no store"));
const NOTHING_KEPT: PluginStore = { get: nowhere, set: nowhere, delete: nowhere, list: nowhere };
const noNetwork: BoundedFetch = () => Promise.reject(new Error("a plugin that is only looked at has no network"));

function named(log: Log, plugin: string, secrets: readonly string[]): Log {
  const at = (level: keyof Log) => (message: string, fields?: Record<string, unknown>) =>
    log[level](hide(message, secrets), { plugin, ...hide(fields, secrets) });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
