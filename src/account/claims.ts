// Reads what a token says of itself. Nothing is verified: the upstream does that; we only want to know before asking it.

const AUTH = "https://api.openai.com/auth";

export interface Claims {
  /** Unix seconds. */
  expires: number | undefined;
  accountId: string | undefined;
  fedramp: boolean;
}

/** The claims of a JWT; undefined for anything else (API keys, opaque tokens). */
export function claimsOf(token: unknown): Claims | undefined {
  if (typeof token !== "string") return undefined;
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const claims = JSON.parse(Buffer.from(parts[1] as string, "base64url").toString()) as Record<string, unknown>;
    const auth = (claims[AUTH] ?? {}) as Record<string, unknown>;
    return {
      expires: typeof claims.exp === "number" ? claims.exp : undefined,
      accountId: typeof auth.chatgpt_account_id === "string" ? auth.chatgpt_account_id : undefined,
      fedramp: auth.chatgpt_account_is_fedramp === true,
    };
  } catch {
    return undefined;
  }
}
