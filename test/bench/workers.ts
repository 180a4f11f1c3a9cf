// What a second worker is worth: requests in a second when the gateway is what holds them up, with one worker on one core and two on two.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Arm, type Place, startCodexd } from "./arms.ts";
import { BENCH_CORE, GATEWAY_CORE, Program } from "./program.ts";
import type { Tools } from "./tools.ts";
import { turn } from "./turns.ts";

export interface Shared {
  /** Requests in a second, one for each round. */
  one: number[];
  two: number[];
  /** Requests that were answered by the two, and receipts that they wrote. */
  answered: number;
  receipts: number;
}

interface Server {
  gateway: Program;
  port: number;
  cores: number[];
}

/** Milliseconds of processor time of a program and of what it started. */
function cpuOf({ gateway }: Server): number {
  const children = readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, "utf8");
  return [gateway.pid, ...children.split(" ").filter(Boolean).map(Number)].reduce(
    (sum, pid) => sum + Program.cpuOf(pid),
    0,
  );
}

/** Milliseconds in which a core had nothing to do, so far. */
function idleOf({ cores }: Server): number {
  const lines = readFileSync("/proc/stat", "utf8").split("\n");
  return cores.reduce((sum, core) => {
    const [, , , , idle, waiting] = lines.find((line) => line.startsWith(`cpu${core} `))?.split(" ") ?? [];
    return sum + (Number(idle) + Number(waiting)) * 10;
  }, 0);
}

/**
 * Requests in a second of the time that its cores were the gateway's, idle time too: the client and the upstream have to be somewhere, and
 * with two workers they are on a core of the gateway. On a machine that does nothing else the first rate is that of the clock.
 */
async function rate(tools: Tools, server: Server, total: number): Promise<number> {
  const arm: Arm = { name: "workers", port: server.port, base: "/codex", dialect: "chat", headers: [] };
  const before = cpuOf(server) + idleOf(server);
  const { statuses } = await tools.load(arm, turn("chat", 1000, false), { streams: 64, total });
  if (statuses["200"] !== total) throw new Error(`workers: not all was answered: ${JSON.stringify(statuses)}`);
  return (total * 1000 * server.cores.length) / (cpuOf(server) + idleOf(server) - before);
}

export async function shared(tools: Tools, place: Place, rounds: number, requests: number): Promise<Shared> {
  const data = join(place.folder, "workers");
  const usageLog = true;
  const one = { ...(await startCodexd(place, { usageLog })), cores: [GATEWAY_CORE] };
  const cores = [GATEWAY_CORE, BENCH_CORE];
  const two = { ...(await startCodexd(place, { usageLog, data, workers: 2, cores: cores.join() })), cores };
  const results: Shared = { one: [], two: [], answered: 2 * requests * (rounds + 1), receipts: 0 };
  await tools.script(2, 0);
  await rate(tools, one, requests);
  await rate(tools, two, requests * 2);
  for (let round = 0; round < rounds; round++) {
    results.one.push(await rate(tools, one, requests));
    results.two.push(await rate(tools, two, requests * 2));
  }
  await Promise.all([one.gateway.stop(), two.gateway.stop()]);
  await using usage = new Program(BENCH_CORE, [place.binary, "usage", "--json", "--data", data]);
  await usage.exited;
  const { total } = JSON.parse(usage.output) as { total?: { turns?: number } };
  results.receipts = total?.turns ?? Number.NaN;
  return results;
}
