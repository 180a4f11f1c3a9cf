// Passes what the Codex CLI also calls, images and search, to the ChatGPT backend as it is.

import { Failure } from "../core/failure.ts";
import type { Dialect } from "../core/hooks.ts";
import { authenticate } from "./admission.ts";
import { readBody } from "./body.ts";
import { RunningExchange } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { refuse } from "./outcome.ts";
import type { Surroundings } from "./surroundings.ts";
import { enter, type Traffic } from "./traffic.ts";

export interface Place {
  gateway: Gateway;
  traffic: Traffic;
  around: Surroundings;
  /** Whose envelope its errors wear, and which a licence must have. */
  dialect: Dialect;
}

export async function pass(request: Request, path: string, place: Place): Promise<Response> {
  const { gateway, traffic, around, dialect } = place;
  const url = new URL(request.url);
  const peer = around.peerOf(request);
  const route = { method: "POST" as const, path, operation: "unsupported" as const };
  const exchange = new RunningExchange({ request, url, params: {}, peer, dialect, route }, gateway);
  exchange.operation = path.slice(1);
  try {
    exchange.admit(await authenticate(request, url, peer, gateway, around.loopback));
    enter(exchange, traffic);
    await exchange.limit();
    const upstream = gateway.upstreams.find((one) => one.kind === "chatgpt");
    if (!upstream)
      throw new Failure("unsupported", {
        code: "unsupported_endpoint",
        message: `${path} needs an upstream of kind chatgpt, and none is configured`,
        shouldRetry: false,
      });
    exchange.upstream = upstream;
    const body = await readBody(request, gateway.config.limits.body);
    exchange.tries = 1;
    const answer = await upstream.pass(
      { method: "POST", path, query: withoutKey(url), headers: request.headers, body },
      exchange.upstreamSignal,
    );
    const bytes = await answer.arrayBuffer();
    exchange.first();
    exchange.settle(answer.ok ? "ok" : "failed", { status: answer.status });
    const headers = exchange.responseHeaders(answer.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(bytes, { status: answer.status, headers });
  } catch (thrown) {
    return refuse(exchange, thrown);
  }
}

/** A licence in the query is ours to read, and nobody else's. */
function withoutKey({ search }: URL): string {
  const query = new URLSearchParams(search);
  if (!query.has("key")) return search;
  query.delete("key");
  return query.size > 0 ? `?${query}` : "";
}
