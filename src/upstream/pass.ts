// Passes requests that the Codex CLI's own tools make (images, search, memories) to the ChatGPT backend as they are.

import type { Credentials } from "../core/account.ts";
import { Failure } from "../core/failure.ts";
import type { Connection } from "./connection.ts";
import { ownHeaders, passingHeaders } from "./headers.ts";

export interface Passing {
  method: string;
  /** Below the base URL. */
  path: string;
  /** With or without its question mark. */
  query?: string;
  headers: Headers;
  body?: Uint8Array;
}

/** A path of the client's choosing would make the credential a key to everything. */
const PATHS = new Set(["/images/generations", "/images/edits", "/alpha/search", "/memories/trace_summarize"]);
const UP = [
  "content-type",
  "accept",
  "x-codex-image-turn-id",
  "x-codex-turn-metadata",
  "x-codex-window-id",
  "x-openai-subagent",
  "x-openai-memgen-request",
];
const DOWN = ["content-type", "retry-after"];

export async function passOn(
  connection: Connection,
  version: string,
  credentials: Credentials,
  { method, path, query, headers, body }: Passing,
  signal: AbortSignal,
): Promise<Response> {
  if (!PATHS.has(path))
    throw new Failure("unknown_path", {
      code: "not_found",
      message: `${path} does not exist; legal are ${[...PATHS].join(", ")}`,
    });
  const up = ownHeaders({ kind: "chatgpt", version, credentials });
  for (const name of UP) {
    const value = headers.get(name);
    if (value !== null) up.set(name, value);
  }
  const secrets = credentials.token === undefined ? [] : [credentials.token];
  const asked = query ? `${path}?${query.replace(/^\?/, "")}` : path;
  const reply = await connection.send(asked, {
    method,
    headers: up,
    signal,
    secrets,
    origin: credentials.routing?.origin,
    ...(body === undefined ? {} : { body }),
  });
  const { status, headers: answered } = reply.response;
  // The client has its own account with us: a refusal of ours must not look like one of its own.
  const html = answered.get("content-type")?.includes("text/html");
  if (status === 401 || status === 403 || html) throw await connection.refused(reply, secrets);
  const down = passingHeaders(answered);
  for (const name of DOWN) {
    const value = answered.get(name);
    if (value !== null) down.set(name, value);
  }
  return new Response(reply.response.body, { status, headers: down });
}
