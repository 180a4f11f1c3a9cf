// Asks an upstream which models it has.

import type { Credentials } from "../core/account.ts";
import { Failure } from "../core/failure.ts";
import type { Kind } from "./allowed.ts";
import type { Connection } from "./connection.ts";
import { CODEX_VERSION, ownHeaders } from "./headers.ts";
import { isObject } from "./schema.ts";

export interface Catalogue {
  /** The upstream's own entries: by `slug` on kind chatgpt, by `id` elsewhere. */
  models: Record<string, unknown>[];
  etag?: string;
}

/** The real catalogue has half a megabyte. */
const LIMIT = 16 * 1024 * 1024;
/** A list is quick or not worth waiting for: it only improves what is built in. */
const MS = 15_000;
/** Answers of a provider that has no list. */
const ABSENT = new Set([404, 405, 501]);

export async function readCatalogue(
  connection: Connection,
  kind: Kind,
  version: string,
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<Catalogue | undefined> {
  const headers = ownHeaders({ kind, version, credentials });
  headers.set("accept", "application/json");
  const path = kind === "chatgpt" ? `/models?client_version=${CODEX_VERSION}` : "/models";
  const secrets = credentials.token === undefined ? [] : [credentials.token];
  const patience = AbortSignal.timeout(MS);
  try {
    const reply = await connection.ask(path, {
      method: "GET",
      headers,
      secrets,
      origin: credentials.routing?.origin,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    const etag = reply.response.headers.get("etag");
    const body = await connection.json(reply, secrets, LIMIT);
    return { models: modelsOf(body, connection.name), ...(etag ? { etag } : {}) };
  } catch (thrown) {
    if (thrown instanceof Failure && ABSENT.has(thrown.upstream?.status ?? 0)) return undefined;
    if (patience.aborted && !signal?.aborted) throw connection.late();
    throw thrown;
  }
}

function modelsOf(body: unknown, upstream: string): Record<string, unknown>[] {
  const list = isObject(body) ? (body.models ?? body.data) : body;
  if (Array.isArray(list)) return list.filter(isObject);
  const message = `upstream ${upstream} answered /models with something that is not a list of models`;
  throw new Failure("upstream_api", { code: "upstream_error", message });
}
