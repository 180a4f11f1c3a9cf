// The failure of an upstream whose accounts are all unusable: who waits for what, and until when.

import type { AccountHandle } from "../core/account.ts";
import { Failure } from "../core/failure.ts";
import { REFUSED } from "./blame.ts";
import { refusedCredential } from "./refused.ts";

/** `all accounts exhausted (2 rate limited until 14:05 UTC, 1 expired)`, with the earliest end of a wait as advice. */
export function exhausted(accounts: readonly AccountHandle[], now: number): Failure {
  const obstacles = accounts.map(({ obstacle }) => obstacle).filter((obstacle) => obstacle !== undefined);
  const resting = obstacles.filter((obstacle) => obstacle.why === "cooldown");
  const waits = resting.filter(({ reason }) => reason !== REFUSED).map(({ until }) => until);
  const count = (why: string) => obstacles.filter((obstacle) => obstacle.why === why).length;
  const expired = count("login") + resting.length - waits.length;
  const [only] = obstacles;
  if (obstacles.length === 1 && only?.why === "login") return refusedCredential(only.message);
  const parts = [
    waits.length > 0 ? `${waits.length} rate limited until ${time(Math.min(...waits))}` : "",
    expired > 0 ? `${expired} expired` : "",
    count("paused") > 0 ? `${count("paused")} paused` : "",
  ];
  const message = `all accounts exhausted (${parts.filter(Boolean).join(", ")})`;
  if (waits.length === 0) return refusedCredential(message);
  const resetsAt = Math.ceil(Math.min(...waits) / 1000);
  return new Failure("rate_limit", {
    code: "usage_limit_reached",
    message,
    retryAfter: Math.max(1, Math.ceil(resetsAt - now / 1000)),
    upstream: { type: "usage_limit_reached", resetsAt },
  });
}

const time = (ms: number): string => `${new Date(ms).toISOString().slice(11, 16)} UTC`;
