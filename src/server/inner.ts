// Questions that plugins put to an exchange's upstream: tried like the turn itself, on the same receipt, seen by no hook.

import { Failure } from "../core/failure.ts";
import type { Turn } from "../core/turn.ts";
import type { Prepared, Upstream } from "../upstream/index.ts";
import { again, type Trying } from "./again.ts";
import type { RunningExchange } from "./exchange.ts";
import { open, pause } from "./opening.ts";
import { collect } from "./unary.ts";

/** The answer to a turn, whole. */
export async function run(exchange: RunningExchange, turn: Turn): Promise<Record<string, unknown>> {
  const inner = innerOf(exchange, turn, "turn");
  await exchange.reserve();
  const { upstream } = inner;
  const opened = await open({
    async ask() {
      exchange.tries += 1;
      const answer = await upstream.ask(inner.prepared, inner.exchange, exchange.upstreamSignal, inner.attempt);
      exchange.account = answer.account;
      exchange.heard = answer.headers;
      return answer;
    },
    retry: (failure) => again(inner, failure, exchange.gateway.config.limits.retries),
    verdict: (failure) => upstream.verdict(failure),
    asStatus: () => true,
    hold: Number.POSITIVE_INFINITY,
    signal: exchange.upstreamSignal,
  });
  const { response } = await collect(opened, unseen, unseen);
  exchange.spend(response.usage);
  return response;
}

/** The answer of the upstream's compaction endpoint. */
export async function compact(exchange: RunningExchange, turn: Turn): Promise<Record<string, unknown>> {
  const inner = innerOf(exchange, turn, "compact");
  await exchange.reserve();
  const { upstream } = inner;
  const signal = exchange.upstreamSignal;
  for (;;) {
    exchange.tries += 1;
    try {
      const answer = await upstream.compact(inner.prepared, inner.exchange, signal, inner.attempt);
      exchange.account = answer.account;
      exchange.heard = answer.headers;
      exchange.spend(answer.body.usage);
      return answer.body;
    } catch (thrown) {
      if (!(thrown instanceof Failure) || signal.aborted) throw thrown;
      const wait = again(inner, thrown, exchange.gateway.config.limits.retries);
      if (wait === undefined) throw upstream.verdict(thrown);
      await pause(wait, signal);
      signal.throwIfAborted();
    }
  }
}

interface Inner extends Trying {
  upstream: Upstream;
  prepared: Prepared;
  /** The exchange as the upstream's wire sees it: with this turn in the place of its own. */
  exchange: RunningExchange;
}

function innerOf(exchange: RunningExchange, asked: Turn, operation: "turn" | "compact"): Inner {
  const upstream = exchange.chosen;
  if (!upstream) {
    const message = "a plugin asked the upstream before one was chosen: that is possible from the upstream hook on";
    throw new Failure("internal", { code: "internal_error", message });
  }
  exchange.upstream = upstream;
  const turn = { ...asked };
  // What has no effect in a question of ours is nothing that the client has to be told.
  const seen = Object.assign(Object.create(exchange) as RunningExchange, { turn, operation, dropped: new Set() });
  return {
    turn,
    upstream,
    exchange: seen,
    attempt: { tried: new Set() },
    repeats: 0,
    prepared: upstream.prepare(seen),
    prepare() {
      this.prepared = upstream.prepare(seen);
    },
  };
}

const unseen = (): undefined => undefined;
