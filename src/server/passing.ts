// Passes what the Codex CLI also calls, images and search, to the ChatGPT backend as it is.

import { Failure } from "../core/failure.ts";
import type { Dialect } from "../core/hooks.ts";
import { authenticate } from "./admission.ts";
import { readBody } from "./body.ts";
import { RunningExchange } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { renderFailure } from "./render.ts";
import type { Surroundings } from "./surroundings.ts";

export async function pass(
  request: Request,
  path: string,
  gateway: Gateway,
  around: Surroundings,
  dialect: Dialect,
): Promise<Response> {
  const url = new URL(request.url);
  const route = { method: "POST" as const, path, operation: "unsupported" as const };
  const exchange = new RunningExchange(
    { request, url, params: {}, peer: around.peerOf(request), dialect, route },
    gateway,
  );
  exchange.operation = path.slice(1);
  try {
    exchange.admit(await authenticate(request, url, around.peerOf(request), gateway, around.loopback));
    const upstream = gateway.upstreams.find((one) => one.kind === "chatgpt");
    if (!upstream)
      throw new Failure("unsupported", {
        code: "unsupported_endpoint",
        message: `${path} needs an upstream of kind chatgpt, and none is configured`,
        shouldRetry: false,
      });
    exchange.upstream = upstream;
    exchange.tries = 1;
    const body = await readBody(request, gateway.config.limits.body);
    const answer = await upstream.pass(
      { method: "POST", path, query: url.search, headers: request.headers, body },
      exchange.upstreamSignal,
    );
    const bytes = await answer.arrayBuffer();
    exchange.first();
    exchange.settle(answer.ok ? "ok" : "failed", { status: answer.status });
    const headers = exchange.responseHeaders();
    headers.set("content-type", answer.headers.get("content-type") ?? "application/json");
    return new Response(bytes, { status: answer.status, headers });
  } catch (thrown) {
    const failure = gateway.chain.failure(thrown, exchange);
    exchange.settle(exchange.signal.aborted ? "aborted" : exchange.tries > 0 ? "failed" : "refused", { failure });
    return renderFailure(failure, dialect, {
      codexClient: exchange.codexClient,
      requestId: exchange.id,
      headers: exchange.responseHeaders(),
    });
  }
}
