// The schema, as numbered steps in plain SQL that both engines take.

import type { Engine } from "./engine.ts";
import { Hours } from "./hours.ts";
import { FIELDS, selectReceipts } from "./rows.ts";

/** Text that both engines take, or one for each where they differ; or what no statement can do. */
type Statement = string | { sqlite: string; postgres: string } | ((within: Engine) => Promise<void>);

/** Step n brings version n. Published steps never change; a change is a new step at the end. */
const STEPS: readonly (readonly Statement[])[] = [
  [
    `create table licences (
      id text primary key,
      digest text not null unique,
      dialects text,
      models text,
      effort text,
      strict integer,
      reasoning text,
      admin integer not null,
      created_at bigint not null,
      revoked_at bigint
    )`,
    // A client may choose the id of its exchange, so it cannot be the key.
    `create table receipts (
      id text not null,
      at bigint not null,
      licence text,
      session text,
      dialect text not null,
      operation text not null,
      stream integer not null,
      asked_model text,
      model text,
      effort text,
      upstream text,
      account text,
      outcome text not null,
      status integer not null,
      code text,
      input_tokens bigint not null,
      cached_tokens bigint not null,
      output_tokens bigint not null,
      reasoning_tokens bigint not null,
      first_ms double precision,
      total_ms double precision not null,
      tries integer not null
    )`,
    "create index receipts_at on receipts (at)",
    "create index licences_revoked_at on licences (revoked_at)",
  ],
  [
    `create table accounts (
      name text primary key,
      kind text not null,
      issuer text not null,
      email text,
      plan text,
      account_id text,
      fedramp integer not null,
      access_token text not null,
      refresh_token text,
      id_token text,
      created_at bigint not null,
      refreshed_at bigint
    )`,
    // Accounts of the configuration have a state too, so it is no part of the table above.
    `create table account_states (
      name text primary key,
      paused integer not null default 0,
      cooldown_until bigint,
      cooldown_reason text,
      last_error text,
      last_error_at bigint,
      primary_used double precision,
      primary_minutes bigint,
      primary_resets_at bigint,
      secondary_used double precision,
      secondary_minutes bigint,
      secondary_resets_at bigint,
      limits_at bigint,
      routing_origin text,
      routing_override text,
      routing_at bigint,
      dead text,
      dead_reason text
    )`,
    `create table leases (
      name text primary key,
      owner text not null,
      until bigint not null
    )`,
  ],
  ["alter table account_states add column credits text"],
  [
    `create table plugin_values (
      plugin text not null,
      key text not null,
      value text not null,
      expires_at bigint,
      primary key (plugin, key)
    )`,
    "create index plugin_values_expires_at on plugin_values (expires_at)",
    // One number for each thing that processes keep in memory: it tells them that another one has changed it.
    `create table versions (
      name text primary key,
      version bigint not null
    )`,
  ],
  [
    // `bytea` is Postgres's word; to SQLite any word will do. Columns that are summed come before the large ones.
    `create table kept_responses (
      licence text not null,
      id text not null,
      session text,
      status text not null,
      created_at bigint not null,
      written_at bigint not null,
      expires_at bigint not null,
      bytes bigint not null,
      owner text,
      beat_at bigint,
      cancelled integer not null,
      body bytea not null,
      context bytea not null,
      primary key (licence, id)
    )`,
    "create index kept_responses_written_at on kept_responses (written_at, bytes, owner)",
    "create index kept_responses_expires_at on kept_responses (expires_at)",
    "create index kept_responses_owner on kept_responses (owner)",
    `create table kept_events (
      licence text not null,
      response text not null,
      first_number bigint not null,
      last_number bigint not null,
      body bytea not null,
      primary key (licence, response, first_number)
    )`,
    `create table conversations (
      licence text not null,
      id text not null,
      created_at bigint not null,
      written_at bigint not null,
      expires_at bigint not null,
      bytes bigint not null,
      body bytea not null,
      primary key (licence, id)
    )`,
    "create index conversations_written_at on conversations (written_at, bytes)",
    "create index conversations_expires_at on conversations (expires_at)",
    `create table conversation_items (
      licence text not null,
      conversation text not null,
      place bigint not null,
      id text not null,
      body bytea not null,
      primary key (licence, conversation, id)
    )`,
    `create table kept_items (
      licence text not null,
      id text not null,
      session text,
      written_at bigint not null,
      expires_at bigint not null,
      bytes bigint not null,
      body bytea not null,
      primary key (licence, id)
    )`,
    "create index kept_items_written_at on kept_items (written_at, bytes)",
    "create index kept_items_expires_at on kept_items (expires_at)",
  ],
  [
    // What a receipt is known by: written twice, as after a crash, it is there once.
    "alter table receipts add column uid text",
    {
      sqlite: "update receipts set uid = 'before-' || rowid",
      postgres: "update receipts set uid = 'before-' || ctid::text",
    },
    "create unique index receipts_uid on receipts (uid)",
    "drop index receipts_at",
    "create index receipts_at_uid on receipts (at, uid)",
    "create index receipts_id on receipts (id)",
    "create index receipts_session on receipts (session, at)",
    "create index receipts_licence on receipts (licence, at)",
    // Sums of the receipts of an hour. Each process writes rows of its own, so that none waits for another's.
    `create table usage_hours (
      kind text not null,
      hour bigint not null,
      key text not null,
      writer text not null,
      sums text not null,
      primary key (kind, hour, key, writer)
    )`,
    "create index usage_hours_writer on usage_hours (hour, writer)",
    sumReceipts,
  ],
  [
    "alter table licences add column requests_per_minute bigint",
    "alter table licences add column requests_per_day bigint",
    "alter table licences add column tokens_per_minute bigint",
    "alter table licences add column tokens_per_day bigint",
    "alter table licences add column streams bigint",
    // What a server that counts in memory has counted in its long windows, for the time after a restart.
    `create table counters (
      name text primary key,
      count bigint not null,
      until bigint not null
    )`,
  ],
  [
    "alter table receipts add column failure_kind text",
    "alter table licences add column keep_prompts integer",
    // What was said and answered, of licences that want it kept beside their receipts.
    `create table prompts (
      licence text not null,
      id text not null,
      at bigint not null,
      written_at bigint not null,
      body bytea not null,
      primary key (licence, id, at)
    )`,
    "create index prompts_at on prompts (at)",
    "create index prompts_written_at on prompts (written_at)",
    // Receipts from before this time are only sums.
    "create table receipts_kept (since bigint not null)",
    "insert into receipts_kept (since) values (0)",
  ],
  [
    // The account that a session stays with on an upstream; `moved` is the version of "sessions" at which it got another one.
    `create table sessions (
      upstream text not null,
      session text not null,
      account text not null,
      moved bigint not null,
      written_at bigint not null,
      primary key (upstream, session)
    )`,
    "create index sessions_moved on sessions (moved)",
    "create index sessions_written_at on sessions (written_at)",
    // What seals kept conversations where the operator gives no key and there is no file to have one in.
    `create table kept_keys (
      key text primary key,
      made_at bigint not null
    )`,
    // Who serves on this database just now, and by which chain of plugins.
    `create table instances (
      name text primary key,
      chain text not null,
      version text not null,
      seen_at bigint not null
    )`,
  ],
  // Between the runs of a copy something may be removed from the source: what came of it has to be known to be removed too.
  ["create table copied (name text not null, key text not null, primary key (name, key))"],
];

/** Receipts from before there were sums. */
async function sumReceipts(within: Engine): Promise<void> {
  const hours = new Hours("before");
  // A later step adds the column.
  const fields = FIELDS.filter((field) => field !== "failureKind");
  for (let at = 0, uid = ""; ; ) {
    const page = await selectReceipts(
      within,
      "where at >= ? and (at > ? or uid > ?) order by at, uid limit 1000",
      [at, at, uid],
      fields,
    );
    await hours.add(
      within,
      page.map(({ receipt }) => receipt),
    );
    const last = page.at(-1);
    if (!last) return;
    at = last.receipt.at;
    uid = last.uid;
  }
}

/** One lock for all who migrate a Postgres: its number is only ours. */
const LOCK = 7_264_001_389;

/** Brings the database to this version; gives the one before and the one now. Throws when a newer codexd has written it. */
export async function migrate(engine: Engine, place: string): Promise<{ from: number; to: number }> {
  const to = STEPS.length;
  if ((await versionOf(engine, place)) === to) return { from: to, to };
  return await engine.transaction(async (within) => {
    // Two processes that start at once must not both take the same step; SQLite's transaction is alone anyway.
    if (within.kind === "postgres") await within.all("select pg_advisory_xact_lock(?)", [LOCK]);
    const from = await versionOf(within, place);
    if (from === 0) {
      await within.run("create table schema_version (version integer not null)");
      await within.run("insert into schema_version (version) values (0)");
    }
    for (const statement of STEPS.slice(from).flat()) {
      if (typeof statement === "function") await statement(within);
      else await within.run(typeof statement === "string" ? statement : statement[within.kind]);
    }
    await within.run("update schema_version set version = ?", [to]);
    return { from, to };
  });
}

const TABLE = {
  sqlite: "select 1 from sqlite_master where type = 'table' and name = 'schema_version'",
  postgres: "select 1 from pg_tables where schemaname = current_schema() and tablename = 'schema_version'",
};

async function versionOf(engine: Engine, place: string): Promise<number> {
  if ((await engine.all(TABLE[engine.kind])).length === 0) return 0;
  const [row] = await engine.all<{ version: number }>("select version from schema_version");
  const version = row?.version ?? 0;
  if (version > STEPS.length) {
    throw new Error(
      `${place} is of schema version ${version}, written by a newer codexd; this one knows versions up to ${STEPS.length}`,
    );
  }
  return version;
}
