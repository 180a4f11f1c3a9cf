// An account as programs see it: everything that is known of it but its tokens.

import { claimsOf } from "../../account/claims.ts";
import { digestOf } from "../../account/login.ts";
import type { AccountState, StoredAccount, UsageWindow } from "../../core/account.ts";

/** An account of the store or of the configuration, with what is known of it. */
export interface Shown {
  name: string;
  /** `login`, `personal token`, `key` of the store; `authFile`, `accessToken`, `apiKey` of the configuration. */
  form: string;
  upstreams: string[];
  email: string | null;
  plan: string | null;
  account: StoredAccount | undefined;
  state: AccountState;
  status: string;
}

/** What a status is told from. */
export interface Credential {
  access: string;
  refresh?: string | undefined;
}

/** An account as JSON: everything but its tokens. */
export function accountJson(account: StoredAccount): Record<string, unknown> {
  const { tokens, createdAt, refreshedAt, ...rest } = account;
  const expires = claimsOf(tokens.access)?.expires;
  return {
    ...rest,
    renewable: tokens.refresh !== undefined,
    expiresAt: expires === undefined ? null : time(expires * 1000),
    createdAt: time(createdAt),
    refreshedAt: refreshedAt === null ? null : time(refreshedAt),
  };
}

/** `credential` is undefined where the configuration has it, out of sight. */
export function statusOf(
  { paused, dead, deadReason, cooldownUntil }: AccountState,
  credential: Credential | undefined,
): string {
  if (paused) return "paused";
  const { access, refresh } = credential ?? {};
  // What was given up is one credential; another in its place is as good as new.
  const isDead = [access, refresh].some((each) => each !== undefined && digestOf(each) === dead);
  if (isDead) return `log in again: ${deadReason ?? "refused"}`;
  if (cooldownUntil !== null && cooldownUntil > Date.now()) return `cooling down until ${time(cooldownUntil)}`;
  const expires = claimsOf(access)?.expires;
  if (refresh === undefined && expires !== undefined && expires * 1000 <= Date.now())
    return "log in again: the token expired";
  return "active";
}

/** With what is known of it. */
export function shownJson({
  name,
  form,
  upstreams,
  email,
  plan,
  account,
  state,
  status,
}: Shown): Record<string, unknown> {
  const { paused, cooldownUntil, cooldownReason, lastError, lastErrorAt, primary, secondary, limitsAt, routing } =
    state;
  return {
    name,
    form,
    status,
    upstreams,
    email,
    plan,
    ...(account ? accountJson(account) : {}),
    paused,
    cooldownUntil: cooldownUntil === null ? null : time(cooldownUntil),
    cooldownReason,
    primary: windowJson(primary),
    secondary: windowJson(secondary),
    limitsAt: limitsAt === null ? null : time(limitsAt),
    lastError,
    lastErrorAt: lastErrorAt === null ? null : time(lastErrorAt),
    routing,
  };
}

const windowJson = (window: UsageWindow | null): Record<string, unknown> | null =>
  window && { ...window, resetsAt: window.resetsAt === null ? null : time(window.resetsAt * 1000) };

/** To the second, in UTC. */
export function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
