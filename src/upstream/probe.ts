// One harmless question to an upstream, for a person who wants to know whether it can be reached and takes a credential.

import type { Credentials } from "../core/account.ts";
import type { Failure } from "../core/failure.ts";
import type { Kind } from "./allowed.ts";
import { Connection } from "./connection.ts";
import { CODEX_VERSION, ownHeaders } from "./headers.ts";

/** Long enough for a slow network, short enough for somebody who waits. */
const LIMITS = { connect: 5_000, firstByte: 10_000, idle: 5_000 };

export interface Probed {
  status: number;
  /** Unix milliseconds of the answer's `Date`. */
  date: number | undefined;
  /** Why the answer is no success. */
  failure: Failure | undefined;
}

/** Asks for the list of models. Throws the `Failure` of an upstream that gave no answer at all. */
export async function probe(
  { name, kind, baseUrl }: { name: string; kind: Kind; baseUrl: string },
  { credentials, version, clock }: { credentials: Credentials; version: string; clock: () => number },
): Promise<Probed> {
  const connection = new Connection(name, baseUrl, LIMITS, clock);
  const headers = ownHeaders({ kind, version, credentials });
  headers.set("accept", "application/json");
  const secrets = credentials.token === undefined ? [] : [credentials.token];
  const path = kind === "chatgpt" ? `/models?client_version=${CODEX_VERSION}` : "/models";
  const reply = await connection.send(path, { method: "GET", headers, secrets, origin: credentials.routing?.origin });
  const { status, ok, headers: answered, body } = reply.response;
  const date = Date.parse(answered.get("date") ?? "");
  const isPage = answered.get("content-type")?.includes("text/html") ?? false;
  const failure = ok && !isPage ? undefined : await connection.refused(reply, secrets);
  if (!failure) {
    reply.deadline.release();
    await body?.cancel();
  }
  return { status, date: Number.isNaN(date) ? undefined : date, failure };
}

/** One exchange with a server of ours at this address. Throws the `Failure` of one that gave no answer. */
export async function askServer(
  base: string,
  path: string,
  { clock, ...init }: { method: string; headers: Headers; body?: string; clock: () => number },
): Promise<{ status: number; text: string }> {
  const connection = new Connection(base, base, { connect: 5_000, firstByte: 60_000, idle: 60_000 }, clock);
  const { response, deadline } = await connection.send(path, { ...init, secrets: [] });
  try {
    return { status: response.status, text: await response.text() };
  } finally {
    deadline.release();
  }
}
