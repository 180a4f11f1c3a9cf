// Licences in the store: what each may do, and of its secret only the digest.

import type { Database } from "bun:sqlite";
import { createHash, randomBytes } from "node:crypto";
import type { Licence, Principal, ReasoningStyle } from "../core/hooks.ts";

/** A licence as the store has it. */
export type StoredLicence = Licence & { createdAt: number; revokedAt: number | null };

export interface Licences {
  /** Makes a licence; its secret is in the answer and nowhere else. Throws when the id is taken. */
  create(wish?: Partial<Principal>): { licence: StoredLicence; secret: string };
  /** All of them, revoked ones too, oldest first. */
  list(): StoredLicence[];
  get(id: string): StoredLicence | undefined;
  /** Revokes; the first time stays. Undefined when there is no such licence. */
  revoke(id: string): StoredLicence | undefined;
  /** The live licence whose secret has this digest. Asks the file each time, so another process may revoke. */
  find(digest: string): StoredLicence | undefined;
  /** How many are live; `ever` counts the revoked ones too. */
  count(which?: "live" | "ever"): number;
}

interface Row {
  id: string;
  digest: string;
  dialects: string | null;
  models: string | null;
  effort: string | null;
  strict: number | null;
  reasoning: string | null;
  admin: number;
  created_at: number;
  revoked_at: number | null;
}

/** Lower-case hex SHA-256 of a secret. */
export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

export function openLicences(database: Database): Licences {
  const insert = database.prepare(
    `insert into licences (id, digest, dialects, models, effort, strict, reasoning, admin, created_at, revoked_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, null)`,
  );
  const all = database.prepare<Row, []>("select * from licences order by created_at, id");
  const byId = database.prepare<Row, [string]>("select * from licences where id = ?");
  const live = database.prepare<Row, [string]>("select * from licences where digest = ? and revoked_at is null");
  const liveCount = database.prepare<{ count: number }, []>(
    "select count(*) as count from licences where revoked_at is null",
  );
  const everCount = database.prepare<{ count: number }, []>("select count(*) as count from licences");
  const end = database.prepare("update licences set revoked_at = ? where id = ? and revoked_at is null");
  const get = (id: string): StoredLicence | undefined => licenceOf(byId.get(id));

  return {
    create(wish = {}) {
      const id = wish.id ?? `key-${randomBytes(4).toString("hex")}`;
      if (get(id)) throw new Error(`there is a licence ${id} already; legal is a name that none ever had`);
      const secret = `cdx_${randomBytes(32).toString("base64url")}`;
      insert.run(
        id,
        digestOf(secret),
        wish.dialects ? JSON.stringify(wish.dialects) : null,
        wish.models ? JSON.stringify(wish.models) : null,
        wish.effort ?? null,
        wish.strict === undefined ? null : Number(wish.strict),
        wish.reasoning ?? null,
        Number(wish.admin ?? false),
        Date.now(),
      );
      return { licence: get(id) as StoredLicence, secret };
    },
    list: () => all.all().map((row) => licenceOf(row) as StoredLicence),
    get,
    revoke(id) {
      end.run(Date.now(), id);
      return get(id);
    },
    find: (digest) => licenceOf(live.get(digest)),
    count: (which = "live") => (which === "live" ? liveCount : everCount).get()?.count ?? 0,
  };
}

function licenceOf(row: Row | null): StoredLicence | undefined {
  if (!row) return undefined;
  return {
    id: row.id,
    digest: row.digest,
    ...(row.dialects === null ? {} : { dialects: JSON.parse(row.dialects) as string[] }),
    ...(row.models === null ? {} : { models: JSON.parse(row.models) as string[] }),
    ...(row.effort === null ? {} : { effort: row.effort }),
    ...(row.strict === null ? {} : { strict: row.strict === 1 }),
    ...(row.reasoning === null ? {} : { reasoning: row.reasoning as ReasoningStyle }),
    admin: row.admin === 1,
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  };
}
