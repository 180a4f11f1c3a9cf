// Accounts in the store: their tokens, what is known of them, and who may renew them now.

import {
  type AccountKind,
  type AccountState,
  type AccountStore,
  FRESH_STATE,
  type StoredAccount,
  type Tokens,
} from "../core/account.ts";
import type { Engine, Value } from "./engine.ts";
import { bump, type Snapshots } from "./snapshot.ts";

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

type StateRow = Record<string, unknown> & { name: string };

/** Field of a state → its columns and their values. */
const COLUMNS: { [K in keyof AccountState]: (value: AccountState[K]) => Record<string, Value> } = {
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

interface Known {
  accounts: StoredAccount[];
  states: Map<string, AccountState>;
}

const NAME = "accounts";

export async function openAccounts(engine: Engine, snapshots: Snapshots): Promise<AccountStore> {
  const statements = ["select * from accounts order by created_at, name", "select * from account_states"];
  const known = await snapshots.of<Known>(NAME, statements, ([accounts = [], states = []]) => ({
    accounts: (accounts as Row[]).map(accountOf),
    states: new Map((states as StateRow[]).map((row) => [row.name, readState(row)])),
  }));

  async function write<T>(work: (within: Engine) => Promise<T>, options?: { durable: boolean }): Promise<T> {
    const result = await engine.transaction(async (within) => {
      const done = await work(within);
      await bump(within, NAME);
      return done;
    }, options);
    await known.renew();
    return result;
  }
  /** A rotated token that the end of the power takes back is a lost login: these few writes wait for the disk. */
  const durably = <T>(work: (within: Engine) => Promise<T>) => write(work, { durable: true });

  return {
    list: () => known.value.accounts,
    get: (name) => known.value.accounts.find((account) => account.name === name),
    put: (account) =>
      durably(async (within) => {
        await forget(within, account.name);
        await insert(within, account);
      }),
    remove: (name) => durably((within) => forget(within, name)),
    rotate: (name, from, to) => durably((within) => rotate(within, name, from, to)),
    state: (name) => known.value.states.get(name) ?? FRESH_STATE,
    async change(name, patch) {
      const values = columnsOf(patch);
      const columns = Object.keys(values);
      if (columns.length === 0) return;
      const sql = `insert into account_states (name, ${columns.join(", ")}) values (?, ${columns.map(() => "?").join(", ")})
        on conflict (name) do update set ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`;
      await write((within) => within.run(sql, [name, ...Object.values(values)]));
    },
    async lease(key, owner, until) {
      const taken = await engine.run(
        `insert into leases (name, owner, until) values (?, ?, ?) on conflict (name) do update
         set owner = excluded.owner, until = excluded.until where leases.owner = excluded.owner or leases.until <= ?`,
        [key, owner, until, Date.now()],
      );
      // What the last holder wrote counts from here on.
      await known.renew();
      return taken > 0;
    },
    release: async (key, owner) =>
      void (await engine.run("delete from leases where name = ? and owner = ?", [key, owner])),
  };
}

async function forget(within: Engine, name: string): Promise<boolean> {
  await within.run("delete from account_states where name = ?", [name]);
  return (await within.run("delete from accounts where name = ?", [name])) > 0;
}

async function insert(within: Engine, account: StoredAccount): Promise<void> {
  const { name, kind, issuer, email, plan, accountId, fedramp, tokens, createdAt, refreshedAt } = account;
  const { access, refresh = null, id = null } = tokens;
  await within.run(
    `insert into accounts (name, kind, issuer, email, plan, account_id, fedramp, access_token, refresh_token, id_token, created_at, refreshed_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [name, kind, issuer, email, plan, accountId, Number(fedramp), access, refresh, id, createdAt, refreshedAt],
  );
}

async function rotate(within: Engine, name: string, from: Tokens, to: StoredAccount): Promise<boolean> {
  const { tokens, email, plan, accountId, fedramp, refreshedAt } = to;
  const { access, refresh = null, id = null } = tokens;
  const changed = await within.run(
    `update accounts set access_token = ?, refresh_token = ?, id_token = ?, email = ?, plan = ?, account_id = ?, fedramp = ?, refreshed_at = ?
     where name = ? and access_token = ?`,
    [access, refresh, id, email, plan, accountId, Number(fedramp), refreshedAt, name, from.access],
  );
  return changed > 0;
}

function columnsOf(patch: Partial<AccountState>): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const field of Object.keys(patch) as (keyof AccountState)[])
    Object.assign(values, (COLUMNS[field] as (value: unknown) => object)(patch[field]));
  return values;
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

function windowColumns(name: string, window: AccountState["primary"]): Record<string, Value> {
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
