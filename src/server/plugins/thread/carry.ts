// Carries exchanges, failures and replies across the border of a thread, where only plain values pass.

import { Event } from "../../../core/event.ts";
import { Failure, type FailureDetails } from "../../../core/failure.ts";
import type { Exchange } from "../../../core/hooks.ts";
import type { CarriedEvents, CarriedExchange, CarriedFailure, Changed, Outcome } from "./messages.ts";

export function carryExchange(exchange: Exchange): CarriedExchange {
  const { id, dialect, operation, principal, codexClient, stream, strict, lenientEffort, reasoning, wants } = exchange;
  const { session, turn, askedModel, effort, upstreamName, upstream, headers, dropped, answerHeaders } = exchange;
  return {
    ...{ id, dialect, operation, principal, codexClient, stream, strict, lenientEffort, reasoning, wants },
    ...{ session, turn, askedModel },
    ...(effort !== undefined && { effort }),
    ...(upstreamName !== undefined && { upstreamName }),
    ...(upstream && { upstream: { name: upstream.name, wire: upstream.wire, kind: upstream.kind } }),
    headers: [...headers],
    dropped: [...dropped],
    answerHeaders: [...answerHeaders],
  };
}

export function changesOf(exchange: Exchange): Changed {
  const { turn, lenientEffort, effort, upstreamName, dropped, answerHeaders } = exchange;
  return { turn, lenientEffort, effort, upstreamName, dropped: [...dropped], answerHeaders: [...answerHeaders] };
}

/** Does to the exchange what was done to its clone; what is wrong with it is for the chain to find. */
export function applyChanges(exchange: Exchange, changed: Changed): void {
  exchange.turn = changed.turn;
  exchange.lenientEffort = changed.lenientEffort;
  for (const name of ["effort", "upstreamName"] as const) {
    const value = changed[name];
    if (value === undefined) delete exchange[name];
    else exchange[name] = value;
  }
  exchange.dropped.clear();
  for (const path of changed.dropped) exchange.dropped.add(path);
  for (const name of [...exchange.answerHeaders.keys()]) exchange.answerHeaders.delete(name);
  for (const [name, value] of changed.answerHeaders) exchange.answerHeaders.append(name, value);
}

export function carryFailure(failure: Failure): CarriedFailure {
  const { kind, code, message, status, retryAfter, shouldRetry, param, upstream, headers } = failure;
  const details = { code, message, status, retryAfter, shouldRetry, param, upstream, headers };
  const known = Object.entries(details).filter(([, value]) => value !== undefined);
  return { carried: "failure", kind, details: Object.fromEntries(known) };
}

export function failureFrom({ kind, details }: CarriedFailure): Failure {
  return new Failure(kind, details as unknown as FailureDetails);
}

/** What a hook returned, as it can be cloned. */
export async function carryValue(value: unknown): Promise<unknown> {
  if (value instanceof Failure) return carryFailure(value);
  if (typeof value !== "object" || value === null || !("events" in value)) return value;
  const events = [];
  for await (const event of value.events as AsyncIterable<unknown>) {
    if (!(event instanceof Event)) throw new TypeError("its reply gave something that is no Event");
    events.push(event.data);
  }
  return { carried: "events", events } satisfies CarriedEvents;
}

export function valueFrom(value: unknown): unknown {
  const carried = (value as { carried?: unknown } | null | undefined)?.carried;
  if (carried === "failure") return failureFrom(value as CarriedFailure);
  if (carried === "events") return { events: (value as CarriedEvents).events.map((data) => Event.of(data)) };
  return value;
}

/** How a call ended, for the other side. */
export async function outcomeOf(run: () => unknown): Promise<Outcome> {
  try {
    return { value: await carryValue(await run()) };
  } catch (thrown) {
    if (thrown instanceof Failure) return { failure: carryFailure(thrown) };
    return thrown instanceof Error
      ? { error: `${thrown.name}: ${thrown.message}`, stack: String(thrown.stack) }
      : { error: textOf(thrown) };
  }
}

/** The other side's value; throws what it threw. */
export function settled(outcome: Outcome): unknown {
  if ("value" in outcome) return valueFrom(outcome.value);
  if ("failure" in outcome) throw failureFrom(outcome.failure);
  const error = new Error(outcome.error);
  if (outcome.stack !== undefined) error.stack = outcome.stack;
  throw error;
}

function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "something without a text";
  }
}
