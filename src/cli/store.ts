// Opens the store that a command means: that of the server with the same configuration.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "../store/index.ts";

export interface StoreFlags {
  config?: string | undefined;
  data?: string | undefined;
  json?: boolean;
}

type OpenStore = Store & Disposable;

/** The store, made if there is none yet. */
export async function newStore(flags: StoreFlags): Promise<OpenStore> {
  const { findData } = await import("../config/load.ts");
  return await open(findData(flags));
}

/** The store that is there; a mistyped directory is told, not created. */
export async function existingStore(flags: StoreFlags): Promise<OpenStore> {
  const { findData } = await import("../config/load.ts");
  const data = findData(flags);
  if (!existsSync(join(data, "codexd.db"))) {
    throw new Error(`there is no store in ${data} yet; --data or $CODEXD_DATA names the directory of the server`);
  }
  return await open(data);
}

/** The store that is there; undefined where there is none, which is no mistake of who only wants to look. */
export async function anyStore(flags: StoreFlags): Promise<OpenStore | undefined> {
  const { findData } = await import("../config/load.ts");
  const data = findData(flags);
  return existsSync(join(data, "codexd.db")) ? await open(data) : undefined;
}

async function open(data: string): Promise<OpenStore> {
  const { openStore } = await import("../store/index.ts");
  // A person at a terminal can wait for a lock longer than a server may.
  const store = openStore(data, { patience: 5000 });
  return { ...store, [Symbol.dispose]: () => store.close() };
}
