// What plugins keep: JSON values by plugin and key, some of them only for a time.

import type { Engine } from "./engine.ts";
import type { Envelope } from "./envelope.ts";

export interface PluginValues {
  /** Undefined where there is none, or none any more. */
  get<T>(plugin: string, key: string): Promise<T | undefined>;
  /** `ttl`: milliseconds after which it is gone. */
  set(plugin: string, key: string, value: unknown, options?: { ttl?: number | undefined }): Promise<void>;
  /** False when there was none. */
  delete(plugin: string, key: string): Promise<boolean>;
  /** Keys that begin so, in order. */
  list(plugin: string, prefix?: string): Promise<string[]>;
}

/** Writes between two sweeps of what is gone. */
const SWEEP = 100;

/** No JSON begins so: what is without it is of a version that did not seal. */
const SEALED = "sealed:";

/** What plugins remember is of conversations too (a summary, an answer), so it is sealed like all that is kept of them. */
export function openValues(engine: Engine, envelope: () => Envelope): PluginValues {
  let writes = 0;
  const about = (plugin: string, key: string) => `plugin value\n${plugin}\n${key}`;
  const seal = (text: string, name: string) => SEALED + Buffer.from(envelope().seal(text, name)).toString("base64");
  /** Undefined for what another key sealed. */
  const opened = (text: string, name: string) =>
    text.startsWith(SEALED) ? envelope().open(Buffer.from(text.slice(SEALED.length), "base64"), name) : text;
  const live = "(expires_at is null or expires_at > ?)";
  return {
    async get<T>(plugin: string, key: string) {
      const [row] = await engine.all<{ value: string }>(
        `select value from plugin_values where plugin = ? and key = ? and ${live}`,
        [plugin, key, Date.now()],
      );
      const text = row && opened(row.value, about(plugin, key));
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    async set(plugin, key, value, { ttl } = {}) {
      const text = JSON.stringify(value);
      if (text === undefined) throw new TypeError(`the value of ${key} has no form in JSON; to remove it, delete it`);
      await engine.run(
        `insert into plugin_values (plugin, key, value, expires_at) values (?, ?, ?, ?)
         on conflict (plugin, key) do update set value = excluded.value, expires_at = excluded.expires_at`,
        [plugin, key, seal(text, about(plugin, key)), ttl === undefined ? null : Date.now() + ttl],
      );
      // Nobody asks again for most of what has run out, so its room is taken back in passing.
      if (++writes % SWEEP === 0) await engine.run("delete from plugin_values where expires_at <= ?", [Date.now()]);
    },
    async delete(plugin, key) {
      const now = Date.now();
      return (
        (await engine.run(`delete from plugin_values where plugin = ? and key = ? and ${live}`, [plugin, key, now])) > 0
      );
    },
    async list(plugin, prefix = "") {
      const rows = await engine.all<{ key: string }>(
        // No `like`: a prefix may have its signs in it.
        `select key from plugin_values where plugin = ? and substr(key, 1, length(cast(? as text))) = ? and ${live}`,
        [plugin, prefix, prefix, Date.now()],
      );
      // The engines sort text differently.
      return rows.map(({ key }) => key).sort();
    },
  };
}
