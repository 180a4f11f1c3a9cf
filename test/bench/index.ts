// `bun run bench`: measures codexd beside nginx, haproxy and bare Bun on this machine and prints the table that the README quotes.
//
//   bun run bench                        five rounds, about twelve minutes
//   bun run bench --quick                short rounds beside nginx alone, for the gate
//   bun run bench --check                exits with 1 when a promise of the gate does not hold, which as many rounds again must confirm
//   bun run bench --peers                also beside gateways from public registries, which it installs into .cache
//   bun run bench --nice=-10             before other programs of a machine that is not idle; told in the table
//   bun run bench --rounds 1 --arms nginx,identity
//
// $CODEXD_BINARY names a binary to measure instead of one built from this tree. Raw numbers are kept in .cache/bench.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Arm, codexdArms, type Place, startBun, startHaproxy, startNginx, versions } from "./arms.ts";
import { broken, dear } from "./check.ts";
import { aborts, active, amongBig, idle, slope } from "./held.ts";
import { observed } from "./observed.ts";
import { startBifrost, startLitellm, startPortkey } from "./peers.ts";
import { settle } from "./program.ts";
import { type Amount, FULL, measure, moved, QUICK, type Sample, shuffled, warm } from "./rounds.ts";
import { jsonCost, refusals, starts } from "./single.ts";
import { markdown, median, type Results } from "./table.ts";
import { Tools } from "./tools.ts";
import { DIALECTS, turn } from "./turns.ts";
import { shared } from "./workers.ts";

const root = resolve(import.meta.dir, "../..");
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    nice: { type: "string", default: "0" },
    rounds: { type: "string" },
    arms: { type: "string" },
  },
});
const amount: Amount = { ...(values.quick ? QUICK : FULL), ...(values.rounds && { rounds: Number(values.rounds) }) };
const skipped: string[] = [];

const say = (text: string) => process.stderr.write(`${text}\n`);

function binaryIn(folder: string): string {
  if (process.env.CODEXD_BINARY) return resolve(root, process.env.CODEXD_BINARY);
  const to = join(folder, "codexd");
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "src/build.ts", "--outfile", to], { cwd: root });
  if (exitCode !== 0) throw new Error(`the binary does not build:\n${stderr}`);
  return to;
}

const isWanted = ({ name }: Arm) => !values.arms || values.arms.split(",").some((end) => name.endsWith(end));

async function rivals(place: Place): Promise<Arm[]> {
  const found: Arm[] = [];
  for (const start of [
    startNginx,
    ...(values.quick ? [] : [startHaproxy, startBun]),
    ...(values.peers ? [startPortkey, startLitellm, startBifrost] : []),
  ]) {
    const arm = await start(place);
    if (typeof arm !== "string") found.push(arm);
    else if (!skipped.includes(arm)) skipped.push(arm);
  }
  return found;
}

async function stop(arms: readonly Arm[]): Promise<void> {
  for (const gateway of new Set(arms.map((arm) => arm.gateway))) await gateway?.stop();
}

function directTo(tools: Tools): Arm {
  return { name: "direct", port: tools.port, base: "", dialect: "responses", headers: [] };
}

/** A rival that cannot serve is told and left out; codexd that cannot is an error. */
async function serving(tools: Tools, arms: readonly Arm[]): Promise<Arm[]> {
  const able: Arm[] = [];
  for (const arm of arms) {
    try {
      await warm(tools, arm);
      able.push(arm);
    } catch (error) {
      if (arm.name.startsWith("codexd")) throw error;
      skipped.push(error instanceof Error ? error.message : String(error));
    }
  }
  return able;
}

type Rounds = Pick<Results, "samples" | "voidSamples" | "voided" | "disturbed" | "json">;

/** What JSON alone costs is asked beside each measure of a big body: a machine changes its pace from one minute to the next. */
class JsonCosts {
  readonly #all: Record<string, number[]> = {};

  async measure({ dialect }: Arm, folder: string): Promise<void> {
    this.#all[dialect] ??= [];
    this.#all[dialect].push(await jsonCost(turn(dialect, 400_000, true).body, folder));
  }

  /** By dialect, the median of all rounds. */
  get medians(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.#all).map(([dialect, costs]) => [dialect, median(costs)]));
  }
}

async function rounds(tools: Tools, place: Place): Promise<Rounds> {
  const direct = directTo(tools);
  const unlogged = await codexdArms(place, { usageLog: false });
  const started = [
    ...(await rivals(place)),
    ...(await codexdArms(place, { usageLog: true })),
    ...(values.quick ? unlogged.slice(0, 1) : unlogged),
  ];
  const arms = await serving(tools, started.filter(isWanted));
  await warm(tools, direct);
  const json = new JsonCosts();
  const good: Sample[] = [];
  const spoilt: Sample[] = [];
  let voided = 0;
  let isSure = !values.check;
  for (let round = 1, left = amount.rounds; left > 0 && voided < amount.rounds; round++) {
    const seen = [await measure(tools, direct, round, amount, true)];
    for (const arm of shuffled(arms)) {
      const all = !arm.name.endsWith("no usage-log");
      seen.push(await measure(tools, arm, round, amount, all));
      if (all && arm.name.startsWith("codexd")) await json.measure(arm, place.folder);
    }
    seen.push(await measure(tools, direct, round, amount, true));
    const movement = moved(seen[0] as Sample, seen.at(-1) as Sample);
    say(`round ${round}${movement ? ` is void, ${movement}` : ""}; load ${loadavg()[0]?.toFixed(1)}`);
    (movement ? spoilt : good).push(...seen);
    if (movement) voided++;
    else left--;
    // What is close to its limit is over it by chance now and then: more rounds bring the median nearer to what is true.
    if (left > 0 || isSure) continue;
    const problems = dear(good, json.medians);
    for (const problem of problems) say(`so far: ${problem}`);
    if (problems.length > 0) left = amount.rounds;
    isSure = true;
  }
  await stop(started);
  const disturbed = good.length === 0;
  const samples = disturbed ? spoilt : good;
  return { samples, voidSamples: disturbed ? [] : spoilt, voided, disturbed, json: json.medians };
}

type Holding = Pick<Results, "held" | "active" | "aborts" | "amongBig" | "slope">;

/** Each in a process of its own, so that memory starts from what a start needs. */
async function holding(tools: Tools, place: Place): Promise<Holding> {
  const results: Holding = { held: [], active: [], aborts: [], amongBig: {}, slope: [] };
  const repeats = 3;
  const bare: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) bare.push(await amongBig(tools, directTo(tools)));

  async function hold(arm: Arm): Promise<void> {
    say(`${arm.name}: what it holds`);
    results.held.push(await idle(tools, arm, 5000));
    results.active.push(await active(tools, arm, 1000));
    results.aborts.push(await aborts(tools, arm, 200));
    const longest: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) longest.push((await amongBig(tools, arm)) - median(bare));
    results.amongBig[arm.name] = longest;
  }

  const others = values.quick ? [] : await rivals(place);
  for (const arm of await serving(tools, others.filter(isWanted))) await hold(arm);
  await stop(others);
  for (const dialect of values.quick ? DIALECTS.slice(0, 2) : DIALECTS) {
    const arms = await codexdArms(place, { usageLog: true });
    const arm = arms.find((one) => one.dialect === dialect) as Arm;
    if (isWanted(arm)) for (const one of await serving(tools, [arm])) await hold(one);
    if (!values.quick && dialect === "chat") results.slope = await slope(tools, arm, 10_000);
    await stop(arms);
  }
  return results;
}

async function run(tools: Tools, place: Place): Promise<Results> {
  const processor = cpus()[0]?.model ?? "unknown";
  const load = () => Math.round((loadavg()[0] ?? 0) * 10) / 10;
  const machine = {
    processor,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    loadBefore: load(),
    loadAfter: 0,
    nice: Number(values.nice),
  };
  const compared = await rounds(tools, place);
  const held = await holding(tools, place);
  const watched = await observed(tools, place, values.quick ? 3 : 10, values.quick ? 100 : amount.events);
  const workers = await shared(tools, place, values.quick ? 3 : 5, amount.requests * 2);
  const started = await starts(place, values.quick ? 5 : 11);
  const refused = await refusals(tools, place, values.quick ? 500 : 2000);
  machine.loadAfter = load();
  return {
    date: new Date().toISOString().slice(0, 10),
    ...{
      machine,
      versions: versions(place.binary),
      amount,
      ...compared,
      ...held,
      observed: watched,
      workers,
      skipped,
    },
    ...{ starts: started, refusals: refused, binaryMb: statSync(place.binary).size / 2 ** 20 },
  };
}

async function main(): Promise<number> {
  for (const tool of ["gcc", "taskset"]) if (!Bun.which(tool)) throw new Error(`the bench needs ${tool}`);
  settle(Number(values.nice));
  const kept = join(root, ".cache", "bench");
  mkdirSync(kept, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "codexd-bench-"));
  try {
    await using tools = await Tools.start(folder);
    const results = await run(tools, { binary: binaryIn(folder), upstream: tools.port, folder, cache: kept });
    const file = join(kept, `${new Date().toISOString().replace(/[:.]/g, "-")}.json`);
    writeFileSync(file, JSON.stringify(results));
    writeFileSync(file.replace(/json$/, "md"), `${markdown(results)}\n`);
    process.stdout.write(`${markdown(results)}\n`);
    say(`raw numbers: ${relative(process.cwd(), file)}`);
    if (!values.check) return 0;
    const problems = broken(results);
    for (const problem of problems) say(`FAILED: ${problem}`);
    return problems.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
