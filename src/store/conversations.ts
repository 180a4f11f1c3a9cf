// Conversations in the store: their metadata, and their items in the order in which they were said.

import type { Engine } from "./engine.ts";
import type { Envelope } from "./envelope.ts";
import { stamp } from "./responses.ts";

export interface Conversation {
  id: string;
  /** Unix milliseconds. */
  createdAt: number;
  /** JSON. */
  metadata: string;
}

export interface ConversationItem {
  id: string;
  /** JSON. */
  body: string;
}

export interface ConversationRows {
  put(licence: string, conversation: Conversation, expiresAt: number): Promise<void>;
  /** Undefined when there is none, none any more, or none that the key opens. */
  get(licence: string, id: string): Promise<Conversation | undefined>;
  describe(licence: string, id: string, metadata: string): Promise<void>;
  remove(licence: string, id: string): Promise<boolean>;
  items(licence: string, id: string): Promise<ConversationItem[]>;
  /** Adds to the end and makes it live longer; gives the bytes that came to it. Nothing when it is not there any more. */
  append(licence: string, id: string, items: readonly ConversationItem[], expiresAt: number): Promise<number>;
  /** False when it has no such item. */
  removeItem(licence: string, id: string, item: string): Promise<boolean>;
}

/** Values of one statement stay far below what either engine takes. */
const AT_ONCE = 100;

export function openConversations(engine: Engine, envelope: () => Envelope): ConversationRows {
  const about = (licence: string, id: string, item = "") => `conversation\n${licence}\n${id}\n${item}`;
  return {
    async put(licence, { id, createdAt, metadata }, expiresAt) {
      const sealed = envelope().seal(metadata, about(licence, id));
      await engine.run(
        `insert into conversations (licence, id, created_at, written_at, expires_at, bytes, body) values (?, ?, ?, ?, ?, ?, ?)
         on conflict (licence, id) do nothing`,
        [licence, id, createdAt, stamp(), expiresAt, sealed.byteLength, sealed],
      );
    },
    async get(licence, id) {
      const [row] = await engine.all<{ created_at: number; body: Uint8Array }>(
        "select created_at, body from conversations where licence = ? and id = ? and expires_at > ?",
        [licence, id, Date.now()],
      );
      const metadata = row && envelope().open(row.body, about(licence, id));
      return row && metadata !== undefined ? { id, createdAt: row.created_at, metadata } : undefined;
    },
    async describe(licence, id, metadata) {
      const sealed = envelope().seal(metadata, about(licence, id));
      await engine.run("update conversations set body = ? where licence = ? and id = ?", [sealed, licence, id]);
    },
    remove: (licence, id) =>
      engine.transaction(async (within) => {
        // The whole first: whoever adds to it at this moment is then either before both or finds nothing.
        const removed = await within.run("delete from conversations where licence = ? and id = ?", [licence, id]);
        await within.run("delete from conversation_items where licence = ? and conversation = ?", [licence, id]);
        return removed > 0;
      }),
    async items(licence, id) {
      const rows = await engine.all<{ id: string; body: Uint8Array }>(
        "select id, body from conversation_items where licence = ? and conversation = ? order by place",
        [licence, id],
      );
      return rows.flatMap((row) => {
        const body = envelope().open(row.body, about(licence, id, row.id));
        return body === undefined ? [] : [{ id: row.id, body }];
      });
    },
    append: (licence, id, items, expiresAt) =>
      engine.transaction(async (within) => {
        const sealed = items.map((item) => ({
          id: item.id,
          body: envelope().seal(item.body, about(licence, id, item.id)),
        }));
        const bytes = sealed.reduce((sum, { body }) => sum + body.byteLength, 0);
        const touched = await within.run(
          "update conversations set bytes = bytes + ?, written_at = ?, expires_at = ? where licence = ? and id = ?",
          [bytes, stamp(), expiresAt, licence, id],
        );
        if (touched === 0) return 0;
        for (let at = 0; at < sealed.length; at += AT_ONCE) {
          const some = sealed.slice(at, at + AT_ONCE);
          await within.run(
            `insert into conversation_items (licence, conversation, place, id, body) values ${some.map(() => "(?, ?, ?, ?, ?)").join(", ")}
             on conflict (licence, conversation, id) do update set body = excluded.body`,
            some.flatMap((item) => [licence, id, stamp(), item.id, item.body]),
          );
        }
        return bytes;
      }),
    removeItem: async (licence, id, item) =>
      (await engine.run("delete from conversation_items where licence = ? and conversation = ? and id = ?", [
        licence,
        id,
        item,
      ])) > 0,
  };
}
