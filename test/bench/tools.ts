// Compiles the bench's two C programs and speaks with them: the upstream over HTTP, the client by its command line.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Arm } from "./arms.ts";
import { BENCH_CORE, Program } from "./program.ts";
import type { Turn } from "./turns.ts";

/** Microseconds, over `n` samples. */
export interface Spread {
  n: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** What `load` prints; see load.c. */
export interface Load {
  ended: number;
  unfinished: number;
  broken: number;
  seconds: number;
  events: number;
  reads: number;
  lost: number;
  reordered: number;
  coalesced: number;
  stalled: number;
  statuses: Record<string, number>;
  first: Spread;
  whole: Spread;
  delay: Spread;
  gap: Spread;
  /** Streams that were left, and when. */
  left: [stream: number, nanoseconds: number][];
}

export interface LoadOptions {
  streams?: number;
  total?: number;
  events?: number;
  staggerUs?: number;
  paceUs?: number;
  abortAfter?: number;
  hold?: boolean;
  seconds?: number;
}

export interface UpstreamStats {
  requests: number;
  streams: number;
  open: number;
  finished: number;
  cancelled: number;
  events: number;
  lateUs: number;
  behind: number;
}

function compiled(name: string, folder: string): string {
  const to = join(folder, name);
  const { exitCode, stderr } = Bun.spawnSync([
    ...["gcc", "-O2", "-Wall", "-Wextra", "-o", to],
    join(import.meta.dir, `${name}.c`),
  ]);
  if (exitCode !== 0) throw new Error(`gcc refused ${name}.c:\n${stderr}`);
  return to;
}

export class Tools implements AsyncDisposable {
  readonly #folder: string;
  readonly #load: string;
  #upstream!: Program;
  port = 0;
  #bodies = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#load = compiled("load", folder);
  }

  static async start(folder: string): Promise<Tools> {
    mkdirSync(folder, { recursive: true });
    const tools = new Tools(folder);
    tools.#upstream = new Program(BENCH_CORE, [compiled("upstream", folder)]);
    tools.port = Number((await tools.#upstream.printed(/listening (\d+)/))[1]);
    return tools;
  }

  /** Says what the streams opened from now on do, and forgets all counts. */
  async script(events: number, paceUs: number, size = 32): Promise<void> {
    await this.#ask(`set?events=${events}&pace_us=${paceUs}&size=${size}`);
  }

  async stats(): Promise<UpstreamStats> {
    return (await (await this.#ask("stats")).json()) as UpstreamStats;
  }

  /** When the upstream saw the client of each stream leave, in nanoseconds. */
  async cancelled(): Promise<Map<number, number>> {
    const lines = (await (await this.#ask("cancelled")).text()).trim().split("\n");
    return new Map(lines.filter((line) => line !== "").map((line) => line.split(" ").map(Number) as [number, number]));
  }

  #ask(what: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}/bench/${what}`);
  }

  begin(arm: Arm, turn: Turn, options: LoadOptions): Program {
    const file = join(this.#folder, `turn-${++this.#bodies % 16}.json`);
    writeFileSync(file, turn.body);
    const words = [this.#load, "--port", arm.port, "--path", arm.base + turn.path, "--body", file];
    for (const header of [...turn.headers, ...arm.headers]) words.push("--header", header);
    const { hold, ...numbers } = options;
    for (const [name, value] of Object.entries(numbers))
      words.push(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, value);
    if (hold) words.push("--hold");
    return new Program(BENCH_CORE, words.map(String));
  }

  async end(load: Program): Promise<Load> {
    await load.exited;
    const [line] = await load.printed(/^\{.*\}$/m, 5);
    return JSON.parse(line) as Load;
  }

  /** One run of the client, from its start to its end. */
  async load(arm: Arm, turn: Turn, options: LoadOptions): Promise<Load> {
    return await this.end(this.begin(arm, turn, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream.stop();
  }
}
