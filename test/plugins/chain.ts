// A chain of plugins without a server around it, for tests of what the chain itself promises.

import { Event } from "../../src/core/event.ts";
import type { Hooks, Plugin } from "../../src/core/hooks.ts";
import { countingMint } from "../../src/core/mint.ts";
import { Chain } from "../../src/server/chain.ts";
import type { SharedHost } from "../../src/server/plugins/host.ts";
import type { ChainEntry } from "../../src/server/plugins/link.ts";
import { listener } from "../upstream/setting.ts";

/** As if it came from a file. */
export function plugin(name: string, hooks: Hooks, rest: Partial<ChainEntry> & Partial<Plugin> = {}): ChainEntry {
  const { onError, timeout, file = `/plugins/${name}.ts`, options, worker, ...wishes } = rest;
  const made: Plugin<never> = { name, apiVersion: 1, setup: () => hooks, ...wishes };
  return { plugin: made, options, file, onError, timeout, worker };
}

/** What plugins are set up with here, and what was logged meanwhile. */
export function sharedHost() {
  const { log, lines } = listener();
  const kept = new Map<string, unknown>();
  const shared: SharedHost = {
    log,
    mint: countingMint(),
    clock: Date.now,
    models: { find: () => undefined, all: () => [], aliases: {}, default: undefined },
    upstreams: [],
    licences: { find: () => undefined, count: () => 0 },
    receipts: { write: () => undefined },
    values: {
      get: async <T>(_plugin: string, key: string) => kept.get(key) as T | undefined,
      set: async (_plugin, key, value) => void kept.set(key, value),
      delete: async (_plugin, key) => kept.delete(key),
      list: async () => [...kept.keys()],
    },
  };
  /** The fields of the lines of one plugin with this message. */
  const told = (name: string, message = "a plugin failed") =>
    lines.filter((line) => line.message === message && line.fields?.plugin === name).map(({ fields }) => fields);
  return { shared, lines, told };
}

export function chainOf(...entries: ChainEntry[]) {
  const { shared, lines, told } = sharedHost();
  return { chain: new Chain(entries, shared), lines, told };
}

export const delta = (text: string): Event =>
  Event.of({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta: text });

/** A failure's code, or what else was thrown. */
export async function codeOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
    return "nothing thrown";
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? thrown;
  }
}
