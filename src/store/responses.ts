// Kept responses in the store: the object as its client got it, what it was an answer to, and the events of those made in the background.

import type { Engine } from "./engine.ts";
import type { Envelope } from "./envelope.ts";

export interface KeptResponse {
  licence: string;
  id: string;
  session: string | null;
  status: string;
  /** Unix milliseconds. */
  createdAt: number;
  /** The process that makes it; null once it is finished. */
  owner: string | null;
  /** When that process last said that it is alive. */
  beatAt: number | null;
  /** Somebody wants it to end. */
  cancelled: boolean;
  /** The Response object, as JSON. */
  body: string;
  /** The items that it is an answer to, earlier answers included, as a JSON list. */
  context: string;
}

export interface NewResponse extends Pick<KeptResponse, "licence" | "id" | "session" | "status" | "body" | "context"> {
  /** Left out for one that is finished. */
  owner?: string;
  createdAt: number;
  expiresAt: number;
}

/** Some events that follow one another, as JSON, one a line. */
export interface EventRun {
  first: number;
  last: number;
  lines: string;
}

export interface ResponseRows {
  /** Gives how many bytes it takes. Once more does nothing: the first time may have come through, though nobody heard of it. */
  put(response: NewResponse): Promise<number>;
  /**
   * Only while it has this owner. With `last`, its last events, it is finished and has no owner any more. Gives the bytes that it
   * takes now; undefined when it is not there.
   */
  change(
    key: { licence: string; id: string; owner: string },
    to: { status: string; body: string; last?: EventRun },
  ): Promise<number | undefined>;
  /** Undefined when there is none, none any more, or none that the key opens. */
  get(licence: string, id: string): Promise<KeptResponse | undefined>;
  /** False when there was none. */
  remove(licence: string, id: string): Promise<boolean>;
  append(licence: string, id: string, run: EventRun): Promise<void>;
  /** Takes back the events of one that was removed while they were written. */
  tidy(licence: string, id: string): Promise<void>;
  /** What follows that event, in order; a run may begin before it. */
  events(licence: string, id: string, after: number): Promise<EventRun[]>;
  /** Asks its owner to end it; false when nobody makes it. */
  cancel(licence: string, id: string): Promise<boolean>;
  /** Tells that this owner is alive; gives what it makes, as far as it is still there. */
  beat(owner: string): Promise<{ licence: string; id: string; cancelled: boolean }[]>;
  /** Everything that some process makes. */
  running(): Promise<{ licence: string; id: string; owner: string; beatAt: number }[]>;
}

interface Row {
  licence: string;
  id: string;
  session: string | null;
  status: string;
  created_at: number;
  owner: string | null;
  beat_at: number | null;
  cancelled: number;
  body: Uint8Array;
  context: Uint8Array;
}

let last = 0;

/** Microseconds, never the same twice in one process: the order in which things were kept. */
export function stamp(): number {
  last = Math.max(last + 1, Date.now() * 1000);
  return last;
}

export function openResponses(engine: Engine, envelope: () => Envelope): ResponseRows {
  const about = (part: string, licence: string, id: string) => `${part}\n${licence}\n${id}`;
  const opened = (row: Row): KeptResponse | undefined => {
    const body = envelope().open(row.body, about("response", row.licence, row.id));
    const context = envelope().open(row.context, about("context", row.licence, row.id));
    if (body === undefined || context === undefined) return undefined;
    const { licence, id, session, status, owner } = row;
    const times = { createdAt: row.created_at, beatAt: row.beat_at };
    return { licence, id, session, status, owner, ...times, cancelled: row.cancelled === 1, body, context };
  };
  async function append(on: Engine, licence: string, id: string, run: EventRun): Promise<void> {
    const sealed = envelope().seal(run.lines, about(`events ${run.first}`, licence, id));
    await on.run(
      `insert into kept_events (licence, response, first_number, last_number, body) values (?, ?, ?, ?, ?)
       on conflict (licence, response, first_number) do nothing`,
      [licence, id, run.first, run.last, sealed],
    );
  }
  return {
    async put({ licence, id, session, status, body, context, owner, createdAt, expiresAt }) {
      const [sealed, before] = [
        envelope().seal(body, about("response", licence, id)),
        envelope().seal(context, about("context", licence, id)),
      ];
      const bytes = sealed.byteLength + before.byteLength;
      const beat = owner === undefined ? null : Date.now();
      await engine.run(
        `insert into kept_responses (licence, id, session, status, created_at, written_at, expires_at, bytes, owner, beat_at, cancelled, body, context)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
         on conflict (licence, id) do nothing`,
        ...[[licence, id, session, status, createdAt, stamp(), expiresAt, bytes, owner ?? null, beat, sealed, before]],
      );
      return bytes;
    },
    change: ({ licence, id, owner }, { status, body, last: end }) =>
      engine.transaction(async (within) => {
        const sealed = envelope().seal(body, about("response", licence, id));
        const changed = await within.run(
          `update kept_responses set status = ?, body = ?, owner = ?, written_at = ?
           where licence = ? and id = ? and owner = ?`,
          [status, sealed, end ? null : owner, stamp(), licence, id, owner],
        );
        if (changed === 0) return undefined;
        if (end) await append(within, licence, id, end);
        await within.run(
          `update kept_responses set bytes = ? + length(context) + coalesce((select sum(length(body)) from kept_events e
             where e.licence = kept_responses.licence and e.response = kept_responses.id), 0)
           where licence = ? and id = ?`,
          [sealed.byteLength, licence, id],
        );
        const sizes = "select bytes from kept_responses where licence = ? and id = ?";
        const [row] = await within.all<{ bytes: number }>(sizes, [licence, id]);
        return row?.bytes ?? 0;
      }),
    async get(licence, id) {
      const [row] = await engine.all<Row>(
        "select * from kept_responses where licence = ? and id = ? and (expires_at > ? or owner is not null)",
        [licence, id, Date.now()],
      );
      return row && opened(row);
    },
    remove: (licence, id) =>
      engine.transaction(async (within) => {
        // The whole first: whoever adds to it at this moment is then either before both or finds nothing.
        const removed = await within.run("delete from kept_responses where licence = ? and id = ?", [licence, id]);
        await within.run("delete from kept_events where licence = ? and response = ?", [licence, id]);
        return removed > 0;
      }),
    append: (licence, id, run) => append(engine, licence, id, run),
    async tidy(licence, id) {
      await engine.run(
        `delete from kept_events where licence = ? and response = ? and not exists
           (select 1 from kept_responses r where r.licence = kept_events.licence and r.id = kept_events.response)`,
        [licence, id],
      );
    },
    async events(licence, id, after) {
      const rows = await engine.all<{ first_number: number; last_number: number; body: Uint8Array }>(
        `select first_number, last_number, body from kept_events
         where licence = ? and response = ? and last_number > ? order by first_number`,
        [licence, id, after],
      );
      return rows.map(({ first_number: first, last_number: final, body }) => ({
        first,
        last: final,
        lines: envelope().open(body, about(`events ${first}`, licence, id)) ?? "",
      }));
    },
    cancel: async (licence, id) =>
      (await engine.run("update kept_responses set cancelled = 1 where licence = ? and id = ? and owner is not null", [
        licence,
        id,
      ])) > 0,
    async beat(owner) {
      await engine.run("update kept_responses set beat_at = ? where owner = ?", [Date.now(), owner]);
      const rows = await engine.all<{ licence: string; id: string; cancelled: number }>(
        "select licence, id, cancelled from kept_responses where owner = ?",
        [owner],
      );
      return rows.map(({ licence, id, cancelled }) => ({ licence, id, cancelled: cancelled === 1 }));
    },
    async running() {
      return await engine.all(
        `select licence, id, owner, coalesce(beat_at, 0) as "beatAt" from kept_responses where owner is not null`,
      );
    },
  };
}
