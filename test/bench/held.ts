// What a gateway holds and lets go: idle and busy streams, clients that leave, a big turn among small ones, memory over time.
import type { Arm } from "./arms.ts";
import { PACE } from "./rounds.ts";
import type { Tools } from "./tools.ts";
import { turn } from "./turns.ts";

const HOUR = 3_600_000_000;

export interface Held {
  arm: string;
  idle: number;
  /** Megabytes for each 1,000 idle streams. */
  memory: number;
}

/** Opens streams that say one thing and then nothing. */
export async function idle(tools: Tools, arm: Arm, streams: number): Promise<Held> {
  const { gateway } = arm;
  if (!gateway) throw new Error(`${arm.name} has no process to look at`);
  await tools.script(2, HOUR);
  const before = gateway.memory();
  // Slowly: what a burst that a busy machine cannot follow leaves behind in the allocator is not what a stream needs. All within 10
  // seconds: the client connects at once, and Bun closes a connection without a request after that.
  const load = tools.begin(arm, turn(arm.dialect, 1000, true), { streams, events: 2, staggerUs: 1700, hold: true });
  // Who cannot hold them all is told with those that it holds.
  await load.printed(/held/, 45).catch(() => undefined);
  await Bun.sleep(500);
  const memory = ((gateway.memory() - before) / streams) * 1000;
  load.endInput();
  const { first } = await tools.end(load);
  return { arm: arm.name, idle: first.n, memory };
}

export interface Active {
  arm: string;
  finished: number;
  lost: number;
  /** Gaps longer than ten times the pace. */
  stalled: number;
  longestGap: number;
}

export async function active(tools: Tools, arm: Arm, streams: number): Promise<Active> {
  const pace = 100_000;
  await tools.script(50, pace);
  const { statuses, lost, stalled, gap } = await tools.load(arm, turn(arm.dialect, 1000, true), {
    ...{ streams, events: 50, paceUs: pace, staggerUs: 1937 },
  });
  return { arm: arm.name, finished: statuses["200"] ?? 0, lost, stalled, longestGap: gap.max / 1000 };
}

export interface Aborts {
  arm: string;
  left: number;
  cancelled: number;
  /** Milliseconds until the upstream saw it. */
  p50: number;
  p99: number;
}

export async function aborts(tools: Tools, arm: Arm, streams: number): Promise<Aborts> {
  await tools.script(100, PACE);
  const options = { streams, events: 100, abortAfter: 3, staggerUs: 1937 };
  const { left } = await tools.load(arm, turn(arm.dialect, 1000, true), options);
  for (let tries = 0; tries < 50 && (await tools.stats()).open > 0; tries++) await Bun.sleep(20);
  const seen = await tools.cancelled();
  const times = left.flatMap(([stream, at]) => {
    const end = seen.get(stream);
    return end === undefined ? [] : [(end - at) / 1e6];
  });
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return { arm: arm.name, left: left.length, cancelled: times.length, p50: at(0.5), p99: at(0.99) };
}

/** The longest gap on 64 streams while a client sends one 400 KB turn after the other. Milliseconds beyond the pace. */
export async function amongBig(tools: Tools, arm: Arm): Promise<number> {
  await tools.script(150, PACE);
  const options = { streams: 64, events: 150, paceUs: PACE, staggerUs: 3917 };
  const small = tools.begin(arm, turn(arm.dialect, 1000, true), options);
  await Bun.sleep(600);
  // Each big one is left at its first delta: what is asked here is what its beginning costs the others.
  await tools.load(arm, turn(arm.dialect, 400_000, true), { total: 40, events: 150, abortAfter: 1 });
  return ((await tools.end(small)).gap.max - PACE) / 1000;
}

/** Megabytes after each batch of finished and aborted streams; the first batch is only to warm up. */
export async function slope(tools: Tools, arm: Arm, each: number): Promise<number[]> {
  const memory: number[] = [];
  for (let batch = 0; batch < 4; batch++) {
    await tools.script(10, 1000);
    const small = turn(arm.dialect, 1000, true);
    const total = batch === 0 ? each / 5 : each / 2;
    await tools.load(arm, small, { streams: 64, total, events: 10 });
    await tools.load(arm, small, { streams: 64, total, events: 10, abortAfter: 3 });
    await Bun.sleep(1000);
    memory.push(arm.gateway?.memory() ?? Number.NaN);
  }
  return memory;
}
