// Makes a login that somebody was granted an account of the store.

import { type Granted, named } from "../../account/granted.ts";
import { Issuer } from "../../account/issuer.ts";
import { checkAccount } from "../../account/routing.ts";
import type { UpstreamConfig } from "../../config/load.ts";
import { ISSUER } from "../../config/upstreams.ts";
import type { StoredAccount } from "../../core/account.ts";
import type { Store } from "../../store/index.ts";

/** Where a login is made, and what it must not collide with. */
export interface Place {
  issuer: Issuer;
  /** Undefined where it would be another's: a token is shown only to the backend that its issuer belongs to. */
  chatgptUrl: string | undefined;
  taken: ReadonlySet<string>;
}

/** For the named upstream of kind chatgpt, or the first one. Throws when there is none of that name. */
export function placeOf(
  upstreams: readonly UpstreamConfig[],
  wish: { upstream?: string | undefined; issuer?: string | undefined } = {},
): Place {
  const logins = upstreams.filter(({ kind }) => kind === "chatgpt");
  const upstream = wish.upstream === undefined ? logins[0] : logins.find(({ name }) => name === wish.upstream);
  if (wish.upstream !== undefined && !upstream) {
    const legal = logins.map(({ name }) => name).join(", ") || "none is configured";
    throw new Error(`there is no upstream ${wish.upstream} of kind chatgpt; legal: ${legal}`);
  }
  const issuer = new Issuer(wish.issuer ?? upstream?.issuer ?? ISSUER);
  return {
    issuer,
    chatgptUrl: upstream?.issuer === issuer.url ? upstream.chatgptUrl : undefined,
    taken: new Set(upstreams.flatMap(({ accounts }) => accounts.map(({ name }) => name))),
  };
}

/** Keeps it, in the place of what it replaces. Throws when the name is another's. */
export async function keepLogin(
  { accounts }: Pick<Store, "accounts">,
  granted: Granted,
  place: Place,
  name: string | undefined,
): Promise<StoredAccount> {
  const account = named(granted, name, accounts.list(), place.taken);
  const before = accounts.get(account.name);
  await accounts.put(account);
  await revokeOld(place.issuer, before, account);
  return account;
}

/** The issuer need not keep what this login replaced; that it does not answer changes nothing. */
async function revokeOld(issuer: Issuer, before: StoredAccount | undefined, now: StoredAccount): Promise<void> {
  const old = before?.tokens.refresh;
  if (old !== undefined && old !== now.tokens.refresh) await issuer.revoke(old).catch(() => undefined);
}

/** Asks the backend for plan and workspace, so that they are known before the first turn; it may not answer. */
export async function learn(
  account: StoredAccount,
  { chatgptUrl }: Place,
  { accounts }: Pick<Store, "accounts">,
): Promise<void> {
  if (account.kind === "key" || account.accountId === null || chatgptUrl === undefined) return;
  const login = { token: account.tokens.access, accountId: account.accountId };
  const checked = await checkAccount(chatgptUrl, login).catch(() => undefined);
  if (!checked) return;
  await accounts.change(account.name, { routing: checked.routing, routingAt: Date.now() });
  if (checked.plan !== null && checked.plan !== account.plan)
    await accounts.rotate(account.name, account.tokens, { ...account, plan: checked.plan });
}
