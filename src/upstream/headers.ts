// Which headers go upstream and which come back: both are lists, so nothing else can slip through.

import { arch, release, type } from "node:os";
import type { Credentials } from "../core/account.ts";
import type { Exchange } from "../core/hooks.ts";
import type { Kind } from "./allowed.ts";
import { cacheKey, digest } from "./digest.ts";
import { isLite, LITE_HEADER } from "./lite.ts";

/** The Codex client whose wire this is; the backend refuses models to older ones (wire/codex.md B.5). */
export const CODEX_VERSION = "0.169.0";
const ORIGINATOR = "codex_cli_rs";

/** All that passes of a client's own headers (translation.md 0.12). The turn state is decided elsewhere, the session ones are rebuilt. */
const FROM_CLIENT = [
  ...["x-openai-subagent", "x-codex-turn-metadata", "x-codex-window-id", "x-codex-parent-thread-id"],
  ...["x-codex-beta-features", LITE_HEADER, "x-client-request-id"],
];
const TO_CLIENT = new Set(["openai-model", "x-models-etag", "x-reasoning-included"]);
/** Limit families have names of the backend's choosing (wire/codex.md D.5). */
const LIMITS =
  /^x-[a-z0-9-]+-(?:(?:primary|secondary)-(?:used-percent|window-minutes|reset-at|reset-after-seconds)|limit-name)$/;

export interface HeaderSource {
  kind: Kind;
  version: string;
  credentials: Credentials;
}

/** What every request of ours has: who asks, and on whose account. */
export function ownHeaders({ kind, version, credentials }: HeaderSource): Headers {
  const headers = new Headers();
  const agent = `codexd/${version}`;
  if (kind === "chatgpt") {
    headers.set("version", CODEX_VERSION);
    headers.set("originator", ORIGINATOR);
    headers.set("user-agent", `${ORIGINATOR}/${CODEX_VERSION} (${type()} ${release()}; ${arch()}) ${agent}`);
  } else headers.set("user-agent", agent);
  if (credentials.token !== undefined) headers.set("authorization", `Bearer ${credentials.token}`);
  if (kind === "chatgpt" && credentials.accountId !== undefined)
    headers.set("chatgpt-account-id", credentials.accountId);
  if (kind === "chatgpt" && credentials.fedramp) headers.set("x-openai-fedramp", "true");
  const override = credentials.routing?.override;
  if (kind === "chatgpt" && override !== undefined) headers.set("x-openai-account-routing-override", override);
  return headers;
}

/** The header set of a turn (wire/codex.md A.3). */
export function turnHeaders(source: HeaderSource, exchange: Exchange, body: Record<string, unknown>): Headers {
  const headers = ownHeaders(source);
  for (const name of FROM_CLIENT) {
    const value = exchange.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const session = headerText(exchange.session.id);
  headers.set("session-id", session);
  headers.set("thread-id", session);
  if (!headers.has("x-client-request-id")) headers.set("x-client-request-id", session);
  if (isLite(exchange.headers, exchange.turn)) headers.set(LITE_HEADER, "true");
  if (source.kind === "chatgpt") {
    const tier = typeof body.service_tier === "string" ? `;tier=${body.service_tier}` : "";
    const hint = `model=${String(body.model)}${tier}`;
    if (/^[\x21-\x7e]{1,200}$/.test(hint)) headers.set("x-codex-routing-hint", hint);
  }
  headers.set("content-type", "application/json");
  headers.set("accept", "text/event-stream");
  return headers;
}

/** The upstream's headers that a client reads, and what is known of the account where they are silent. */
export function passingHeaders(headers: Headers, known: Readonly<Record<string, string>> = {}): Headers {
  const passing = new Headers(known);
  for (const [name, value] of headers) {
    if (name.startsWith("x-codex-") || TO_CLIENT.has(name) || LIMITS.test(name)) passing.set(name, value);
  }
  return passing;
}

/** A session is the client's word; a header takes visible characters only. */
function headerText(text: string): string {
  const key = cacheKey(text);
  return /^[\x21-\x7e]+$/.test(key) ? key : digest(text);
}
