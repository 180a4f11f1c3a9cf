// Speaks to the sandbox's auth side as a client would: logs in, refreshes, scripts failures, and reads the counts.
import { createHash, randomBytes } from "node:crypto";
import type { Sandbox } from "../../src/upstream/sandbox/index.ts";
import type { Json } from "./client.ts";

export const ISSUER = "http://localhost";
export const CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann";
export const REDIRECT = "http://127.0.0.1:1455/auth/callback";

export interface Answer {
  status: number;
  body: Json;
}

export async function ask(sandbox: Sandbox, path: string, body?: Json | string, headers = {}): Promise<Answer> {
  const init =
    body === undefined
      ? { headers }
      : { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) };
  const response = await sandbox.fetch(new Request(`${ISSUER}${path}`, init));
  return { status: response.status, body: (await response.json()) as Json };
}

// A sandbox's account with a login file, as `POST /sandbox/accounts` gives it.
export async function newAccount(sandbox: Sandbox, profile: Json = {}): Promise<Json> {
  const { status, body } = await ask(sandbox, "/sandbox/accounts", profile);
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body;
}

export async function control(sandbox: Sandbox, fields: Json): Promise<Json> {
  const { status, body } = await ask(sandbox, "/sandbox/control", fields);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

export async function authStats(sandbox: Sandbox): Promise<Json> {
  return (await ask(sandbox, "/sandbox/stats")).body.auth;
}

export function refresh(sandbox: Sandbox, token: string): Promise<Answer> {
  return ask(sandbox, "/oauth/token", { client_id: CLIENT_ID, grant_type: "refresh_token", refresh_token: token });
}

export function form(fields: Record<string, string>): string {
  return new URLSearchParams(fields).toString();
}

export function pkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(64).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}

export function authorizeUrl(challenge: string, more: Record<string, string> = {}): string {
  const fields = {
    response_type: "code",
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT,
    code_challenge: challenge,
    code_challenge_method: "S256",
    state: "a state",
    scope: "openid offline_access",
    ...more,
  };
  return `${ISSUER}/oauth/authorize?${form(fields)}`;
}

export async function redirected(sandbox: Sandbox, url: string, init: RequestInit = {}): Promise<URLSearchParams> {
  const response = await sandbox.fetch(new Request(url, { redirect: "manual", ...init }));
  if (response.status !== 302) throw new Error(`${response.status} ${await response.text()}`);
  return new URL(response.headers.get("location") ?? "").searchParams;
}

export function exchange(sandbox: Sandbox, code: string, verifier: string, redirect = REDIRECT): Promise<Answer> {
  const fields = { grant_type: "authorization_code", client_id: CLIENT_ID, code, redirect_uri: redirect };
  return ask(sandbox, "/oauth/token", form({ ...fields, code_verifier: verifier }));
}

export function claims(token: string): Json {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Json;
}

// A turn as the ChatGPT backend wants it, on an account's access token.
export function turn(sandbox: Sandbox, auth: Json, text = "hi", more: Record<string, string> = {}): Promise<Response> {
  const body = {
    model: "gpt-5.5",
    instructions: "Be brief.",
    store: false,
    stream: true,
    input: [{ type: "message", role: "user", content: [{ type: "input_text", text }] }],
  };
  const headers = {
    authorization: `Bearer ${auth.tokens.access_token}`,
    "chatgpt-account-id": auth.tokens.account_id,
    "content-type": "application/json",
    version: "0.169.0",
    ...more,
  };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  return sandbox.fetch(new Request(`${ISSUER}/backend-api/codex/responses`, init));
}

export async function refused(response: Response | Promise<Response>): Promise<[status: number, code: string]> {
  const answer = await response;
  const body = (await answer.json()) as Json;
  return [answer.status, body.error?.code ?? body.error?.type ?? body.error];
}
