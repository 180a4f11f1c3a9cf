// The exchanges that are under way: lets them in, and gives a drain something to wait for and to end.

import { Failure } from "../core/failure.ts";
import type { RunningExchange } from "./exchange.ts";
import type { Live } from "./gateway.ts";
import { settleFailed } from "./outcome.ts";
import type { AnswerStream } from "./stream.ts";

/** Counts and holds the exchanges that are under way, over all configurations of this process. */
export interface Traffic {
  readonly live: Set<Live>;
  /** Of `limits.streams`, the part that is this process's. */
  readonly share?: (streams: number) => number;
  draining: boolean;
}

export function enter(exchange: RunningExchange, traffic: Traffic): void {
  if (traffic.draining) {
    throw new Failure("shutting_down", {
      code: "server_shutting_down",
      message: "this server is shutting down; try another instance or try again",
      retryAfter: 5,
    });
  }
  const { streams } = exchange.gateway.config.limits;
  if (traffic.live.size >= (traffic.share?.(streams) ?? streams)) {
    throw new Failure("overloaded", {
      code: "server_is_overloaded",
      message: `this server holds its limit of ${streams} exchanges (limits.streams)`,
      retryAfter: 1,
    });
  }
  // Until there is a stream to end properly, giving up on an exchange means leaving its upstream.
  const live: Live = {
    interrupt: (failure) => {
      exchange.interrupted = failure;
      settleFailed(exchange, failure);
    },
  };
  traffic.live.add(live);
  exchange.onSettled = () => traffic.live.delete(live);
}

/** From now on an interruption is an error frame of the dialect, and a client that leaves ends the stream. */
export function follow(exchange: RunningExchange, traffic: Traffic, stream: AnswerStream): void {
  exchange.onSettled?.();
  const live: Live = { interrupt: (failure) => stream.interrupt(failure) };
  traffic.live.add(live);
  exchange.onSettled = () => traffic.live.delete(live);
  if (exchange.signal.aborted) stream.abort();
  else exchange.signal.addEventListener("abort", () => stream.abort(), { once: true });
}
