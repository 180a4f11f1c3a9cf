// What has no rival arm: the time to start, the price of a bad key, and what JSON alone costs on this machine.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { codexdCommand, type Place, startCodexd } from "./arms.ts";
import { BENCH_CORE, GATEWAY_CORE, Program } from "./program.ts";
import type { Tools } from "./tools.ts";
import { turn } from "./turns.ts";

/** Milliseconds from spawn to the first 200 of /healthz, configuration read and store open; each start on new data. */
export async function starts(place: Place, times: number): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const command = codexdCommand(place, { usageLog: true });
    const began = performance.now();
    await using gateway = new Program(GATEWAY_CORE, command, { cwd: place.folder });
    const [, port] = await gateway.printed(/listening on http:\/\/[^:]+:(\d+)/);
    const { status } = await fetch(`http://127.0.0.1:${port}/healthz`);
    if (status !== 200) throw new Error(`/healthz answered ${status}`);
    taken.push(performance.now() - began);
  }
  return taken.sort((a, b) => a - b);
}

export interface Refusals {
  /** Milliseconds of processor time for each. */
  cpu: number;
  statuses: Record<string, number>;
  /** Requests that reached the upstream all the same. */
  reached: number;
}

export async function refusals(tools: Tools, place: Place, requests: number): Promise<Refusals> {
  const data = join(place.folder, "licensed");
  await using keys = new Program(BENCH_CORE, [place.binary, "keys", "create", "bench", "--data", data]);
  if ((await keys.exited) !== 0) throw new Error(`no licence could be made:\n${keys.output}`);
  const { gateway, port } = await startCodexd(place, { usageLog: true, data });
  await using _ = gateway;
  const arm = {
    name: "",
    port,
    base: "/codex",
    dialect: "chat" as const,
    headers: ["authorization: Bearer sk-codexd-wrong"],
  };
  const asked = turn("chat", 1000, false);
  await tools.load(arm, asked, { streams: 8, total: requests / 5 });
  const reached = (await tools.stats()).requests;
  const before = gateway.cpu();
  const { statuses } = await tools.load(arm, asked, { streams: 8, total: requests });
  return { cpu: (gateway.cpu() - before) / requests, statuses, reached: (await tools.stats()).requests - reached };
}

/** Milliseconds that one JSON.parse and one JSON.stringify of a body take, median, in a process and on a core of their own. */
export async function jsonCost(body: string, folder: string): Promise<number> {
  const file = join(folder, "json.json");
  writeFileSync(file, body);
  const program = `
    const text = await Bun.file(${JSON.stringify(file)}).text();
    const times = [];
    for (let i = 0; i < 300; i++) {
      const began = performance.now();
      JSON.stringify(JSON.parse(text));
      times.push(performance.now() - began);
    }
    console.log("cost", times.sort((a, b) => a - b)[150]);`;
  await using child = new Program(GATEWAY_CORE, [process.execPath, "-e", program], { cwd: folder });
  return Number((await child.printed(/cost (\S+)/))[1]);
}
