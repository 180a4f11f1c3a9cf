// Finds single receipts, newest first, a page at a time.

import { Buffer } from "node:buffer";
import type { Receipt } from "../core/receipt.ts";
import type { Engine } from "./engine.ts";
import { type Filter, scan } from "./question.ts";
import { keptSince } from "./retention.ts";
import { type Entry, selectReceipts } from "./rows.ts";

export interface Search extends Filter {
  /** The request id; a client may use one twice. */
  id?: string | undefined;
  /** Where the last page ended. */
  cursor?: string | undefined;
  limit: number;
}

export interface Found {
  receipts: Receipt[];
  /** For the next page; null on the last one. */
  cursor: string | null;
}

/** A cursor that none of ours gave. */
export class BadCursor extends Error {}

export async function searchReceipts(engine: Engine, search: Search): Promise<Found> {
  const { id, limit, cursor, ...filter } = search;
  const after = cursor === undefined ? undefined : read(cursor);
  const found: Entry[] = [];
  const since = Math.max(filter.since ?? 0, await keptSince(engine));
  for await (const page of id === undefined
    ? scan(engine, { ...filter, since }, { order: "down", after })
    : named(engine, id, after)) {
    found.push(...page);
    if (found.length > limit) break;
  }
  const page = found.slice(0, limit);
  return {
    receipts: page.map(({ receipt }) => receipt),
    cursor: found.length > limit ? written(page.at(-1) as Entry) : null,
  };
}

/** An id is as good as unique, so it is all that is asked for. */
async function* named(engine: Engine, id: string, after?: Mark): AsyncGenerator<Entry[]> {
  const { at, uid } = after ?? { at: Number.MAX_SAFE_INTEGER, uid: "" };
  yield await selectReceipts(
    engine,
    "where id = ? and at >= ? and (at, uid) < (?, ?) order by at desc, uid desc limit 1000",
    [...[id, await keptSince(engine), at, uid]],
  );
}

interface Mark {
  at: number;
  uid: string;
}

const written = ({ uid, receipt }: Entry): string => Buffer.from(`${receipt.at} ${uid}`).toString("base64url");

function read(cursor: string): Mark {
  const [, at, uid] = /^(\d{1,15}) ([\w-]{1,64})$/.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  if (at === undefined || uid === undefined) throw new BadCursor();
  return { at: Number(at), uid };
}
