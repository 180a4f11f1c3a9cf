// A chain of plugins without a server around it, for tests of what the chain itself promises.

import { Event } from "../../src/core/event.ts";
import type { Hooks, Plugin } from "../../src/core/hooks.ts";
import { countingMint } from "../../src/core/mint.ts";
import { Chain } from "../../src/server/chain.ts";
import type { ChainEntry } from "../../src/server/plugins/link.ts";
import { listener } from "../upstream/setting.ts";

/** As if it came from a file. */
export function plugin(name: string, hooks: Hooks, rest: Partial<ChainEntry> & Partial<Plugin> = {}): ChainEntry {
  const { onError, timeout, file = `/plugins/${name}.ts`, options, worker, ...wishes } = rest;
  const made: Plugin<never> = { name, apiVersion: 1, setup: () => hooks, ...wishes };
  return { plugin: made, options, file, onError, timeout, worker };
}

export function chainOf(...entries: ChainEntry[]) {
  const { log, lines } = listener();
  const chain = new Chain(entries, {
    log,
    mint: countingMint(),
    clock: Date.now,
    models: { find: () => undefined, all: () => [], aliases: {}, default: undefined },
    upstreams: [],
    licences: { find: () => undefined, count: () => 0 },
    receipts: { write: () => undefined },
  });
  /** The fields of the lines that tell of errors, for one plugin. */
  const told = (name: string, message = "a plugin failed") =>
    lines.filter((line) => line.message === message && line.fields?.plugin === name).map(({ fields }) => fields);
  return { chain, lines, told };
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
