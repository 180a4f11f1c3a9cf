// Looks at every upstream: whether it can be reached, what stands before it, whose clock is wrong, and which accounts it takes.

import { claimsOf } from "../../account/claims.ts";
import type { UpstreamConfig } from "../../config/load.ts";
import type { AccountHandle, Credentials } from "../../core/account.ts";
import { Failure } from "../../core/failure.ts";
import type { Upstream } from "../../upstream/index.ts";
import { type Probed, probe } from "../../upstream/probe.ts";
import { type Finding, finding } from "./finding.ts";

/** A token that is renewed five minutes before its end is renewed too late, or for ever, by a clock that is off by more. */
const CLOCK_WARN = 60_000;
const CLOCK_FAIL = 300_000;

export interface Looking {
  config: UpstreamConfig;
  upstream: Upstream;
  version: string;
}

export async function lookAt({ config, upstream, version }: Looking): Promise<Finding[]> {
  const ask = (credentials: Credentials) => probe(config, { credentials, version, clock: Date.now });
  const { name, baseUrl } = config;
  const reached = await ask({ account: "" }).catch(failureIn);
  if (reached instanceof Failure) {
    const remedy = "check its baseUrl, DNS, the firewall, and HTTPS_PROXY";
    return [finding("upstream", name, "fail", reached.message, remedy)];
  }
  const findings = [finding("upstream", name, "ok", `${new URL(baseUrl).host} answers`), edge(name, reached)];
  if (reached.date !== undefined) findings.push(clock(name, reached.date - Date.now()));
  if (findings.some(({ result, check }) => check === "edge" && result === "fail")) return findings;
  const accounts = upstream.accounts.all();
  if (accounts.length === 0) findings.push(...nobody(config));
  for (const account of accounts) findings.push(await token(account, upstream, ask));
  return findings;
}

function failureIn(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  throw thrown;
}

function edge(name: string, { failure }: Probed): Finding {
  if (failure?.code !== "upstream_edge_challenge")
    return finding("edge", name, "ok", "no challenge page before the API");
  return finding("edge", name, "fail", failure.message, "use another network address, or HTTPS_PROXY");
}

/** Of this machine against the upstream's, to the second that `Date` tells. */
function clock(name: string, skew: number): Finding {
  const seconds = Math.round(skew / 1000);
  // A Date header has whole seconds, and servers keep one for a moment.
  const found = Math.abs(seconds) < 4 ? "right" : `${Math.abs(seconds)} s ${seconds > 0 ? "slow" : "fast"}`;
  const result = Math.abs(skew) > CLOCK_FAIL ? "fail" : Math.abs(skew) > CLOCK_WARN ? "warn" : "ok";
  return finding("clock", name, result, found, result === "ok" ? "" : "set the clock, and keep it set (NTP)");
}

function nobody({ name, kind }: UpstreamConfig): Finding[] {
  if (kind === "compatible") return [];
  const remedy = kind === "chatgpt" ? "`codexd login`" : `an apiKey under upstreams.${name}.accounts`;
  return [finding("token", name, "fail", "no account", remedy)];
}

async function token(
  account: AccountHandle,
  { accounts }: Upstream,
  ask: (credentials: Credentials) => Promise<Probed>,
): Promise<Finding> {
  const { name } = account;
  if (account.obstacle?.why === "paused")
    return finding("token", name, "warn", "paused", `\`codexd accounts resume ${name}\``);
  try {
    let credentials = await account.credentials();
    let probed = await ask(credentials);
    if (probed.failure?.kind === "upstream_credential") {
      const renewed = await accounts.renew(credentials);
      if (renewed) {
        credentials = renewed;
        probed = await ask(renewed);
      }
    }
    // A provider without a list of models answers 404, to the right key as to the wrong one.
    if (probed.failure && probed.status !== 404) return refused(name, probed.failure, ANEW);
    return rested(account) ?? finding("token", name, "ok", shown(account, credentials));
  } catch (thrown) {
    // What our own side finds wrong with a login says itself what to do.
    return refused(name, failureIn(thrown), "");
  }
}

const ANEW = "log in again (`codexd login`), or configure another credential";

function refused(name: string, { kind, message }: Failure, remedy: string): Finding {
  if (kind === "upstream_credential") return finding("token", name, "fail", message, remedy);
  if (kind === "rate_limit" || kind === "quota")
    return finding("token", name, "warn", message, "wait, or add an account");
  return finding("token", name, "fail", message, "try again; if it stays so, look at the upstream's status page");
}

function rested({ name, obstacle }: AccountHandle): Finding | undefined {
  if (obstacle?.why !== "cooldown") return undefined;
  const found = `taken, and resting until ${new Date(obstacle.until).toISOString()} (${obstacle.reason})`;
  return finding("token", name, "warn", found, `wait, or \`codexd accounts clear-cooldown ${name}\``);
}

function shown({ plan }: AccountHandle, { token }: Credentials): string {
  const expires = claimsOf(token)?.expires;
  const until = expires === undefined ? [] : [`until ${new Date(expires * 1000).toISOString()}`];
  return ["taken", ...(plan ? [`plan ${plan}`] : []), ...until].join(", ");
}
