// The page where a browser login begins: checks the request, asks who logs in, and sends the browser back with a code.
import type { Account } from "./accounts.ts";
import { type Desk, newSecret, readFields } from "./desk.ts";
import { authorizePage, escaped, page } from "./pages.ts";

const TEN_MINUTES = 600_000;
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

// Errors of the login itself, as the real page tells them to the client.
const DENIALS: Record<string, [error: string, description: string]> = {
  access_denied: ["access_denied", "The user denied the request."],
  missing_codex_entitlement: ["access_denied", "missing_codex_entitlement"],
};

export async function answerAuthorize(desk: Desk, request: Request, url: URL): Promise<Response> {
  const asked = url.searchParams;
  // Whoever cannot be trusted with an answer is told on the page and not sent anywhere.
  const wrong =
    refuseRedirect(asked.get("redirect_uri") ?? "") ?? (asked.get("client_id") ? undefined : "no client_id");
  if (wrong !== undefined) return page("This login cannot go on", `<p>${escaped(wrong)}</p>`, 400);
  const malformed = refuseRequest(asked);
  if (malformed) return back(asked, { error: malformed[0], error_description: malformed[1] });
  const { authorize } = desk.settings;
  if (authorize !== "ask" && authorize !== "auto") return denied(asked, authorize);
  const allowed = allowedAccounts(desk, asked.get("allowed_workspace_id"));
  if (request.method === "POST") return decided(desk, asked, allowed, await readFields(request));
  if (authorize !== "auto" && asked.get("auto") === null) return authorizePage(allowed);
  const wanted = asked.get("account") ?? asked.get("login_hint");
  const account = wanted ? desk.accounts.find(wanted) : allowed[0];
  return account ? granted(desk, asked, account) : denied(asked, "access_denied");
}

function decided(desk: Desk, asked: URLSearchParams, allowed: Account[], fields: Record<string, string>): Response {
  const account = desk.accounts.find(fields.account ?? "");
  if (!account || !allowed.includes(account)) return denied(asked, "access_denied");
  return granted(desk, asked, account);
}

function granted(desk: Desk, asked: URLSearchParams, account: Account): Response {
  const code = newSecret("ac_");
  desk.codes.set(code, {
    account,
    clientId: asked.get("client_id") ?? "",
    redirect: asked.get("redirect_uri") ?? "",
    challenge: asked.get("code_challenge") ?? "",
    expires: Date.now() + TEN_MINUTES,
    used: false,
  });
  return back(asked, { code, scope: asked.get("scope") ?? "" });
}

function denied(asked: URLSearchParams, code: string): Response {
  const [error, description] = DENIALS[code] ?? [code, `The sandbox was told to answer ${code}.`];
  return back(asked, { error, error_description: description });
}

function back(asked: URLSearchParams, fields: Record<string, string>): Response {
  const target = new URL(asked.get("redirect_uri") ?? "");
  for (const [name, value] of Object.entries(fields)) target.searchParams.set(name, value);
  const state = asked.get("state");
  if (state !== null) target.searchParams.set("state", state);
  return new Response(null, { status: 302, headers: { location: target.href } });
}

function refuseRedirect(redirect: string): string | undefined {
  const url = URL.parse(redirect);
  if (url?.protocol === "http:" && LOOPBACK.has(url.hostname)) return undefined;
  return `redirect_uri must be an http address of this machine, and not ${JSON.stringify(redirect)}`;
}

function refuseRequest(asked: URLSearchParams): [string, string] | undefined {
  if (asked.get("response_type") !== "code") return ["unsupported_response_type", "response_type must be code"];
  if (!asked.get("state")) return ["invalid_request", "state is missing"];
  if (asked.get("code_challenge_method") !== "S256") return ["invalid_request", "code_challenge_method must be S256"];
  if (!/^[\w-]{43}$/.test(asked.get("code_challenge") ?? "")) return ["invalid_request", "code_challenge is malformed"];
  return undefined;
}

function allowedAccounts(desk: Desk, workspaces: string | null): Account[] {
  if (!workspaces) return desk.accounts.all;
  const ids = workspaces.split(",");
  return desk.accounts.all.filter(({ id }) => ids.includes(id));
}
