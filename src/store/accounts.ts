// Accounts in the store: their tokens, what is known of them, and who may renew them now.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import {
  type AccountKind,
  type AccountState,
  type AccountStore,
  FRESH_STATE,
  type StoredAccount,
} from "../core/account.ts";

interface Row {
  name: string;
  kind: string;
  issuer: string;
  email: string | null;
  plan: string | null;
  account_id: string | null;
  fedramp: number;
  access_token: string;
  refresh_token: string | null;
  id_token: string | null;
  created_at: number;
  refreshed_at: number | null;
}

/** Field of a state → its columns and their values. */
const COLUMNS: { [K in keyof AccountState]: (value: AccountState[K]) => Record<string, SQLQueryBindings> } = {
  paused: (value) => ({ paused: Number(value) }),
  cooldownUntil: (value) => ({ cooldown_until: value }),
  cooldownReason: (value) => ({ cooldown_reason: value }),
  lastError: (value) => ({ last_error: value }),
  lastErrorAt: (value) => ({ last_error_at: value }),
  primary: (value) => windowColumns("primary", value),
  secondary: (value) => windowColumns("secondary", value),
  credits: (value) => ({ credits: value && JSON.stringify(value) }),
  limitsAt: (value) => ({ limits_at: value }),
  routing: (value) => ({ routing_origin: value?.origin ?? null, routing_override: value?.override ?? null }),
  routingAt: (value) => ({ routing_at: value }),
  dead: (value) => ({ dead: value }),
  deadReason: (value) => ({ dead_reason: value }),
};

export function openAccounts(database: Database): AccountStore {
  const all = database.prepare<Row, []>("select * from accounts order by created_at, name");
  const insert = database.prepare(
    `insert into accounts (name, kind, issuer, email, plan, account_id, fedramp, access_token, refresh_token, id_token, created_at, refreshed_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const removeAccount = database.prepare("delete from accounts where name = ?");
  const removeState = database.prepare("delete from account_states where name = ?");
  const renew = database.prepare(
    `update accounts set access_token = ?, refresh_token = ?, id_token = ?, email = ?, plan = ?, account_id = ?, fedramp = ?, refreshed_at = ?
     where name = ? and access_token = ?`,
  );
  const stateOf = database.prepare<Record<string, unknown>, [string]>("select * from account_states where name = ?");
  const take = database.prepare(
    `insert into leases (name, owner, until) values (?1, ?2, ?3) on conflict (name) do update
     set owner = excluded.owner, until = excluded.until where leases.owner = excluded.owner or leases.until <= ?4`,
  );
  const drop = database.prepare("delete from leases where name = ? and owner = ?");
  const versionOf = database.prepare<{ data_version: number }, []>("pragma data_version");

  // Every request looks at accounts, and few change one: what was read holds until somebody writes, here or elsewhere.
  let version = -1;
  let accounts: StoredAccount[] | undefined;
  const states = new Map<string, AccountState>();
  function forgetAll(): void {
    accounts = undefined;
    states.clear();
  }
  /** One look is enough for one stretch of code that nothing interrupts, except where a lease began: what another wrote before it counts. */
  let looked = false;
  function look(): void {
    if (looked) return;
    looked = true;
    queueMicrotask(() => {
      looked = false;
    });
    const now = versionOf.get()?.data_version ?? -1;
    if (now === version) return;
    version = now;
    forgetAll();
  }
  function list(): StoredAccount[] {
    look();
    accounts ??= all.all().map(accountOf);
    return accounts;
  }

  /** A rotated token that the end of the power takes back is a lost login: these few writes wait for the disk. */
  function durably<T>(write: () => T): T {
    database.run("pragma synchronous = full");
    try {
      return write();
    } finally {
      forgetAll();
      database.run("pragma synchronous = normal");
    }
  }

  const replace = database.transaction((account: StoredAccount) => {
    removeAccount.run(account.name);
    removeState.run(account.name);
    const { name, kind, issuer, email, plan, accountId, fedramp, tokens, createdAt, refreshedAt } = account;
    const { access, refresh = null, id = null } = tokens;
    insert.run(
      ...[name, kind, issuer, email, plan, accountId, Number(fedramp), access, refresh, id, createdAt, refreshedAt],
    );
  });
  const forget = database.transaction((name: string) => {
    removeState.run(name);
    return removeAccount.run(name).changes > 0;
  });

  return {
    list,
    get: (name) => list().find((account) => account.name === name),
    put: (account) => durably(() => replace.immediate(account)),
    remove: (name) => durably(() => forget.immediate(name)),
    rotate: (name, from, { tokens, email, plan, accountId, fedramp, refreshedAt }) =>
      durably(() => {
        const { access, refresh = null, id = null } = tokens;
        const values = [access, refresh, id, email, plan, accountId, Number(fedramp), refreshedAt, name, from.access];
        return renew.run(...values).changes > 0;
      }),
    state(name) {
      look();
      const known = states.get(name);
      if (known) return known;
      const row = stateOf.get(name);
      const state = row ? readState(row) : FRESH_STATE;
      states.set(name, state);
      return state;
    },
    change(name, patch) {
      const values: Record<string, SQLQueryBindings> = {};
      for (const field of Object.keys(patch) as (keyof AccountState)[]) {
        Object.assign(values, (COLUMNS[field] as (value: unknown) => object)(patch[field]));
      }
      const columns = Object.keys(values);
      if (columns.length === 0) return;
      forgetAll();
      database
        .query(
          `insert into account_states (name, ${columns.join(", ")}) values (?, ${columns.map(() => "?").join(", ")})
           on conflict (name) do update set ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`,
        )
        .run(name, ...Object.values(values));
    },
    lease(key, owner, until) {
      looked = false;
      return take.run(key, owner, until, Date.now()).changes > 0;
    },
    release: (key, owner) => void drop.run(key, owner),
  };
}

function accountOf(row: Row): StoredAccount {
  return {
    name: row.name,
    kind: row.kind as AccountKind,
    issuer: row.issuer,
    email: row.email,
    plan: row.plan,
    accountId: row.account_id,
    fedramp: row.fedramp === 1,
    tokens: {
      access: row.access_token,
      ...(row.refresh_token === null ? {} : { refresh: row.refresh_token }),
      ...(row.id_token === null ? {} : { id: row.id_token }),
    },
    createdAt: row.created_at,
    refreshedAt: row.refreshed_at,
  };
}

function windowColumns(name: string, window: AccountState["primary"]): Record<string, SQLQueryBindings> {
  return {
    [`${name}_used`]: window?.usedPercent ?? null,
    [`${name}_minutes`]: window?.minutes ?? null,
    [`${name}_resets_at`]: window?.resetsAt ?? null,
  };
}

function readState(row: Record<string, unknown>): AccountState {
  const text = (column: string) => (row[column] ?? null) as string | null;
  const number = (column: string) => (row[column] ?? null) as number | null;
  const window = (name: string) => {
    const usedPercent = number(`${name}_used`);
    if (usedPercent === null) return null;
    return { usedPercent, minutes: number(`${name}_minutes`), resetsAt: number(`${name}_resets_at`) };
  };
  const origin = text("routing_origin");
  const override = text("routing_override");
  return {
    paused: row.paused === 1,
    cooldownUntil: number("cooldown_until"),
    cooldownReason: text("cooldown_reason"),
    lastError: text("last_error"),
    lastErrorAt: number("last_error_at"),
    primary: window("primary"),
    secondary: window("secondary"),
    credits: text("credits") === null ? null : JSON.parse(text("credits") as string),
    limitsAt: number("limits_at"),
    routing:
      number("routing_at") === null ? null : { ...(origin ? { origin } : {}), ...(override ? { override } : {}) },
    routingAt: number("routing_at"),
    dead: text("dead"),
    deadReason: text("dead_reason"),
  };
}
