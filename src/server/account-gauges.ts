// Shows every account to Prometheus: how far its windows are used, how long it rests, and whether it may be asked.

import type { AccountHandle, UsageWindow } from "../core/account.ts";
import type { Upstream } from "../upstream/index.ts";
import { family, label } from "./metrics.ts";

const STATES = ["usable", "cooldown", "paused", "login"] as const;

/** One series for each account (and window, and state): as many as there are accounts, whatever clients do. */
export function accountGauges(upstreams: readonly Upstream[], now: number): string {
  const accounts = upstreams.flatMap(({ name, accounts }) =>
    accounts
      .all()
      .map((account) => ({ account, labels: `upstream="${label(name)}",account="${label(account.name)}"` })),
  );
  if (accounts.length === 0) return "";
  const used = accounts.flatMap(({ account: { state }, labels }) =>
    windowsOf(state.primary, state.secondary, now).map(
      ([window, percent]) => `codexd_account_used_percent{${labels},window="${window}"} ${percent}`,
    ),
  );
  const rests = accounts.map(
    ({ account, labels }) => `codexd_account_cooldown_seconds{${labels}} ${restOf(account, now)}`,
  );
  const states = accounts.flatMap(({ account, labels }) => {
    const state = account.obstacle?.why ?? "usable";
    return STATES.map((one) => `codexd_account_state{${labels},state="${one}"} ${one === state ? 1 : 0}`);
  });
  return [
    family("codexd_account_used_percent", "gauge", "How far a usage window of an account is used, 0 to 100.", used),
    family("codexd_account_cooldown_seconds", "gauge", "Seconds until an account may be asked again.", rests),
    family(
      "codexd_account_state",
      "gauge",
      "1 for the state an account is in: usable, cooldown, paused, or login (a person has to log in again).",
      states,
    ),
  ].join("");
}

/** A window that is over has begun anew, and nothing of it is used as far as anyone knows. */
function windowsOf(primary: UsageWindow | null, secondary: UsageWindow | null, now: number): [string, number][] {
  return Object.entries({ primary, secondary })
    .filter((entry): entry is [string, UsageWindow] => entry[1] !== null)
    .map(([name, { usedPercent, resetsAt }]) => [name, resetsAt !== null && resetsAt * 1000 <= now ? 0 : usedPercent]);
}

function restOf({ obstacle }: AccountHandle, now: number): number {
  return obstacle?.why === "cooldown" ? Math.ceil((obstacle.until - now) / 1000) : 0;
}
