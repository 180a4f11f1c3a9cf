// Upstream credentials as the rest of the house sees them: who keeps them is nobody else's business.

import type { Failure } from "./failure.ts";

/** One upstream credential, as configured. */
export type AccountConfig = (
  | { name: string; authFile: string; refresh?: boolean }
  | { name: string; accessToken: string; accountId?: string }
  | { name: string; apiKey: string }
) & {
  /** Higher ones are asked first; 0 when left out. */
  priority?: number;
  /** Share of the load among accounts of one priority; 1 when left out. */
  weight?: number;
};

/** How a new session gets its account: the one with most room, each in turn, or the first until it is full. */
export type AccountStrategy = "least-used" | "round-robin" | "fill-first";

/** Where a workspace wants its requests, and what they carry (wire/codex.md A.4). */
export interface Routing {
  /** An https origin in the place of the upstream's own. */
  origin?: string;
  /** Value of `x-openai-account-routing-override`. */
  override?: string;
}

/** What one request sends. Without a token the upstream wants none. */
export interface Credentials {
  account: string;
  token?: string;
  accountId?: string;
  fedramp?: boolean;
  routing?: Routing;
}

/** The accounts of one upstream. */
export interface Accounts {
  /** How many there are; with one, whatever the upstream pinned belongs to it. */
  readonly size: number;
  /**
   * The credential for this session, of an account that was not tried yet where there is one. Throws the `Failure` that tells what
   * the operator has to do, or when the earliest account is usable again.
   */
  choose(session: string, tried?: ReadonlySet<string>): Promise<Credentials>;
  /** Another token of the same account than the one that was refused; undefined when there is none. */
  renew(used: Credentials): Promise<Credentials | undefined>;
  /**
   * The account answered: the session stays with it, and its limits are known anew. Gives the limit headers that the answer
   * lacks, from what is known.
   */
  answered(account: string, session: string, headers: Headers): Readonly<Record<string, string>>;
  /** The account that a session stays with, or else the one that would be asked first. */
  serving(session: string): Promise<AccountHandle | undefined>;
  /** The account failed: it rests as long as the failure says. True when another one may be asked for the same turn. */
  blame(account: string, failure: Failure, tried: ReadonlySet<string>): boolean;
  /** The failure of all accounts together, when there are several and none may be asked. */
  exhausted(): Failure | undefined;
  /** Every account, in the order of the configuration, then those that were logged in, oldest first. */
  all(): AccountHandle[];
  /** Those that may be asked now. */
  usable(): AccountHandle[];
}

/** Which account each session stays with, shared by every process of one store. Nothing here throws, and nothing waits long. */
export interface Pins {
  /** The account of this session: of those that may serve it the one that it has, else the proposed one, which it has from then on. */
  settle(upstream: string, session: string, propose: () => string, may: (account: string) => boolean): Promise<string>;
  /** Undefined for a session that has none yet. */
  find(upstream: string, session: string): Promise<string | undefined>;
  /** This account answered it: it stays there. */
  answered(upstream: string, session: string, account: string): void;
}

/** Why an account may not be asked now. */
export type Obstacle =
  | { why: "paused" }
  /** `until` is in Unix milliseconds. */
  | { why: "cooldown"; until: number; reason: string }
  /** Only a person can help: the message says how. */
  | { why: "login"; message: string };

/** One account, to be asked with and to be told what came of it. Handles are cheap: take them anew for each request. */
export interface AccountHandle {
  readonly name: string;
  readonly state: AccountState;
  /** As its login tells; null where nothing is known of it. */
  readonly plan: string | null;
  /** Undefined when it may be asked. */
  readonly obstacle: Obstacle | undefined;
  /** Reads the login again from its place, where somebody may have mended it. */
  look(): Promise<void>;
  /** A token that the upstream should take, renewed when its time is near. Throws the `Failure` that says what to do. */
  credentials(options?: { force?: boolean }): Promise<Credentials>;
  /** Another token than this one, which the upstream refused. Throws when there is none; then the account needs a person. */
  refreshAfter401(token: string | undefined): Promise<Credentials>;
  /** Not to be asked before then (Unix milliseconds). */
  coolDown(until: number, reason: string): void;
  clearCooldown(): void;
  /** Keeps the usage windows of an answer's headers; windows with room end a cooldown. */
  limits(headers: Headers): void;
  /** Keeps what went wrong, for people to see. */
  failed(failure: Failure): void;
}

/** How far a limit is used. */
export interface UsageWindow {
  /** 0 to 100. */
  usedPercent: number;
  minutes: number | null;
  /** Unix seconds. */
  resetsAt: number | null;
}

/** What an account may spend beyond its windows. */
export interface Credits {
  hasCredits: boolean;
  unlimited: boolean;
  balance: string | null;
}

/** What is known of an account besides its credential. Times are in Unix milliseconds. */
export interface AccountState {
  paused: boolean;
  cooldownUntil: number | null;
  cooldownReason: string | null;
  lastError: string | null;
  lastErrorAt: number | null;
  primary: UsageWindow | null;
  secondary: UsageWindow | null;
  credits: Credits | null;
  limitsAt: number | null;
  /** Null before anyone asked. */
  routing: Routing | null;
  routingAt: number | null;
  /** Digest of the credential that only a new login can replace. */
  dead: string | null;
  deadReason: string | null;
}

/** What is known of an account that nobody has asked yet. */
export const FRESH_STATE: AccountState = {
  paused: false,
  cooldownUntil: null,
  cooldownReason: null,
  lastError: null,
  lastErrorAt: null,
  primary: null,
  secondary: null,
  credits: null,
  limitsAt: null,
  routing: null,
  routingAt: null,
  dead: null,
  deadReason: null,
};

export interface Tokens {
  access: string;
  refresh?: string;
  id?: string;
}

/** `chatgpt` is a login, with or without a refresh token; `personal` a personal access token; `key` an API key. */
export type AccountKind = "chatgpt" | "personal" | "key";

/** An account that codexd keeps itself. */
export interface StoredAccount {
  name: string;
  kind: AccountKind;
  /** Who issued it: it serves only upstreams with this issuer. */
  issuer: string;
  email: string | null;
  plan: string | null;
  accountId: string | null;
  fedramp: boolean;
  tokens: Tokens;
  createdAt: number;
  refreshedAt: number | null;
}

/**
 * Accounts and what is known of them, shared by every process of one store. What is read comes from memory: as this process
 * wrote it, and at most half a second behind what one on another machine did.
 */
export interface AccountStore {
  /** Oldest first. */
  list(): StoredAccount[];
  get(name: string): StoredAccount | undefined;
  /** Makes it or replaces it, and forgets what was known of one with this name. */
  put(account: StoredAccount): Promise<void>;
  /** False when there was none. */
  remove(name: string): Promise<boolean>;
  /** Replaces the tokens unless somebody replaced them since; on disk when it returns. False when somebody had. */
  rotate(name: string, from: Tokens, to: StoredAccount): Promise<boolean>;
  state(name: string): AccountState;
  change(name: string, patch: Partial<AccountState>): Promise<void>;
  /** Takes or extends the right to renew; false while another holds it. Ends by itself, so that a killed holder blocks nobody for long. What is read after it is what the last holder left. */
  lease(key: string, owner: string, until: number): Promise<boolean>;
  release(key: string, owner: string): Promise<void>;
}
