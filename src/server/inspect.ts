// Sets a chain up for nobody, to see what its plugins bring and whether they get along, as a start of the server would.

import type { Log, Plugin } from "../core/hooks.ts";
import { countingMint } from "../core/mint.ts";
import { Chain } from "./chain.ts";
import { Contributed } from "./contributed.ts";
import { type Configured, entriesOf, runnable } from "./gateway.ts";
import type { SharedHost } from "./plugins/host.ts";
import type { ChainEntry } from "./plugins/link.ts";

export interface Inspected {
  chain: Chain;
  contributed: Contributed;
  dispose(): Promise<void>;
}

/** The configured chain. Throws an `Error` that says what in it cannot work; the files' plugins go with it. */
export async function inspect(configured: Configured, builtIn: readonly Plugin<never>[]): Promise<Inspected> {
  let entries: ChainEntry[] = [];
  const dispose = () => {
    for (const { thread } of entries) thread?.end();
    for (const { container } of configured.files) container.dispose();
  };
  try {
    entries = await runnable(entriesOf(configured, builtIn), silentHost());
    const chain = silentChain(entries);
    const contributed = new Contributed(chain.links, configured.config.server.basePath);
    return { chain, contributed, dispose: () => chain.dispose().then(dispose) };
  } catch (error) {
    dispose();
    throw error;
  }
}

export function silentChain(entries: readonly ChainEntry[]): Chain {
  return new Chain(entries, silentHost());
}

/** Nothing here is ever used for an exchange. */
function silentHost(): SharedHost {
  const quiet = (): undefined => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  return {
    log,
    mint: countingMint(),
    clock: Date.now,
    models: { find: () => undefined, all: () => [], aliases: {}, default: undefined },
    upstreams: [],
    licences: { find: () => undefined, count: () => 0 },
    receipts: { write: quiet },
  };
}
