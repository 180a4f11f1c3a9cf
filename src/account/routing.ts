// Asks where a workspace wants its requests, as the Codex CLI does before its first turn (wire/codex.md A.4).

import type { Routing } from "../core/account.ts";
import { ORIGINATOR } from "./issuer.ts";
import type { Login } from "./login.ts";

const NONE = "NO_CONSTRAINT";
const ANSWER_MS = 10_000;

/** Of the account, as `wham/accounts/check` tells it. */
export interface Checked {
  routing: Routing;
  plan: string | null;
}

/** Undefined when the backend does not say: then nothing special is done. Rejects when it cannot be asked. */
export async function checkAccount(chatgptUrl: string, login: Login): Promise<Checked | undefined> {
  if (login.accountId === undefined) return undefined;
  const response = await fetch(`${chatgptUrl.replace(/\/+$/, "")}/wham/accounts/check`, {
    headers: {
      authorization: `Bearer ${login.token}`,
      "chatgpt-account-id": login.accountId,
      originator: ORIGINATOR,
      "user-agent": `${ORIGINATOR} codexd`,
    },
    redirect: "manual",
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the backend answered ${response.status} to the question for the account's workspace`);
  }
  const { accounts } = (await response.json()) as { accounts?: unknown };
  const all = Array.isArray(accounts) ? (accounts as Record<string, unknown>[]) : [];
  const own = all.filter((account) => account?.id === login.accountId);
  if (own.length !== 1) return undefined;
  const { workspace_backend_origin: origin, account_routing_override: override, plan_type: plan } = own[0] ?? {};
  return {
    routing: {
      ...(isConstraint(origin) ? { origin: httpsOrigin(origin) } : {}),
      ...(isConstraint(override) && /^[\x21-\x7e]+$/.test(override) ? { override } : {}),
    },
    plan: typeof plan === "string" ? plan : null,
  };
}

const isConstraint = (value: unknown): value is string => typeof value === "string" && value !== "" && value !== NONE;

/** Tokens go there, so nothing but an https origin without credentials of its own will do. */
function httpsOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin = url && url.pathname === "/" && !url.search && !url.hash && !url.username && !url.password;
  if (url?.protocol === "https:" && isOrigin) return url.origin;
  throw new Error("the workspace's backend must be an https origin without credentials");
}
