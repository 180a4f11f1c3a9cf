// Whether a data directory alone says enough to serve: somebody logged in there.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { ISSUER } from "../config/upstreams.ts";
import { openStore } from "../store/index.ts";

/** A login that serves the upstream that it implies; API keys imply none. */
export function isLoggedIn(data: string): boolean {
  if (!existsSync(join(data, "codexd.db"))) return false;
  const store = openStore(data, { patience: 5000 });
  const isThere = store.accounts.list().some(({ kind, issuer }) => kind !== "key" && issuer === ISSUER);
  store.close();
  return isThere;
}
