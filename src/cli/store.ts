// Opens the store that a command means: that of the server with the same configuration.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StorePlace } from "../config/load.ts";
import type { Store } from "../store/index.ts";

export interface StoreFlags {
  config?: string | undefined;
  data?: string | undefined;
  json?: boolean;
}

/** The store, made if there is none yet. */
export async function newStore(flags: StoreFlags): Promise<Store> {
  return await open(await placeOf(flags));
}

/** The store that is there; a mistyped directory is told, not created. */
export async function existingStore(flags: StoreFlags): Promise<Store> {
  const place = await placeOf(flags);
  if (isThere(place)) return await open(place);
  throw new Error(`there is no store in ${place.data} yet; --data or $CODEXD_DATA names the directory of the server`);
}

/** The store that is there; undefined where there is none, which is no mistake of who only wants to look. */
export async function anyStore(flags: StoreFlags): Promise<Store | undefined> {
  const place = await placeOf(flags);
  return isThere(place) ? await open(place) : undefined;
}

/** Whether opening it would not make a new file. */
export function isThere({ data, store }: Pick<StorePlace, "data" | "store">): boolean {
  return store !== "sqlite" || existsSync(join(data, "codexd.db"));
}

async function placeOf(flags: StoreFlags): Promise<StorePlace> {
  const { findStore } = await import("../config/load.ts");
  return findStore(flags);
}

async function open({ data, store }: StorePlace): Promise<Store> {
  const { openStore } = await import("../store/index.ts");
  // A person at a terminal can wait for a lock longer than a server may.
  return await openStore(data, { store, patience: 5000 });
}
