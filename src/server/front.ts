// What every request meets first: the root's own pages, and checks that need neither a licence nor a route.

import { Failure, failureOf } from "../core/failure.ts";
import type { Principal } from "../core/hooks.ts";
import { accountGauges } from "./account-gauges.ts";
import { authenticate, isOneHost, isOwn, requireAdmin } from "./admission.ts";
import { openaiDialect } from "./envelope.ts";
import type { Gateway } from "./gateway.ts";
import type { Metrics } from "./metrics.ts";
import { pluginMetrics, readiness } from "./plugins/report.ts";
import { renderFailure } from "./render.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Traffic } from "./traffic.ts";

const PROMETHEUS = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
const MOST_HEADERS = 100;
const FORWARDED = /^(forwarded|via|x-real-ip|x-forwarded-.*)$/;

export interface Front {
  gateway: Gateway;
  traffic: Traffic;
  around: Surroundings;
  metrics: Metrics;
  /** Reads the configuration again; gives what is wrong with it, nothing when it serves. */
  reload(): Promise<readonly string[]>;
}

/** Answers what belongs to the root; undefined when the request is the application's. */
export async function frontAnswer(request: Request, front: Front): Promise<Response | undefined> {
  const { headers, method } = request;
  if (!isOneHost(headers.get("host")))
    return text(400, "the Host header must be exactly one name\n", { connection: "close" });
  if (countOf(headers) > MOST_HEADERS) return text(431, `more than ${MOST_HEADERS} header fields\n`);
  if (headers.get("upgrade")?.toLowerCase() === "websocket")
    return text(426, "WebSocket is not supported here; use HTTP\n");
  const path = pathOf(request.url);
  // Clients probe with it; a balancer may too, and has to be told the truth.
  if (method === "HEAD") return new Response(null, { status: path === "/readyz" ? ready(front).status : 200 });
  switch (path) {
    case "/healthz":
      return text(200, "ok\n");
    case "/readyz":
      return ready(front);
    case "/api/hello":
      return new Response(null);
    case "/metrics":
      return await guarded(request, front, async () => text(200, await scrape(front), PROMETHEUS));
    case "/openapi.json":
    case "/docs":
      return await (await import("./docs.ts")).docsAnswer(path, front.gateway);
  }
  if (path.startsWith("/docs/")) return await (await import("./docs.ts")).docsAnswer(path, front.gateway);
  if (path === "/admin" || path.startsWith("/admin/"))
    return await guarded(request, front, async (url, principal) => {
      // Loaded with the first question: a server that is just starting has better things to do.
      const { adminAnswer } = await import("./admin/index.ts");
      const own = await adminAnswer(request, url, principal as Principal, front);
      return own ?? (await ofPlugin(request, front)) ?? nothingThere(path);
    });
  return undefined;
}

/** A plugin that may be skipped is only told of, as is Redis while it is away; without one that may not, no exchange could be served. */
function ready({ gateway, traffic }: Front): Response {
  const { off, serves } = readiness(gateway.chain);
  const status = traffic.draining ? "draining" : serves ? "ready" : "plugin_off";
  const counters = gateway.services.counters.alone ? { counters: "alone" } : {};
  return Response.json({ status, off, ...counters }, { status: status === "ready" ? 200 : 503 });
}

/** Of all workers, whichever was asked. */
async function scrape(front: Front): Promise<string> {
  const { team } = front.gateway.services;
  const [all] = (await team?.all<string>("metrics").catch(() => undefined)) ?? [];
  return all ? all.answer : ownMetrics(front);
}

/** What this process counted. */
export function ownMetrics({ gateway, metrics, traffic }: Pick<Front, "gateway" | "metrics" | "traffic">): string {
  return (
    metrics.render({
      open: traffic.live.size,
      draining: traffic.draining,
      receipts: gateway.services.store.receipts.state(),
      version: gateway.services.version,
    }) +
    accountGauges(gateway.upstreams, gateway.services.clock()) +
    pluginMetrics(gateway.chain) +
    gateway.services.limitGauges.render(gateway.services.counters)
  );
}

/** A plugin's own page; the licence is seen again there, as for its other routes. */
async function ofPlugin(request: Request, front: Front): Promise<Response | undefined> {
  const { contributed } = front.gateway;
  if (contributed.routes.length === 0) return undefined;
  const { pluginAnswer } = await import("./plugin-routes.ts");
  const answer = await pluginAnswer(request, front);
  if (answer) return answer;
  const { pathname } = new URL(request.url);
  const allowed = contributed.methodsAt(pathname).join(", ");
  if (allowed === "") return undefined;
  throw new Failure("wrong_method", {
    code: "method_not_allowed",
    message: `${request.method} is not allowed on ${pathname}; legal: ${allowed}`,
    headers: { allow: allowed },
  });
}

function nothingThere(path: string): Response {
  throw new Failure("unknown_path", { code: "not_found", message: `there is nothing at ${path}` });
}

/** Admin licences only; a scrape from this very host needs none, unless a proxy made it look so (interface.md). */
async function guarded(
  request: Request,
  front: Front,
  answer: (url: URL, principal: Principal | undefined) => Response | Promise<Response>,
): Promise<Response> {
  const { gateway, around } = front;
  const url = new URL(request.url);
  const peer = around.peerOf(request);
  let principal: Principal | undefined;
  try {
    if (url.pathname !== "/metrics" || !isOwn(request.headers) || !isDirectLoopback(request.headers, peer)) {
      principal = await authenticate(request, url, peer, gateway, around.loopback);
      requireAdmin(principal, url.pathname);
    }
    return await answer(url, principal);
  } catch (thrown) {
    await gateway.chain.ready();
    return renderFailure(failureOf(thrown), openaiDialect(gateway), {
      codexClient: false,
      requestId: gateway.services.mint.id("req_"),
    });
  }
}

function isDirectLoopback(headers: Headers, peer: string): boolean {
  const loopback = peer === "::1" || peer.startsWith("127.") || peer.startsWith("::ffff:127.");
  return loopback && ![...headers.keys()].some((name) => FORWARDED.test(name));
}

function countOf(headers: Headers): number {
  let count = 0;
  for (const _name of headers.keys()) count++;
  return count;
}

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", start);
  return start === -1 ? "/" : query === -1 ? url.slice(start) : url.slice(start, query);
}

function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}
