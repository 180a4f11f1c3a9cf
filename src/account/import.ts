// Makes an account of a credential that exists already: a Codex `auth.json`, tokens, a key, or a personal access token.

import { loginOf } from "./auth-file.ts";
import { type Granted, grantedKey, grantedPersonal, grantedTokens } from "./granted.ts";
import type { Issuer } from "./issuer.ts";
import { expiryOf } from "./login.ts";

const LEGAL =
  "legal is a Codex auth.json, a JSON object with access_token (and refresh_token, id_token, account_id), an API key (sk-…), a personal access token (at-…), or an access token with its refresh token (rt_…) or account id on the next line";

/** The account in this text; asks the issuer only whose a personal access token is. `shown` names the text in messages. */
export async function imported(text: string, shown: string, issuer: Issuer): Promise<Granted> {
  const content = text.trim();
  if (content.startsWith("{")) return await ofObject(parse(content, shown), shown, issuer);
  const [credential = "", ...others] = content.split(/\s+/);
  if (!/^[\x21-\x7e]+$/.test(credential) || others.length > 2) throw nothing(shown);
  const refresh = others.find((other) => other.startsWith("rt_"));
  const accountId = others.find((other) => other !== refresh);
  const isToken = credential.split(".").length === 3 || others.length > 0;
  if (!isToken) return await ofSingle(credential, shown, issuer);
  return alive(grantedTokens(issuer.url, { access: credential, ...(refresh ? { refresh } : {}) }, accountId), shown);
}

async function ofObject(content: Record<string, unknown>, shown: string, issuer: Issuer): Promise<Granted> {
  const access = field(content, "access_token", "accessToken");
  const isPlain = access !== undefined && content.tokens === undefined;
  const login = isPlain ? undefined : loginOf(content, shown);
  if (login && !content.tokens) return await ofSingle(login.token, shown, issuer);
  // A login file may hold a key beside a login; what it says it uses is what counts.
  if (login && login.token !== field(content.tokens as object, "access_token"))
    return await ofSingle(login.token, shown, issuer);
  const tokens = (isPlain ? content : content.tokens) as Record<string, unknown>;
  const refresh = field(tokens, "refresh_token", "refreshToken");
  const id = field(tokens, "id_token", "idToken");
  const accountId = login?.accountId ?? field(tokens, "account_id", "accountId");
  const all = { access: login?.token ?? access ?? "", ...(refresh ? { refresh } : {}), ...(id ? { id } : {}) };
  return alive(grantedTokens(issuer.url, all, accountId), shown);
}

async function ofSingle(credential: string, shown: string, issuer: Issuer): Promise<Granted> {
  if (credential.startsWith("at-")) return grantedPersonal(issuer.url, credential, await issuer.whoami(credential));
  if (credential.startsWith("sk-")) return grantedKey(issuer.url, credential);
  throw nothing(shown);
}

/** A token that is over and that nothing renews is no account. */
function alive(granted: Granted, shown: string): Granted {
  const { access, refresh } = granted.tokens;
  const expires = expiryOf({ token: access });
  if (refresh === undefined && expires !== undefined && expires <= Date.now())
    throw new Error(
      `the access token in ${shown} expired at ${new Date(expires).toISOString()}, and there is no refresh token beside it`,
    );
  return granted;
}

function parse(text: string, shown: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw nothing(shown);
  }
}

function field(object: object, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = (object as Record<string, unknown>)[name];
    if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  }
  return undefined;
}

const nothing = (shown: string): Error => new Error(`${shown} holds no credential that codexd knows; ${LEGAL}`);
