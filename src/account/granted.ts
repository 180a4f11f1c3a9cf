// Makes an account of what a login gave, under a name that no other account has.

import type { StoredAccount, Tokens } from "../core/account.ts";
import { claimsOf } from "./claims.ts";
import type { Owner } from "./issuer.ts";
import { digestOf } from "./login.ts";

export type Granted = Omit<StoredAccount, "name" | "createdAt">;

export const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** Of tokens: whose they are stands in them. */
export function grantedTokens(issuer: string, tokens: Tokens, accountId?: string): Granted {
  const id = claimsOf(tokens.id);
  const access = claimsOf(tokens.access);
  return {
    kind: "chatgpt",
    issuer,
    email: id?.email ?? access?.email ?? null,
    plan: id?.plan ?? access?.plan ?? null,
    accountId: accountId ?? id?.accountId ?? access?.accountId ?? null,
    fedramp: id?.fedramp === true || access?.fedramp === true,
    tokens,
    refreshedAt: Date.now(),
  };
}

export function grantedPersonal(issuer: string, token: string, owner: Owner): Granted {
  return { kind: "personal", issuer, ...owner, tokens: { access: token }, refreshedAt: null };
}

export function grantedKey(issuer: string, key: string): Granted {
  const nobody = { email: null, plan: null, accountId: null, fedramp: false };
  return { kind: "key", issuer, ...nobody, tokens: { access: key }, refreshedAt: null };
}

/**
 * The account under a name of its own: the same person and workspace keeps its name and is replaced, another workspace of the same
 * person gets one with plan and account in it. `taken` are the names of the configuration.
 */
export function named(
  granted: Granted,
  wish: string | undefined,
  stored: readonly StoredAccount[],
  taken: ReadonlySet<string>,
): StoredAccount {
  const same = stored.find((account) => isSame(account, granted));
  const name = wish ?? same?.name ?? freeName(granted, stored, taken);
  const other = stored.find((account) => account.name === name);
  if (taken.has(name))
    throw new Error(`the name ${name} belongs to an account of the configuration; give another by --name`);
  if (other && !isSame(other, granted)) {
    const whose = other.email ?? other.accountId ?? `a ${other.kind}`;
    throw new Error(
      `there is an account ${name} already, of ${whose}; give another name by --name, or \`codexd logout ${name}\``,
    );
  }
  return { name, ...granted, createdAt: other?.createdAt ?? Date.now() };
}

function isSame(a: Granted, b: Granted): boolean {
  if (a.kind !== b.kind || a.issuer !== b.issuer) return false;
  if (a.kind === "key") return a.tokens.access === b.tokens.access;
  if (a.accountId !== null || b.accountId !== null) return a.accountId === b.accountId && a.email === b.email;
  return a.tokens.access === b.tokens.access;
}

function freeName(granted: Granted, stored: readonly StoredAccount[], taken: ReadonlySet<string>): string {
  const isFree = (name: string) => !taken.has(name) && stored.every((account) => account.name !== name);
  const { email, kind, plan, accountId, tokens } = granted;
  const base = legalName(email ?? kind);
  const mark = digestOf(accountId ?? tokens.access).slice(0, 8);
  const long = legalName(`${base}${plan ? `-${plan}` : ""}-${mark}`);
  for (let count = 2, name = isFree(base) ? base : long; ; name = `${long.slice(0, 56)}-${count++}`)
    if (isFree(name)) return name;
}

function legalName(text: string): string {
  const legal = text.replaceAll(/[^A-Za-z0-9._@-]/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return legal.slice(0, 64) || "account";
}
