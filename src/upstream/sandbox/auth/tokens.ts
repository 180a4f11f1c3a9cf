// Every token that the sandbox gave out, whose it is, and whether it still holds.
import { randomBytes } from "node:crypto";
import { type Account, newPersonalToken } from "./accounts.ts";
import { accessToken, idToken } from "./jwt.ts";

export interface Tokens {
  id_token: string;
  access_token: string;
  refresh_token: string;
}

export interface Issuing {
  account: Account;
  issuer: string;
  clientId: string;
  // What a logout ends: all that came from one login, through every refresh.
  login: string;
  lifetime: number;
}

export interface Bearer {
  account: Account;
  // Left out for keys and personal tokens, which do not expire. Milliseconds since 1970.
  expires?: number;
  login?: string;
  dead?: "token_expired" | "token_invalidated";
}

export interface Refresh {
  account: Account;
  clientId: string;
  login: string;
  state: "live" | "used" | "expired" | "revoked";
  usedAt?: number;
  answer?: Tokens;
}

export interface TokenBook {
  issue(issuing: Issuing): Tokens;
  apiKey(account: Account): string;
  bearer(token: string): Bearer | undefined;
  identity(idToken: string): Account | undefined;
  refresh(token: string): Refresh | undefined;
  plant(token: string, refresh: Refresh): void;
  // Ends a login, or with no login named all of the account's.
  revoke(account: Account, login?: string): void;
  expire(account: Account, what: "access" | "refresh"): void;
}

export function tokenBook(accounts: Account[]): TokenBook {
  const bearers = new Map<string, Bearer>();
  const refreshes = new Map<string, Refresh>();
  const identities = new Map<string, Account>();
  const of = (account: Account) => [...bearers.values()].filter((bearer) => bearer.account === account);
  const refreshOf = (account: Account) => [...refreshes.values()].filter((refresh) => refresh.account === account);
  return {
    issue(issuing) {
      const { account, clientId, login } = issuing;
      const tokens = mint(issuing);
      bearers.set(tokens.access_token, { account, login, expires: Date.now() + issuing.lifetime * 1000 });
      refreshes.set(tokens.refresh_token, { account, clientId, login, state: "live" });
      identities.set(tokens.id_token, account);
      account.counts.issued += 1;
      return tokens;
    },
    apiKey(account) {
      const key = `sk-sandbox-${randomBytes(24).toString("hex")}`;
      bearers.set(key, { account });
      return key;
    },
    bearer(token) {
      const personal = accounts.find(({ personalToken }) => token !== "" && personalToken === token);
      const known = personal ? { account: personal } : bearers.get(token);
      if (known && !known.dead && (known.expires ?? Number.POSITIVE_INFINITY) <= Date.now())
        return { ...known, dead: "token_expired" };
      return known;
    },
    identity: (token) => identities.get(token),
    refresh: (token) => refreshes.get(token),
    plant: (token, refresh) => void refreshes.set(token, refresh),
    revoke(account, login) {
      for (const bearer of of(account)) if (!login || bearer.login === login) bearer.dead = "token_invalidated";
      for (const refresh of refreshOf(account)) if (!login || refresh.login === login) refresh.state = "revoked";
      if (!login) account.personalToken = newPersonalToken();
      account.counts.revoked += 1;
    },
    expire(account, what) {
      if (what === "access") for (const bearer of of(account)) bearer.dead ??= "token_expired";
      else for (const refresh of refreshOf(account)) if (refresh.state === "live") refresh.state = "expired";
    },
  };
}

function mint({ account, issuer, clientId, lifetime }: Issuing): Tokens {
  const issuedAt = Math.floor(Date.now() / 1000);
  const minting = { account, issuer, clientId, issuedAt, expires: issuedAt + Math.ceil(lifetime) };
  return {
    id_token: idToken(minting),
    access_token: accessToken(minting),
    refresh_token: `rt_${randomBytes(32).toString("base64url")}`,
  };
}
