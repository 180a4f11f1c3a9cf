// The token endpoint and its opposite: codes and refresh tokens become tokens, once each, and logins end.
import { createHash } from "node:crypto";
import { breakage, Dropped } from "../stream.ts";
import type { Account } from "./accounts.ts";
import { type Code, type Desk, issue, oauthError, pause, readFields } from "./desk.ts";
import type { Refresh, Tokens } from "./tokens.ts";

type Fields = Record<string, string>;

interface Refusal {
  status: number;
  message: string;
}

const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token";
const DEVICE_CALLBACK = "/deviceauth/callback";

const PERMANENT: Record<string, Refusal> = {
  refresh_token_expired: { status: 401, message: "Your refresh token has expired. Please sign in again." },
  refresh_token_reused: {
    status: 401,
    message: "Your refresh token has already been used to generate a new access token. Please sign in again.",
  },
  refresh_token_invalidated: { status: 401, message: "Your refresh token was revoked. Please sign in again." },
};

export async function answerToken(desk: Desk, request: Request, issuer: string): Promise<Response> {
  const fields = await readFields(request);
  const account = desk.tokens.refresh(fields.refresh_token ?? "")?.account;
  if (account) enter(account);
  try {
    await pause(desk.settings.tokenDelay, request.signal);
    // Nothing is spent for a client that is gone before its turn comes.
    if (request.signal.aborted) return new Response(null, { status: 499 });
    const answer = grant(desk, fields, issuer);
    await pause(desk.settings.replyDelay, request.signal);
    return answer;
  } finally {
    if (account) account.refreshing -= 1;
  }
}

function enter(account: Account): void {
  account.refreshing += 1;
  account.counts.overlapping = Math.max(account.counts.overlapping, account.refreshing);
}

function grant(desk: Desk, fields: Fields, issuer: string): Response {
  if (!fields.client_id) return oauthError("invalid_client", "client_id is missing", 401);
  if (fields.grant_type === "authorization_code") return byCode(desk, fields, issuer);
  if (fields.grant_type === "refresh_token") return byRefreshToken(desk, fields, issuer);
  if (fields.grant_type === EXCHANGE) return forApiKey(desk, fields);
  return oauthError("unsupported_grant_type", `grant_type ${JSON.stringify(fields.grant_type ?? "")} is not supported`);
}

// RFC 7009: whoever revokes what nobody knows has what he wanted.
export async function answerRevoke(desk: Desk, request: Request): Promise<Response> {
  const fields = await readFields(request);
  const token = fields.token ?? "";
  if (token === "") return oauthError("invalid_request", "token is missing");
  const known = desk.tokens.refresh(token) ?? desk.tokens.bearer(token);
  if (known?.login) desk.tokens.revoke(known.account, known.login);
  return Response.json({});
}

function byCode(desk: Desk, fields: Fields, issuer: string): Response {
  const code = desk.codes.get(fields.code ?? "");
  const wrong = refuseCode(code, fields);
  if (wrong !== undefined || !code) return oauthError("invalid_grant", wrong ?? "unknown code");
  code.used = true;
  code.account.counts.logins += 1;
  return tokenAnswer(desk, code.account, issue(desk, code.account, issuer, code.clientId));
}

function refuseCode(code: Code | undefined, fields: Fields): string | undefined {
  if (!code) return "The authorization code is unknown.";
  if (code.used) return "The authorization code was already used.";
  if (code.expires <= Date.now()) return "The authorization code has expired.";
  if (code.clientId !== fields.client_id) return "The authorization code was issued to another client.";
  if (!isRedirect(code, fields.redirect_uri ?? "")) return "redirect_uri is not the one of the authorization.";
  const challenge = createHash("sha256")
    .update(fields.code_verifier ?? "")
    .digest("base64url");
  return challenge === code.challenge ? undefined : "code_verifier does not match the code_challenge.";
}

function isRedirect({ redirect }: Code, given: string): boolean {
  return redirect === undefined ? URL.parse(given)?.pathname === DEVICE_CALLBACK : redirect === given;
}

function byRefreshToken(desk: Desk, fields: Fields, issuer: string): Response {
  const refresh = desk.tokens.refresh(fields.refresh_token ?? "");
  if (!refresh) return oauthError("invalid_grant", "Unknown or invalid refresh token.");
  return scripted(refresh.account) ?? rotated(desk, refresh, fields, issuer);
}

function rotated(desk: Desk, refresh: Refresh, fields: Fields, issuer: string): Response {
  const { account, clientId, login, state } = refresh;
  if (clientId !== fields.client_id) return refuse(account, "invalid_grant");
  if (state === "expired") return refuse(account, "refresh_token_expired");
  if (state === "revoked") return refuse(account, "refresh_token_invalidated");
  if (state === "used") {
    const again = (refresh.usedAt ?? 0) + desk.settings.leeway > Date.now() ? refresh.answer : undefined;
    if (again) return tokenAnswer(desk, account, again);
    account.counts.reused += 1;
    return refuse(account, "refresh_token_reused");
  }
  const tokens = issue(desk, account, issuer, clientId, login);
  Object.assign(refresh, { state: "used", usedAt: Date.now(), answer: tokens });
  account.counts.refreshes += 1;
  return tokenAnswer(desk, account, tokens);
}

function scripted(account: Account): Response | undefined {
  const { refresh } = account.script;
  if (!refresh) return undefined;
  if (refresh.times !== undefined) {
    refresh.times -= 1;
    if (refresh.times <= 0) delete account.script.refresh;
  }
  return refuse(account, refresh.code);
}

// A number is a status that says nothing more; `drop` is no answer at all.
function refuse(account: Account, code: string): Response {
  account.counts.refused += 1;
  if (code === "drop") return new Response(dropped());
  const permanent = PERMANENT[code];
  if (permanent) {
    const { status, message } = permanent;
    return Response.json({ error: { message, type: "invalid_request_error", param: null, code } }, { status });
  }
  if (code === "invalid_grant") return oauthError(code, "Unknown or invalid refresh token.");
  const status = /^[45]\d\d$/.test(code) ? Number(code) : 401;
  const message = status >= 500 ? "The server had an error while processing your request." : "Could not refresh.";
  const error = { message, type: status >= 500 ? "server_error" : "invalid_request_error", param: null };
  return Response.json({ error: { ...error, code: String(status) === code ? null : code } }, { status });
}

function dropped(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.error(breakage(new Dropped("dropped"), true)) });
}

function forApiKey(desk: Desk, fields: Fields): Response {
  const account = desk.tokens.identity(fields.subject_token ?? "");
  if (fields.requested_token !== "openai-api-key" || fields.subject_token_type !== ID_TOKEN)
    return oauthError("invalid_request", "Only an ID token can be exchanged, and only for an openai-api-key.");
  if (!account) return oauthError("invalid_grant", "Invalid ID token.", 401);
  if (!desk.settings.apiKeys) return oauthError("invalid_grant", "Invalid ID token: missing organization_id", 401);
  return Response.json({ access_token: desk.tokens.apiKey(account), token_type: "Bearer" });
}

function tokenAnswer(desk: Desk, account: Account, tokens: Tokens): Response {
  const expires_in = Math.ceil(account.script.tokenLifetime ?? desk.settings.tokenLifetime);
  const scope = "openid profile email offline_access";
  return Response.json(
    { ...tokens, token_type: "Bearer", expires_in, scope },
    { headers: { "cache-control": "no-store" } },
  );
}
