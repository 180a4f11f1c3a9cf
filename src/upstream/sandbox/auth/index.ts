// The auth side of the sandbox: logins, tokens and accounts on the same port, and who may ask for a turn.
import { type Failure, failure } from "../failures.ts";
import type { Json } from "../json.ts";
import { type Recorded, recorded } from "../ledger.ts";
import type { Fail } from "../script.ts";
import type { Account } from "./accounts.ts";
import { answerAuthorize } from "./authorize.ts";
import { answerAccounts, answerControl, forget, totals } from "./control.ts";
import { type Desk, desk, readFields } from "./desk.ts";
import { answerDevicePage, answerDeviceToken, answerUserCode } from "./device.ts";
import { isLimited, limitHeaders, spend, usageOf } from "./limits.ts";
import { answerRevoke, answerToken } from "./token.ts";
import type { Bearer } from "./tokens.ts";

const ASKED = /^\/(oauth|api\/accounts|codex\/device)\b|\/wham\/(accounts\/check|usage)$/;
const KEPT = 200;

export interface AuthOptions {
  // Take only tokens that were issued here, and only while they hold.
  auth?: boolean;
  // How many accounts there are from the start.
  accounts?: number;
  // Seconds that an access token lives.
  tokenLifetime?: number;
}

export interface Auth {
  // The answer to a request for the auth side, and to nothing else.
  answer(request: Request, url: URL, path: string): Promise<Response | undefined>;
  // What the auth side was last asked, tests' own requests left out.
  requests: Recorded[];
  // Why these credentials are not taken.
  refuse(headers: Headers, chatgpt: boolean): Failure | undefined;
  // Counts a turn on its account, and gives what was scripted to go wrong with it.
  turn(headers: Headers): Imposed | undefined;
  // The limits of the account, where one is known.
  limits(headers: Headers): Record<string, string> | undefined;
  stats(): Json;
  clear(): void;
}

export interface Imposed extends Fail {
  failure: Failure;
}

export function createAuth(options: AuthOptions = {}): Auth {
  const shared = desk(options);
  const requests: Recorded[] = [];
  return {
    requests,
    async answer(request, url, path) {
      if (ASKED.test(path)) await record(requests, request.clone());
      return route(shared, request, url, path);
    },
    refuse: (headers, chatgpt) => (shared.checked ? refuse(shared, headers, chatgpt) : undefined),
    turn(headers) {
      const account = accountOf(shared, headers);
      return account && turn(account);
    },
    limits(headers) {
      const account = accountOf(shared, headers);
      return account && limitHeaders(account);
    },
    stats: () => totals(shared),
    clear() {
      requests.length = 0;
      forget(shared);
    },
  };
}

async function record(requests: Recorded[], request: Request): Promise<void> {
  requests.push(recorded(request, await readFields(request)));
  if (requests.length > KEPT) requests.shift();
}

function route(shared: Desk, request: Request, url: URL, path: string): Promise<Response> | Response | undefined {
  const posted = request.method === "POST";
  const issuer = url.origin;
  if (path.includes("/sandbox/accounts")) return answerAccounts(shared, request, path, issuer);
  if (path.endsWith("/sandbox/control") && posted) return answerControl(shared, request);
  if (path === "/oauth/authorize") return answerAuthorize(shared, request, url);
  if (path === "/codex/device") return answerDevicePage(shared, request, url);
  if (posted && path === "/oauth/token") return answerToken(shared, request, issuer);
  if (posted && path === "/oauth/revoke") return answerRevoke(shared, request);
  if (posted && path === "/api/accounts/deviceauth/usercode") return answerUserCode(shared, request);
  if (posted && path === "/api/accounts/deviceauth/token") return answerDeviceToken(shared, request);
  if (request.method !== "GET") return undefined;
  if (path === "/api/accounts/v1/user-auth-credential/whoami") return whoami(shared, request.headers);
  if (path.endsWith("/wham/accounts/check"))
    return told(shared, request.headers, (account) => workspaces(shared, account));
  if (path.endsWith("/wham/usage") || path.endsWith("/api/codex/usage")) return told(shared, request.headers, usageOf);
  return undefined;
}

function told(shared: Desk, headers: Headers, tell: (account: Account) => Json): Response | undefined {
  const refused = shared.checked ? refuse(shared, headers, true) : undefined;
  if (refused) return Response.json(refused.body, { status: refused.status });
  const account = accountOf(shared, headers);
  return account && Response.json(tell(account));
}

// All workspaces of the person: those with the same e-mail.
function workspaces({ accounts }: Desk, account: Account): Json {
  const own = accounts.all.filter(({ email }) => email === account.email);
  return {
    accounts: own.map(({ id, userId, plan, email, origin, override }) => ({
      id,
      account_user_id: `${userId}__${id}`,
      structure: plan === "plus" || plan === "pro" || plan === "free" || plan === "go" ? "personal" : "workspace",
      name: email,
      plan_type: plan,
      workspace_backend_origin: origin,
      account_routing_override: override,
    })),
    account_ordering: own.map(({ id }) => id),
    default_account_id: account.id,
  };
}

function whoami({ tokens }: Desk, headers: Headers): Response {
  const bearer = tokens.bearer(bearerToken(headers));
  if (!bearer || bearer.dead || !bearerToken(headers).startsWith("at-")) {
    const { body, status } = failure("token_invalidated");
    return Response.json(body, { status });
  }
  const { email, userId, id, plan, fedramp } = bearer.account;
  return Response.json({
    email,
    chatgpt_user_id: userId,
    chatgpt_account_id: id,
    chatgpt_plan_type: plan,
    chatgpt_account_is_fedramp: fedramp,
  });
}

function refuse({ tokens }: Desk, headers: Headers, chatgpt: boolean): Failure | undefined {
  const token = bearerToken(headers);
  const bearer = tokens.bearer(token);
  if (!bearer) return failure(chatgpt || token.startsWith("eyJ") ? "token_invalidated" : "invalid_api_key");
  if (bearer.dead) {
    bearer.account.counts.unauthorized += 1;
    return failure(bearer.dead);
  }
  return refuseAccount(bearer, headers);
}

function refuseAccount({ account }: Bearer, headers: Headers): Failure | undefined {
  const id = headers.get("chatgpt-account-id");
  if (id === null || id === account.id) return undefined;
  return failure("forbidden", { message: `The account ${id} is not the one of this token.` });
}

function turn(account: Account): Imposed | undefined {
  account.counts.turns += 1;
  const imposed = impose(account);
  if (imposed) account.counts.failed += 1;
  else spend(account);
  return imposed;
}

function impose(account: Account): Imposed | undefined {
  const { script, plan } = account;
  if (isLimited(account)) {
    const resetsAt = Math.floor((script.limitedUntil ?? 0) / 1000);
    const failed = failure("usage_limit_reached", { plan, resetsAt });
    return { code: "usage_limit_reached", after: "before", failure: failed };
  }
  if (!script.fail) return undefined;
  const { code, during, seconds } = script.fail;
  if (script.fail.times !== undefined) {
    script.fail.times -= 1;
    if (script.fail.times <= 0) delete script.fail;
  }
  return {
    code,
    after: during ?? "before",
    failure: failure(code, { plan, ...(seconds === undefined ? {} : { seconds }) }),
  };
}

// Without checks a token may be anyone's, so the header that names the account says who it is.
function accountOf({ accounts, tokens }: Desk, headers: Headers): Account | undefined {
  return tokens.bearer(bearerToken(headers))?.account ?? accounts.find(headers.get("chatgpt-account-id") ?? "");
}

function bearerToken(headers: Headers): string {
  return headers.get("authorization")?.replace(/^Bearer\s+/i, "") ?? "";
}
