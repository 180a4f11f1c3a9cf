// How an exchange ends: which outcome its receipt gets, and what its client is told of a failure.

import type { Event } from "../core/event.ts";
import { Failure } from "../core/failure.ts";
import type { RunningExchange } from "./exchange.ts";
import { renderFailure } from "./render.ts";
import type { Ending } from "./stream.ts";

export function settleStream(exchange: RunningExchange, ending: Ending): void {
  const usage = usageIn(ending.terminal);
  if (ending.outcome === "aborted") exchange.settle("aborted", { usage });
  else
    exchange.settle(ending.outcome, {
      usage,
      status: 200,
      ...(ending.outcome === "failed" && ending.failure && { failure: ending.failure }),
    });
}

/** On the identity path nobody has read a failing end yet: it may be broken itself, and must not cost the receipt. */
export function usageIn(terminal: Event | undefined): unknown {
  try {
    return (terminal?.data.response as Record<string, unknown> | undefined)?.usage;
  } catch {
    return undefined;
  }
}

export function settleFailed(exchange: RunningExchange, failure: Failure): void {
  if (exchange.signal.aborted) exchange.settle("aborted");
  else exchange.settle(exchange.tries > 0 ? "failed" : "refused", { failure, record: !isFlood(exchange, failure) });
}

/** A flood of bad keys must not fill the disk: beyond the limit it leaves no receipts (security.md, bad-key flood). */
function isFlood(exchange: RunningExchange, failure: Failure): boolean {
  return exchange.principal.id === "" && failure.kind === "rate_limit";
}

/** The failure that the client is told. What is not one of ours it gets only the id of: the log has the rest. */
export function judge(exchange: RunningExchange, thrown: unknown): Failure {
  const failure = exchange.gateway.chain.failure(thrown, exchange);
  // A plugin's error was logged where it happened, with its name.
  if (failure.kind === "internal" && failure.code !== "plugin_failed")
    exchange.log.error("internal error", {
      id: exchange.id,
      error: String(failure.cause ?? failure),
      stack: (failure.cause as Error | undefined)?.stack,
    });
  return failure;
}

/** Settles an exchange that failed before its stream began, and gives what to tell; undefined when nobody is left to be told. */
export function fail(exchange: RunningExchange, thrown: unknown): Failure | undefined {
  if (exchange.signal.aborted) {
    exchange.settle("aborted");
    return undefined;
  }
  // What was settled was judged before: no plugin sees one failure twice.
  const judged = exchange.interrupted ?? (exchange.settled && thrown instanceof Failure ? thrown : undefined);
  const failure = judged ?? judge(exchange, thrown);
  settleFailed(exchange, failure);
  return failure;
}

export function refuse(exchange: RunningExchange, thrown: unknown): Response {
  const failure = fail(exchange, thrown);
  if (!failure) return new Response(null, { status: 499 });
  return renderFailure(failure, exchange.arrival.dialect, {
    codexClient: exchange.codexClient,
    requestId: exchange.id,
    headers: exchange.responseHeaders(),
  });
}
