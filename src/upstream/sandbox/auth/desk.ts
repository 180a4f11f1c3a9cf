// What all parts of the auth side share: the accounts, the tokens, what is pending, and how it was told to behave.
import { randomBytes } from "node:crypto";
import { isObject, parseJson, string } from "../json.ts";
import { type Account, type Accounts, accountBook } from "./accounts.ts";
import { type TokenBook, type Tokens, tokenBook } from "./tokens.ts";

export interface Settings {
  // Seconds that an access token lives.
  tokenLifetime: number;
  // Milliseconds before the token endpoint looks at a request, and after it has spent the refresh token.
  tokenDelay: number;
  replyDelay: number;
  // Milliseconds in which a used refresh token still gets the answer that it got.
  leeway: number;
  // `ask` shows the page, `auto` logs in at once, anything else is the error that comes back.
  authorize: string;
  apiKeys: boolean;
  device: DeviceSettings;
}

export interface DeviceSettings {
  enabled: boolean;
  // `person` waits for the page, `auto` approves, `deny` refuses.
  approve: string;
  // How many polls are told to wait before `auto` or `deny`.
  after: number;
  interval: number;
}

export interface Code {
  account: Account;
  clientId: string;
  // Left out for a device's code, which is not redirected to anyone.
  redirect?: string;
  challenge: string;
  expires: number;
  used: boolean;
}

export interface Device {
  id: string;
  userCode: string;
  clientId: string;
  polls: number;
  expires: number;
  verifier: string;
  account?: Account;
  denied?: boolean;
}

export interface Desk {
  // Whether tokens are checked where they are used.
  checked: boolean;
  accounts: Accounts;
  tokens: TokenBook;
  codes: Map<string, Code>;
  devices: Map<string, Device>;
  settings: Settings;
}

export function desk(options: { auth?: boolean; accounts?: number; tokenLifetime?: number }): Desk {
  const accounts = accountBook(options.accounts ?? 1);
  return {
    checked: options.auth ?? false,
    accounts,
    tokens: tokenBook(accounts.all),
    codes: new Map(),
    devices: new Map(),
    settings: settings(options.tokenLifetime),
  };
}

export function settings(tokenLifetime = 3600): Settings {
  return {
    tokenLifetime,
    tokenDelay: 0,
    replyDelay: 0,
    leeway: 0,
    authorize: "ask",
    apiKeys: true,
    device: { enabled: true, approve: "person", after: 0, interval: 1 },
  };
}

export function issue(desk: Desk, account: Account, issuer: string, clientId: string, login = newLogin()): Tokens {
  const lifetime = account.script.tokenLifetime ?? desk.settings.tokenLifetime;
  return desk.tokens.issue({ account, issuer, clientId, login, lifetime });
}

export function newLogin(): string {
  return randomBytes(16).toString("hex");
}

export function newSecret(prefix = ""): string {
  return prefix + randomBytes(32).toString("base64url");
}

// A body of strings, as a form or as JSON: the real client sends the one to log in and the other to refresh.
export async function readFields(request: Request): Promise<Record<string, string>> {
  const text = await request.text();
  const parsed = parseJson(text);
  const fields = isObject(parsed) ? Object.entries(parsed) : [...new URLSearchParams(text)];
  return Object.fromEntries(fields.map(([name, value]) => [name, string(value)]));
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(finish, ms);
    function finish() {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    }
    signal.addEventListener("abort", finish, { once: true });
  });
}

// The OAuth form of an error, which the token endpoint uses for everything but refresh tokens.
export function oauthError(error: string, description: string, status = 400): Response {
  return Response.json({ error, error_description: description }, { status });
}
