// Asks the issuer of logins: codes and refresh tokens for tokens, revocation, device codes, and whose a personal token is.

import { arch, release, type } from "node:os";
import type { Tokens } from "../core/account.ts";

/** The public client of the Codex CLI (wire/codex.md F.3); logins belong to a client, and this is the one the backend takes. */
export const CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann";
export const ORIGINATOR = "codex_cli_rs";
/** The wire is that client's, and says so; the name at the end is ours. */
const AGENT = `${ORIGINATOR}/0.169.0 (${type()} ${release()}; ${arch()}) codexd`;

const ANSWER_MS = 30_000;
const LARGEST = 1024 * 1024;

/** Codes after which no repetition of the same request can succeed. */
const PERMANENT = ["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated", "invalid_grant"];

/** The issuer said no, or could not be asked. Its message names no secret. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Undefined when nobody answered. */
  readonly status: number | undefined;
  readonly code: string | undefined;
  /** Asking again with the same is useless. */
  readonly permanent: boolean;
  /** Seconds until another try makes sense. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    about: { status?: number; code?: string | undefined; permanent?: boolean; retryAfter?: number | undefined } = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = about.status;
    this.code = about.code;
    this.permanent = about.permanent ?? false;
    this.retryAfter = about.retryAfter;
  }
}

/** Why a token is renewed, as the wire says it. */
export type RefreshReason = "proactive_expiry" | "unauthorized_recovery";

export interface DeviceCode {
  id: string;
  userCode: string;
  /** Milliseconds between two questions. */
  interval: number;
  /** Where the person goes. */
  url: string;
}

export interface DeviceGrant {
  code: string;
  verifier: string;
}

export interface Owner {
  email: string | null;
  plan: string | null;
  accountId: string | null;
  fedramp: boolean;
}

export class Issuer {
  readonly url: string;

  constructor(url: string) {
    this.url = url.replace(/\/+$/, "");
  }

  /** The present parts of the answer replace what is stored (wire/codex.md F.3). */
  async refresh(token: string, reason: RefreshReason, clientId = CLIENT_ID): Promise<Partial<Tokens>> {
    const body = { client_id: clientId, grant_type: "refresh_token", refresh_reason: reason, refresh_token: token };
    return tokensOf(await this.#json("/oauth/token", body, [token]));
  }

  /** Trades an authorization code. The API key that the Codex CLI asks for afterwards is not asked for: nothing here needs it. */
  async exchange(code: string, redirectUri: string, verifier: string): Promise<Tokens> {
    const form = new URLSearchParams({
      grant_type: "authorization_code",
      client_id: CLIENT_ID,
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    });
    const { access, ...rest } = tokensOf(await this.#ask("/oauth/token", { method: "POST", body: form }, [code]));
    if (access === undefined) throw new Refusal(`${this.url} answered without an access token`);
    return { access, ...rest };
  }

  async revoke(token: string, clientId = CLIENT_ID): Promise<void> {
    const body = { token, token_type_hint: "refresh_token", client_id: clientId };
    await this.#json("/oauth/revoke", body, [token], "any");
  }

  async deviceCode(): Promise<DeviceCode> {
    const answer = await this.#json("/api/accounts/deviceauth/usercode", { client_id: CLIENT_ID }).catch((thrown) => {
      if (!(thrown instanceof Refusal) || thrown.status !== 404) throw thrown;
      throw new Refusal(`${this.url} does not offer device codes; log in with a browser`, { permanent: true }, thrown);
    });
    const userCode = answer.user_code ?? answer.usercode;
    if (typeof answer.device_auth_id !== "string" || typeof userCode !== "string")
      throw new Refusal(`${this.url} answered without a device code`);
    const seconds = Number(answer.interval);
    const interval = Number.isFinite(seconds) && answer.interval !== undefined ? Math.max(seconds, 0.2) : 5;
    return { id: answer.device_auth_id, userCode, interval: interval * 1000, url: `${this.url}/codex/device` };
  }

  /** What the person granted; undefined while they have not yet. */
  async deviceGrant({ id, userCode }: DeviceCode): Promise<DeviceGrant | undefined> {
    try {
      const body = { device_auth_id: id, user_code: userCode };
      const answer = await this.#json("/api/accounts/deviceauth/token", body, [id]);
      if (typeof answer.authorization_code !== "string" || typeof answer.code_verifier !== "string")
        throw new Refusal(`${this.url} granted the device without a code`);
      return { code: answer.authorization_code, verifier: answer.code_verifier };
    } catch (thrown) {
      if (thrown instanceof Refusal && (thrown.status === 403 || thrown.status === 404)) return undefined;
      throw thrown;
    }
  }

  /** Whose a personal access token is. */
  async whoami(token: string): Promise<Owner> {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await this.#ask("/api/accounts/v1/user-auth-credential/whoami", { headers }, [token]);
    const field = (name: string) => (typeof answer[name] === "string" ? (answer[name] as string) : null);
    return {
      email: field("email"),
      plan: field("chatgpt_plan_type"),
      accountId: field("chatgpt_account_id"),
      fedramp: answer.chatgpt_account_is_fedramp === true,
    };
  }

  #json(path: string, body: unknown, secrets: readonly string[] = [], want: "json" | "any" = "json") {
    const headers = { "content-type": "application/json" };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) }, secrets, want);
  }

  async #ask(
    path: string,
    init: { method?: string; headers?: Record<string, string>; body?: string | URLSearchParams },
    secrets: readonly string[],
    want: "json" | "any" = "json",
  ): Promise<Record<string, unknown>> {
    const headers = { ...init.headers, originator: ORIGINATOR, "user-agent": AGENT, accept: "*/*" };
    let status: number;
    let retryAfter: string | null;
    let text: string;
    try {
      // A redirect would carry a secret to a place that nobody configured.
      const signal = AbortSignal.timeout(ANSWER_MS);
      const response = await fetch(this.url + path, { ...init, headers, redirect: "manual", signal });
      status = response.status;
      retryAfter = response.headers.get("retry-after");
      text = (await response.text()).slice(0, LARGEST);
    } catch (thrown) {
      throw new Refusal(`${this.url} could not be reached`, {}, thrown);
    }
    const answer = parse(text);
    if (status >= 200 && status < 300) {
      if (answer || want === "any") return answer ?? {};
      throw new Refusal(`${this.url} answered with something that is not JSON; is the issuer right?`, { status });
    }
    throw refusalOf(`${this.url}${path}`, status, answer, retryAfter, secrets);
  }
}

function refusalOf(
  where: string,
  status: number,
  answer: Record<string, unknown> | undefined,
  retryAfter: string | null,
  secrets: readonly string[],
): Refusal {
  const error = answer?.error;
  const object = typeof error === "object" && error !== null ? (error as Record<string, unknown>) : undefined;
  const code = typeof error === "string" ? error : typeof object?.code === "string" ? object.code : undefined;
  const told = [object?.message, answer?.error_description, answer?.detail].find((each) => typeof each === "string");
  // Any 401 to a refresh is the end of that login, whatever it is called (wire/codex.md F.3).
  const permanent = status === 401 || (code !== undefined && PERMANENT.includes(code));
  let message = `${where} answered ${status}${code ? ` ${code}` : ""}${told ? `: ${String(told).slice(0, 300)}` : ""}`;
  for (const secret of secrets) if (secret !== "") message = message.replaceAll(secret, "***");
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  return new Refusal(message, { status, code, permanent, retryAfter: seconds });
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function tokensOf(answer: Record<string, unknown>): Partial<Tokens> {
  const token = (name: string) => {
    const value = answer[name];
    // Only what can stand in a header: anything else would fail later and say less.
    return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ? value : undefined;
  };
  const [access, refresh, id] = [token("access_token"), token("refresh_token"), token("id_token")];
  return { ...(access ? { access } : {}), ...(refresh ? { refresh } : {}), ...(id ? { id } : {}) };
}
