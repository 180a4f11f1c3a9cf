// A licence as programs see it.

import type { StoredLicence } from "../../store/licences.ts";
import { time } from "./account-json.ts";

/** What a licence may be called; `local` is who everybody is where there is no licence at all. */
export const LICENCE_ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** Without its digest: nothing outside the store needs that. */
export function licenceJson({
  digest: _digest,
  createdAt,
  revokedAt,
  ...rest
}: StoredLicence): Record<string, unknown> {
  return { ...rest, createdAt: time(createdAt), revokedAt: revokedAt === null ? null : time(revokedAt) };
}
