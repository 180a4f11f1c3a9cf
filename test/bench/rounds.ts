// The comparison: every arm under the same loads, in rounds, in random order, with the bare upstream before and after.
import type { Arm } from "./arms.ts";
import type { Load, Tools } from "./tools.ts";
import { turn } from "./turns.ts";

export const PACE = 20_000;
/** Between the starts of 256 streams: shares no factor with the pace, or the streams would all be due at the same moments. */
export const STAGGER = 7919;
/** Bodies of a coding agent's turns. */
export const SIZES = [4_000, 40_000, 400_000] as const;

/** How much is done in a round. */
export interface Amount {
  rounds: number;
  /** Deltas of each of the 256 streams of the loaded run. */
  events: number;
  /** Streams of the run that measures the first delta, 64 of them open at once. */
  turns: number;
  /** Unary requests. */
  requests: number;
  /** Requests of each body size. */
  bodies: number;
}

export const FULL: Amount = { rounds: 5, events: 200, turns: 256, requests: 2000, bodies: 40 };
export const QUICK: Amount = { rounds: 3, events: 200, turns: 64, requests: 300, bodies: 25 };

export interface Body {
  bytes: number;
  /** Milliseconds to the first delta, median. */
  first: number;
  /** Milliseconds of the gateway's processor for each request. */
  cpu: number;
}

/** What one arm did in one round. Milliseconds, but for what the client printed. */
export interface Sample {
  arm: string;
  round: number;
  /** 256 streams at once. */
  loaded: Load;
  cpuPerThousandEvents?: number;
  /** 64 streams at once, one after the other. */
  steady?: Load;
  unary?: Load;
  cpuPerThousandRequests?: number;
  bodies?: Body[];
}

export async function measure(tools: Tools, arm: Arm, round: number, amount: Amount, all: boolean): Promise<Sample> {
  const cpu = () => arm.gateway?.cpu() ?? 0;
  const small = turn(arm.dialect, 1000, true);

  await tools.script(amount.events, PACE);
  let before = cpu();
  const loaded = await tools.load(arm, small, {
    streams: 256,
    events: amount.events,
    paceUs: PACE,
    staggerUs: STAGGER,
  });
  const sample: Sample = { arm: arm.name, round, loaded };
  if (arm.gateway) sample.cpuPerThousandEvents = ((cpu() - before) / loaded.events) * 1000;
  if (!all) return sample;

  await tools.script(50, PACE);
  const steady = { streams: 64, total: amount.turns, events: 50, paceUs: PACE, staggerUs: 15_731 };
  sample.steady = await tools.load(arm, small, steady);

  await tools.script(2, 0); // a gateway may ask for a stream on its own account
  before = cpu();
  sample.unary = await tools.load(arm, turn(arm.dialect, 1000, false), { streams: 16, total: amount.requests });
  if (arm.gateway) sample.cpuPerThousandRequests = ((cpu() - before) / amount.requests) * 1000;

  sample.bodies = [];
  await tools.script(1, 0);
  for (const size of SIZES) {
    const big = turn(arm.dialect, size, true);
    before = cpu();
    const { first } = await tools.load(arm, big, { total: amount.bodies, events: 1 });
    sample.bodies.push({ bytes: big.body.length, first: first.p50 / 1000, cpu: (cpu() - before) / amount.bodies });
  }
  return sample;
}

/** How many streams a runtime that compiles while it runs needs until it has done with it, and how many are enough of one that is slow. */
const WARM = 2000;
const SLOW = 500;

/** A few seconds of everything, so that no arm is measured while its code is still being compiled. */
export async function warm(tools: Tools, arm: Arm): Promise<void> {
  await tools.script(30, 1000);
  const asked = { streams: 64, total: WARM, events: 30, seconds: 60 };
  const { statuses, lost } = await tools.load(arm, turn(arm.dialect, 1000, true), asked);
  const { "200": served = 0, ...others } = statuses;
  if (served < SLOW || Object.keys(others).length > 0 || lost > 0)
    throw new Error(`${arm.name} cannot serve: statuses ${JSON.stringify(statuses)}, ${lost} events lost`);
  await tools.script(1, 0);
  await tools.load(arm, turn(arm.dialect, 1000, false), { streams: 16, total: 500 });
  for (const size of SIZES) await tools.load(arm, turn(arm.dialect, size, true), { total: 10, events: 1 });
}

/** What direct took, in microseconds, by which a round is judged. */
function times({ loaded, steady }: Sample): Record<string, number> {
  const first = steady && { "time to the first token": steady.first.p50 };
  return { ...first, "delay of an event": loaded.delay.p50, "99th percentile of gaps": loaded.gap.p99 };
}

/** What changed more than twofold between two direct runs, in words: such a round says nothing about gateways. */
export function moved(before: Sample, after: Sample): string | undefined {
  const last = times(after);
  for (const [name, time] of Object.entries(times(before))) {
    const now = last[name] ?? time;
    if (Math.max(time, now) > 2 * Math.min(time, now)) return `direct's ${name} went from ${time} to ${now} µs`;
  }
  return undefined;
}

export function shuffled<T>(list: readonly T[]): T[] {
  const rest = [...list];
  return list.map(() => rest.splice(Math.floor(Math.random() * rest.length), 1)[0] as T);
}
