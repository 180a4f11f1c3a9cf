// The accounts that the sandbox knows: who they are, what a test has scripted for them, and what happened to them.
import { randomBytes } from "node:crypto";
import type { Json } from "../json.ts";
import { freshWindows, type Windows } from "./limits.ts";

export interface Profile {
  id: string;
  email: string;
  plan: string;
  fedramp: boolean;
  // What `wham/accounts/check` says of the workspace's routing; `NO_CONSTRAINT` is none.
  origin: string;
  override: string;
  personalToken: string;
}

export interface TurnFailure {
  code: string;
  // Left out, it fails before the stream; else after so many deltas.
  during?: number;
  seconds?: number;
  times?: number;
}

export interface RefreshFailure {
  code: string;
  times?: number;
}

export interface Script {
  // Milliseconds since 1970.
  limitedUntil?: number;
  fail?: TurnFailure;
  refresh?: RefreshFailure;
  // Seconds.
  tokenLifetime?: number;
}

export interface Counts {
  logins: number;
  issued: number;
  refreshes: number;
  refused: number;
  reused: number;
  revoked: number;
  turns: number;
  failed: number;
  unauthorized: number;
  // The most refreshes that were ever under way at once.
  overlapping: number;
}

export interface Account extends Profile {
  userId: string;
  script: Script;
  windows: Windows;
  counts: Counts;
  refreshing: number;
}

const FREE = "NO_CONSTRAINT";
const PLANS = ["plus", "pro", "team", "business", "enterprise", "edu", "go", "free"];

export interface Accounts {
  all: Account[];
  add(profile?: Partial<Profile>): Account;
  // By id or e-mail.
  find(key: string): Account | undefined;
}

export function accountBook(count: number): Accounts {
  const all: Account[] = [];
  const book: Accounts = {
    all,
    add(profile = {}) {
      const account = newAccount(all.length + 1, profile);
      all.push(account);
      return account;
    },
    find: (key) => all.find(({ id, email }) => key !== "" && (key === id || key === email)),
  };
  for (let index = 0; index < count; index++) book.add();
  return book;
}

export function noCounts(): Counts {
  return {
    logins: 0,
    issued: 0,
    refreshes: 0,
    refused: 0,
    reused: 0,
    revoked: 0,
    turns: 0,
    failed: 0,
    unauthorized: 0,
    overlapping: 0,
  };
}

// Everything of an account that a test may want to see.
export function view(account: Account): Json {
  const { script, windows, counts, userId: _, refreshing: __, ...profile } = account;
  const limited = script.limitedUntil === undefined ? {} : { limitedUntil: Math.floor(script.limitedUntil / 1000) };
  return { ...profile, script: { ...script, ...limited }, windows, counts };
}

export function newPersonalToken(): string {
  return `at-sandbox-${randomBytes(16).toString("hex")}`;
}

function newAccount(number: number, profile: Partial<Profile>): Account {
  return {
    id: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    email: `user${number}@sandbox.test`,
    plan: PLANS[(number - 1) % PLANS.length] ?? "plus",
    fedramp: false,
    origin: FREE,
    override: FREE,
    personalToken: newPersonalToken(),
    ...profile,
    userId: `user-sandbox-${number}`,
    script: {},
    windows: freshWindows(),
    counts: noCounts(),
    refreshing: 0,
  };
}
