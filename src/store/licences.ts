// Licences in the store: what each may do, and of its secret only the digest.

import { createHash, randomBytes } from "node:crypto";
import { Failure } from "../core/failure.ts";
import type { Licence, Principal, ReasoningStyle } from "../core/hooks.ts";
import { LIMITS, type Limits } from "../core/limit.ts";
import type { Engine } from "./engine.ts";
import { bump, type Snapshots } from "./snapshot.ts";

/** A licence as the store has it. */
export type StoredLicence = Licence & { createdAt: number; revokedAt: number | null };

export interface Licences {
  /** Makes a licence; its secret is in the answer and nowhere else. Rejects when the id is taken. */
  create(wish?: Partial<Principal>): Promise<{ licence: StoredLicence; secret: string }>;
  /** All of them, revoked ones too, oldest first. */
  list(): Promise<StoredLicence[]>;
  get(id: string): Promise<StoredLicence | undefined>;
  /** Revokes; the first time stays. Undefined when there is no such licence. */
  revoke(id: string): Promise<StoredLicence | undefined>;
  /** The live licence whose secret has this digest. A revocation counts at once, on another machine within half a second. */
  find(digest: string): Promise<StoredLicence | undefined> | StoredLicence | undefined;
  /** How many are live; `ever` counts the revoked ones too. Asks nobody. */
  count(which?: "live" | "ever"): number;
}

/** Limit of a licence → column. */
const LIMIT_COLUMNS = {
  requestsPerMinute: "requests_per_minute",
  requestsPerDay: "requests_per_day",
  tokensPerMinute: "tokens_per_minute",
  tokensPerDay: "tokens_per_day",
  streams: "streams",
} as const satisfies Record<keyof Limits, string>;

interface Row extends Record<(typeof LIMIT_COLUMNS)[keyof Limits], number | null> {
  id: string;
  digest: string;
  dialects: string | null;
  models: string | null;
  effort: string | null;
  strict: number | null;
  reasoning: string | null;
  admin: number;
  keep_prompts: number | null;
  created_at: number;
  revoked_at: number | null;
}

/** Lower-case hex SHA-256 of a secret. */
export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

const NAME = "licences";
/** More live ones than this are not all held in memory; the others are asked for one by one. */
const HELD = 20_000;

interface Known {
  live: Map<string, StoredLicence>;
  count: { live: number; ever: number };
}

export async function openLicences(engine: Engine, snapshots: Snapshots): Promise<Licences> {
  const statements = [
    `select * from licences where revoked_at is null order by created_at desc limit ${HELD}`,
    "select count(*) as ever, count(*) - count(revoked_at) as live from licences",
  ];
  const known = await snapshots.of<Known>(NAME, statements, ([rows = [], counts = []]) => ({
    live: new Map((rows as Row[]).map((row) => [row.digest, licenceOf(row)])),
    count: counts[0] ?? { live: 0, ever: 0 },
  }));
  const one = async (where: string, value: string): Promise<StoredLicence | undefined> => {
    const [row] = await engine.all<Row>(`select * from licences where ${where}`, [value]);
    return row && licenceOf(row);
  };
  const get = (id: string) => one("id = ?", id);

  return {
    async create(wish = {}) {
      const id = wish.id ?? `key-${randomBytes(4).toString("hex")}`;
      const secret = `cdx_${randomBytes(32).toString("base64url")}`;
      await engine.transaction(async (within) => {
        // The answer of the database to a twin would differ from engine to engine.
        if (!(await insert(within, id, digestOf(secret), wish)))
          throw new Error(`there is a licence ${id} already; legal is a name that none ever had`);
        await bump(within, NAME);
      });
      await known.renew();
      return { licence: (await get(id)) as StoredLicence, secret };
    },
    list: async () => (await engine.all<Row>("select * from licences order by created_at, id")).map(licenceOf),
    get,
    async revoke(id) {
      await engine.transaction(async (within) => {
        await within.run("update licences set revoked_at = ? where id = ? and revoked_at is null", [Date.now(), id]);
        await bump(within, NAME);
      });
      await known.renew();
      return await get(id);
    },
    find(digest) {
      const { live, count } = known.value;
      const held = live.get(digest);
      // Where the file is at hand, what is held is exact; elsewhere it may be younger than our last look.
      if (held || (engine.near && count.live <= HELD)) return held;
      return one("revoked_at is null and digest = ?", digest).catch(unreachable);
    },
    count: (which = "live") => known.value.count[which],
  };
}

async function insert(within: Engine, id: string, digest: string, wish: Partial<Principal>): Promise<boolean> {
  const inserted = await within.run(
    `insert into licences (id, digest, dialects, models, effort, strict, reasoning, admin, created_at, revoked_at,
       keep_prompts, ${LIMITS.map((name) => LIMIT_COLUMNS[name]).join(", ")})
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, null, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
    [
      id,
      digest,
      wish.dialects ? JSON.stringify(wish.dialects) : null,
      wish.models ? JSON.stringify(wish.models) : null,
      wish.effort ?? null,
      wish.strict === undefined ? null : Number(wish.strict),
      wish.reasoning ?? null,
      Number(wish.admin ?? false),
      Date.now(),
      wish.keepPrompts ? 1 : null,
      ...LIMITS.map((name) => wish[name] ?? null),
    ],
  );
  return inserted > 0;
}

function unreachable(cause: unknown): never {
  throw new Failure("overloaded", {
    code: "server_is_overloaded",
    message: "the key cannot be looked up now; try again in a moment",
    retryAfter: 2,
    cause,
  });
}

function licenceOf(row: Row): StoredLicence {
  return {
    id: row.id,
    digest: row.digest,
    ...(row.dialects === null ? {} : { dialects: JSON.parse(row.dialects) as string[] }),
    ...(row.models === null ? {} : { models: JSON.parse(row.models) as string[] }),
    ...(row.effort === null ? {} : { effort: row.effort }),
    ...(row.strict === null ? {} : { strict: row.strict === 1 }),
    ...(row.reasoning === null ? {} : { reasoning: row.reasoning as ReasoningStyle }),
    admin: row.admin === 1,
    ...(row.keep_prompts === 1 && { keepPrompts: true }),
    ...limitsOf(row),
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  };
}

function limitsOf(row: Row): Limits {
  const given = LIMITS.flatMap((name) => {
    const limit = row[LIMIT_COLUMNS[name]];
    return limit === null ? [] : [[name, limit] as const];
  });
  return Object.fromEntries(given);
}
