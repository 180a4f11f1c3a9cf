// Who serves on this database just now, and by which chain of plugins.

import type { Engine } from "./engine.ts";

export interface Instance {
  name: string;
  /** Digest of its chain. */
  chain: string;
  /** Of codexd. */
  version: string;
  /** Unix milliseconds. */
  seenAt: number;
}

export interface Instances {
  /** Says that this one is there; gives all that said so lately, this one too. */
  tell(instance: Instance): Promise<Instance[]>;
  leave(name: string): Promise<void>;
}

/** Silence after which one is gone. */
const GONE_MS = 30_000;

export function openInstances(engine: Engine): Instances {
  return {
    async tell({ name, chain, version, seenAt }) {
      await engine.run("delete from instances where seen_at < ?", [seenAt - GONE_MS]);
      await engine.run(
        `insert into instances (name, chain, version, seen_at) values (?, ?, ?, ?)
         on conflict (name) do update set chain = excluded.chain, version = excluded.version, seen_at = excluded.seen_at`,
        [name, chain, version, seenAt],
      );
      return await engine.all<Instance>(
        `select name, chain, version, seen_at as "seenAt" from instances order by name`,
      );
    },
    leave: async (name) => void (await engine.run("delete from instances where name = ?", [name])),
  };
}
