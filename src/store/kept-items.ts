// Items of answers in the store, for clients that send a reference to an item instead of the item.

import type { Engine } from "./engine.ts";
import type { Envelope } from "./envelope.ts";
import { stamp } from "./responses.ts";

export interface KeptItem {
  licence: string;
  id: string;
  session: string | null;
  /** JSON. */
  body: string;
}

export interface ItemRows {
  /** Writes them at once; gives the bytes that they take. The same item again replaces the one before. */
  put(items: readonly KeptItem[], expiresAt: number): Promise<number>;
  /** The JSON of those that are there, by id. */
  find(licence: string, ids: readonly string[]): Promise<Map<string, string>>;
}

/** Values of one statement stay far below what either engine takes. */
const AT_ONCE = 100;

export function openItems(engine: Engine, envelope: () => Envelope): ItemRows {
  const about = (licence: string, id: string) => `item\n${licence}\n${id}`;
  return {
    async put(items, expiresAt) {
      // One statement may not touch a row twice.
      const distinct = [...new Map(items.map((item) => [about(item.licence, item.id), item])).values()];
      let bytes = 0;
      for (let at = 0; at < distinct.length; at += AT_ONCE) {
        const rows = distinct.slice(at, at + AT_ONCE).map(({ licence, id, session, body }) => {
          const sealed = envelope().seal(body, about(licence, id));
          bytes += sealed.byteLength;
          return [licence, id, session, stamp(), expiresAt, sealed.byteLength, sealed];
        });
        await engine.run(
          `insert into kept_items (licence, id, session, written_at, expires_at, bytes, body)
           values ${rows.map(() => "(?, ?, ?, ?, ?, ?, ?)").join(", ")}
           on conflict (licence, id) do update set session = excluded.session, written_at = excluded.written_at,
             expires_at = excluded.expires_at, bytes = excluded.bytes, body = excluded.body`,
          rows.flat(),
        );
      }
      return bytes;
    },
    async find(licence, ids) {
      const found = new Map<string, string>();
      for (let at = 0; at < ids.length; at += AT_ONCE) {
        const some = ids.slice(at, at + AT_ONCE);
        const rows = await engine.all<{ id: string; body: Uint8Array }>(
          `select id, body from kept_items where licence = ? and expires_at > ? and id in (${some.map(() => "?").join(", ")})`,
          [licence, Date.now(), ...some],
        );
        for (const row of rows) {
          const body = envelope().open(row.body, about(licence, row.id));
          if (body !== undefined) found.set(row.id, body);
        }
      }
      return found;
    },
  };
}
