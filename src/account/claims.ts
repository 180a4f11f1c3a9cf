// Reads what a token says of itself. Nothing is verified: the upstream does that; we only want to know before asking it.

const AUTH = "https://api.openai.com/auth";
const PROFILE = "https://api.openai.com/profile";

export interface Claims {
  /** Unix seconds. */
  expires: number | undefined;
  /** Unix seconds. */
  issued: number | undefined;
  accountId: string | undefined;
  fedramp: boolean;
  email: string | undefined;
  plan: string | undefined;
}

/** The claims of a JWT; undefined for anything else (API keys, opaque tokens). */
export function claimsOf(token: unknown): Claims | undefined {
  if (typeof token !== "string") return undefined;
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const claims = JSON.parse(Buffer.from(parts[1] as string, "base64url").toString()) as Record<string, unknown>;
    const auth = (claims[AUTH] ?? {}) as Record<string, unknown>;
    const profile = (claims[PROFILE] ?? {}) as Record<string, unknown>;
    return {
      expires: typeof claims.exp === "number" ? claims.exp : undefined,
      issued: typeof claims.iat === "number" ? claims.iat : undefined,
      accountId: text(auth.chatgpt_account_id),
      fedramp: auth.chatgpt_account_is_fedramp === true,
      email: text(claims.email) ?? text(profile.email),
      plan: text(auth.chatgpt_plan_type),
    };
  } catch {
    return undefined;
  }
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
