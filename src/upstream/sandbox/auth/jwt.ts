// Writes tokens in the shape of the real ones: three parts, the real claims, and a signature that signs nothing.
import { randomBytes } from "node:crypto";
import type { Json } from "../json.ts";
import type { Account } from "./accounts.ts";

export const CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann";

export interface Minting {
  account: Account;
  issuer: string;
  clientId: string;
  // Seconds since 1970.
  issuedAt: number;
  expires: number;
}

export function idToken(minting: Minting): string {
  const { account, clientId } = minting;
  return jwt({
    ...common(minting),
    aud: [clientId],
    email: account.email,
    email_verified: true,
    "https://api.openai.com/auth": {
      ...authClaims(account),
      organization_id: `org-${account.userId}`,
      project_id: `proj-${account.userId}`,
      completed_platform_onboarding: true,
      is_org_owner: true,
    },
  });
}

export function accessToken(minting: Minting): string {
  const { account, clientId } = minting;
  return jwt({
    ...common(minting),
    aud: ["https://api.openai.com/v1"],
    client_id: clientId,
    scp: ["openid", "profile", "email", "offline_access"],
    "https://api.openai.com/auth": authClaims(account),
    "https://api.openai.com/profile": { email: account.email, email_verified: true },
  });
}

function common({ account, issuer, issuedAt, expires }: Minting): Json {
  return {
    iss: issuer,
    sub: `auth0|${account.userId}`,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expires,
    jti: randomBytes(16).toString("hex"),
  };
}

function authClaims(account: Account): Json {
  return {
    chatgpt_plan_type: account.plan,
    chatgpt_user_id: account.userId,
    user_id: account.userId,
    chatgpt_account_id: account.id,
    chatgpt_account_is_fedramp: account.fedramp,
  };
}

function jwt(claims: Json): string {
  const part = (value: Json) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.${randomBytes(32).toString("base64url")}`;
}
