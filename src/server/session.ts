// Finds the conversation that a request belongs to, so that cache, account and receipts stay together (product.md, Sessions).

import { invalid } from "../core/failure.ts";
import type { Decoded, Session } from "../core/hooks.ts";
import type { Item, Turn } from "../core/turn.ts";

const HEADERS = ["session_id", "session-id", "conversation_id", "x-session-id", "x-session-affinity"];
const LONGEST = 256;
/** Characters of a text that a derived session looks at: a picture or a file in the first message may have millions. */
const ENDS = 16 * 1024;

/** Takes `session_id` out of the body: it never goes upstream as a field. */
export function takeSessionId(body: Record<string, unknown>): string | undefined {
  const value = body.session_id;
  delete body.session_id;
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string" || value.length > LONGEST)
    throw invalid("session_id", `session_id must be a string of at most ${LONGEST} characters`);
  return value;
}

/** Body field, header, the dialect's native field, or a key derived from what does not change in a conversation. */
export function sessionOf(fromBody: string | undefined, headers: Headers, decoded: Decoded, licence: string): Session {
  if (fromBody !== undefined) return { id: fromBody, source: "body" };
  const named = sessionIn(headers);
  if (named !== undefined) return { id: named, source: "header" };
  if (decoded.session) return { id: bounded(decoded.session), source: "native" };
  return { id: derived(decoded.turn, licence), source: "derived" };
}

/** The session that a request's headers name. */
export function sessionIn(headers: Headers): string | undefined {
  for (const name of HEADERS) {
    const value = headers.get(name);
    if (value && value.length <= LONGEST) return value;
  }
  return undefined;
}

/** The dialects set no bound to their own fields; a receipt does. */
function bounded(id: string): string {
  return id.length <= LONGEST ? id : digestOf(id);
}

/** A UUID-shaped digest of licence, model, first instructions and first user message. */
function derived(turn: Turn, licence: string): string {
  const developer = turn.input.find((item) => item.role === "developer" || item.role === "system");
  const user = turn.input.find((item) => item.role === "user");
  const hash = digestOf(
    JSON.stringify([licence, turn.model, turn.instructions ?? contentOf(developer), contentOf(user)], byItsEnds),
  );
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

function digestOf(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

function contentOf(item: Item | undefined): unknown {
  return item?.content ?? null;
}

/** A long text is known by its length, its beginning and its end. */
function byItsEnds(_: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length <= ENDS) return value;
  return [value.length, value.slice(0, ENDS / 2), value.slice(-ENDS / 2)];
}
