// What a login is at this moment, and the places that can hold one.

import { createHash } from "node:crypto";
import type { Credentials, Tokens } from "../core/account.ts";
import { claimsOf } from "./claims.ts";

/** In the form that a request, or a renewal, needs. */
export interface Login {
  token: string;
  accountId?: string;
  fedramp?: boolean;
  plan?: string;
  /** What renews it; single use. */
  refresh?: string;
  /** The OAuth client that the refresh token belongs to, where it is not ours. */
  clientId?: string;
  /** Unix milliseconds. */
  refreshedAt?: number;
}

/** A place that holds a login. */
export interface LoginPlace {
  /** What to do when only a person can help. */
  readonly remedy: string;
  /** The login as last seen, for a glance that must not wait. */
  readonly known: Login | undefined;
  /** The login as it is now, whoever changed it. */
  read(): Promise<Login> | Login;
  /** Undefined where the login is not ours to renew. */
  readonly renewal: Renewal | undefined;
}

export interface Renewal {
  /** Two places with one key hold the same login. */
  readonly key: string;
  /** Milliseconds before the end at which a renewal is due. */
  readonly ahead: number;
  /** Makes sure that a new token can be kept, before the old one is spent. Throws when it cannot. */
  prepare(): Promise<Keeper>;
}

export interface Keeper {
  /** Keeps the new tokens, on disk when it returns, unless somebody else put another login in its place; gives what is there then. */
  keep(from: Login, tokens: Partial<Tokens>): Promise<Login>;
  /** Gives up what was prepared. */
  discard(): void;
}

/** What a request sends of it. */
export function credentialsOf(account: string, { token, accountId, fedramp }: Login): Credentials {
  return { account, token, ...(accountId ? { accountId } : {}), ...(fedramp ? { fedramp } : {}) };
}

/** Unix milliseconds; undefined where the token does not say. */
export function expiryOf({ token }: Login): number | undefined {
  const expires = claimsOf(token)?.expires;
  return expires === undefined ? undefined : expires * 1000;
}

/** A token that never says when it ends is renewed this long after the last time (wire/codex.md F.3). */
const SILENT_MS = 8 * 24 * 3600 * 1000;

/** Whether its time is near: `ahead` milliseconds before it ends, or half its life where that is less. */
export function isDue(login: Login, now: number, ahead: number): boolean {
  const claims = claimsOf(login.token);
  if (claims?.expires === undefined) return login.refreshedAt !== undefined && now - login.refreshedAt > SILENT_MS;
  // A life shorter than the margin would otherwise be over at birth, and every request a renewal.
  const life = claims.issued === undefined ? Number.POSITIVE_INFINITY : (claims.expires - claims.issued) * 1000;
  return now >= claims.expires * 1000 - (life > ahead ? ahead : life / 2);
}

/** Stands for a secret where the secret itself must not be. */
export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
