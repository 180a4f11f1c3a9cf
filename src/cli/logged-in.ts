// Whether the store alone says enough to serve: somebody logged in there.

import { ConfigError, type Flags, findStore, type StorePlace } from "../config/load.ts";
import { ISSUER } from "../config/upstreams.ts";
import { openStore } from "../store/index.ts";
import { isThere } from "./store.ts";

/** For `loadConfig`. Looks only where no upstream is configured; a login serves the upstream that it implies, API keys imply none. */
export async function findLogin(flags: Pick<Flags, "config" | "data" | "sandbox">): Promise<() => boolean> {
  const place = flags.sandbox ? undefined : placeOf(flags);
  if (!place?.implied || !isThere(place)) return () => false;
  await using store = await openStore(place.data, { store: place.store, patience: 5000 });
  const found = store.accounts.list().some(({ kind, issuer }) => kind !== "key" && issuer === ISSUER);
  return () => found;
}

/** Undefined where the file is wrong, which whoever reads all of it will tell. */
function placeOf(flags: Pick<Flags, "config" | "data">): StorePlace | undefined {
  try {
    return findStore(flags);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return undefined;
    throw thrown;
  }
}
