// What the tables of the store are to whoever moves or checks them: their keys, and how to find what has changed lately.

export interface Table {
  readonly name: string;
  readonly key: readonly string[];
  /** Rows written since a time in microseconds (`?`); a table without this is small enough to be read whole. */
  readonly since?: string;
  /** When a row may take the place of one with its key, which may be the younger one if that database was in use before. */
  readonly newer?: string;
}

const WRITTEN_LATER = (table: string): string => `${table}.written_at <= excluded.written_at`;

/** In an order in which nothing comes before what it belongs to. Receipts and their sums have a way of their own. */
export const TABLES: readonly Table[] = [
  { name: "licences", key: ["id"], newer: "licences.revoked_at is null" },
  {
    name: "accounts",
    key: ["name"],
    newer: "coalesce(accounts.refreshed_at, 0) <= coalesce(excluded.refreshed_at, 0)",
  },
  { name: "account_states", key: ["name"] },
  {
    name: "sessions",
    key: ["upstream", "session"],
    since: "written_at >= ?",
    newer: WRITTEN_LATER("sessions"),
  },
  { name: "plugin_values", key: ["plugin", "key"] },
  { name: "counters", key: ["name"] },
  {
    name: "kept_responses",
    key: ["licence", "id"],
    since: "written_at >= ? or owner is not null",
    newer: WRITTEN_LATER("kept_responses"),
  },
  {
    name: "kept_events",
    key: ["licence", "response", "first_number"],
    since: `exists (select 1 from kept_responses r where r.licence = kept_events.licence and r.id = kept_events.response
      and (r.written_at >= ? or r.owner is not null))`,
  },
  { name: "conversations", key: ["licence", "id"], since: "written_at >= ?", newer: WRITTEN_LATER("conversations") },
  {
    name: "conversation_items",
    key: ["licence", "conversation", "id"],
    since: `exists (select 1 from conversations c where c.licence = conversation_items.licence
      and c.id = conversation_items.conversation and c.written_at >= ?)`,
  },
  { name: "prompts", key: ["licence", "id", "at"], since: "written_at >= ?" },
  { name: "kept_items", key: ["licence", "id"], since: "written_at >= ?", newer: WRITTEN_LATER("kept_items") },
];

/** Of this database alone: who renews what just now, and what its processes have in memory. */
export const OWN: readonly string[] = [
  "schema_version",
  "versions",
  "leases",
  "receipts_kept",
  "kept_keys",
  "copied",
  "instances",
];

/** Parts without the whole that they belong to. */
export const ORPHANS: readonly { name: string; sql: string }[] = [
  {
    name: "events without their response",
    sql: `select count(*) as count from kept_events e where not exists
      (select 1 from kept_responses r where r.licence = e.licence and r.id = e.response)`,
  },
  {
    name: "items without their conversation",
    sql: `select count(*) as count from conversation_items i where not exists
      (select 1 from conversations c where c.licence = i.licence and c.id = i.conversation)`,
  },
];
