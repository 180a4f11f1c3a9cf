// Answers the Codex CLI's question for its limits (`/status`), from what the serving account's answers told (wire/codex.md D.5).

import type { AccountHandle, UsageWindow } from "../core/account.ts";
import { Failure } from "../core/failure.ts";
import type { Principal } from "../core/hooks.ts";
import { authenticate, permitDialect } from "./admission.ts";
import { openaiDialect } from "./envelope.ts";
import { isCodexClient, requestIdOf } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { renderFailure } from "./render.ts";
import { sessionIn } from "./session.ts";
import type { Surroundings } from "./surroundings.ts";

export async function limitsAnswer(request: Request, gateway: Gateway, around: Surroundings): Promise<Response> {
  const url = new URL(request.url);
  const requestId = requestIdOf(request.headers) ?? gateway.services.mint.id("req_");
  const dialect = gateway.dialects.get("responses") ?? openaiDialect(gateway);
  try {
    const principal = await authenticate(request, url, around.peerOf(request), gateway, around.loopback);
    permitDialect(principal, dialect.name);
    const account = await accountOf(gateway, principal, sessionIn(request.headers));
    const body = limitsOf(account, gateway.services.clock());
    return Response.json(body, { headers: { "x-request-id": requestId, "cache-control": "no-store" } });
  } catch (thrown) {
    return renderFailure(gateway.chain.failure(thrown, undefined), dialect, {
      codexClient: isCodexClient(request.headers),
      requestId,
    });
  }
}

/** The account of the caller's session, else the one that answered this licence last, else the one that would answer it now. */
async function accountOf(gateway: Gateway, { id }: Principal, session: string | undefined): Promise<AccountHandle> {
  const chatgpt = gateway.upstreams.filter(({ kind }) => kind === "chatgpt");
  const last = session === undefined ? gateway.services.served.of(id) : undefined;
  const lastUpstream = chatgpt.find(({ name }) => name === last?.upstream);
  const account =
    lastUpstream?.accounts.usable().find(({ name }) => name === last?.account) ??
    (await Promise.all(chatgpt.map(({ accounts }) => accounts.serving(session ?? "")))).find(
      (one) => one !== undefined,
    );
  if (account) return account;
  throw new Failure("unsupported", {
    code: "unsupported_endpoint",
    message: "limit windows belong to the account of an upstream of kind chatgpt, and there is none",
    shouldRetry: false,
  });
}

function limitsOf({ state, plan, obstacle }: AccountHandle, now: number): Record<string, unknown> {
  const { primary, secondary, credits } = state;
  const windows = { primary_window: windowOf(primary, now), secondary_window: windowOf(secondary, now) };
  const isFull = Object.values(windows).some((window) => window !== null && window.used_percent >= 100);
  const isReached = isFull || (obstacle?.why === "cooldown" && obstacle.reason === "usage_limit_reached");
  return {
    plan_type: plan ?? "unknown",
    rate_limit: { allowed: !isReached, limit_reached: isReached, ...windows },
    credits: credits && {
      has_credits: credits.hasCredits,
      unlimited: credits.unlimited,
      balance: credits.balance,
    },
  };
}

/** All its fields are whole numbers and required, so a window that lacks one cannot be told; one that is over has begun anew. */
function windowOf(window: UsageWindow | null, now: number) {
  if (!window || window.minutes === null || window.resetsAt === null) return null;
  const left = Math.ceil(window.resetsAt - now / 1000);
  if (left <= 0) return null;
  return {
    used_percent: Math.round(window.usedPercent),
    limit_window_seconds: Math.round(window.minutes * 60),
    reset_after_seconds: left,
    reset_at: Math.round(window.resetsAt),
  };
}
