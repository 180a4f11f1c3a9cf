// The process above the workers of one server: starts them, keeps what they count together, and hands on signals.

import type { Config } from "../../config/load.ts";
import type { Log } from "../../core/hooks.ts";
import { type Counters, openCounters, Places } from "../../store/counters/index.ts";
import { openEngine } from "../../store/index.ts";
import { createLog } from "../log.ts";
import { family } from "../metrics.ts";
import { openPort } from "../port.ts";
import { type Answer, type FromWorker, PLACE, type Place, type Topic, type ToWorker } from "./messages.ts";
import { lastingOf, sumMetrics } from "./sum.ts";

/** Milliseconds before a worker that ended is started anew: the first time, and at most. */
const AGAIN = { first: 100, most: 10_000 };
/** One that served for so long had no trouble starting. */
const WELL = 10_000;
/** Milliseconds that an answer of all waits for the slowest worker. */
const PATIENCE: Record<Topic, number> = { metrics: 1000, plugins: 1000, items: 1000, thoughts: 1000, reload: 30_000 };

interface Worker {
  readonly number: number;
  readonly child: Bun.Subprocess;
  readonly began: number;
  readonly places: Places;
  readonly asked: Map<number, (answer: unknown) => void>;
  /** Its address when it serves, or its exit code when it ended before. */
  readonly start: PromiseWithResolvers<{ base: string } | { code: number }>;
  serves: boolean;
  /** A reload was asked for while it read the configuration. */
  reload: boolean;
  /** What it last told of its metrics. */
  metrics: string;
}

/** The words that start this program anew. A compiled one finds its script by itself. */
const SELF = Bun.isStandaloneExecutable
  ? [process.execPath]
  : [process.execPath, ...process.execArgv, process.argv[1] ?? ""];

/** Runs as many workers as are configured; gives the exit code. `serves` is called once, when all of them answer. */
export async function supervise(config: Config, serves: (base: string) => void | Promise<void>): Promise<number> {
  if (process.platform !== "linux")
    throw new Error(
      `server.workers: several workers on one port need Linux, not ${process.platform}; start one codexd for each core, each on its own port, behind a balancer`,
    );
  const { host, port } = config.server;
  // With a shared port a second server would start without a word, and get half of the first one's requests.
  if (port !== 0) await openPort({ host, port, shared: false, fetch: () => new Response() }).stop(true);
  const log = createLog(config.log);
  // Those of Redis are shared already.
  const engine =
    config.counters === "memory" ? (await openEngine(config.data, { store: config.store })).engine : undefined;
  const counters = engine && (await openCounters(config.counters, engine, log));
  const supervisor = new Supervisor(config, log, counters);
  try {
    return await supervisor.run(serves);
  } finally {
    await counters?.close();
    await engine?.close();
  }
}

class Supervisor {
  readonly #config: Config;
  readonly #log: Log;
  readonly #counters: Counters | undefined;
  readonly #workers = new Map<number, Worker>();
  readonly #failures = new Map<number, number>();
  readonly #again = new Set<ReturnType<typeof setTimeout>>();
  readonly #ended = Promise.withResolvers<void>();
  #port: number;
  #isStarting = true;
  #isDraining = false;
  #code = 0;
  #signals = 0;
  #next = 1;
  #restarts = 0;
  /** What workers that are gone had counted, as far as it was ever told. */
  #past = "";

  constructor(config: Config, log: Log, counters: Counters | undefined) {
    this.#config = config;
    this.#log = log;
    this.#counters = counters;
    this.#port = config.server.port;
  }

  async run(serves: (base: string) => void | Promise<void>): Promise<number> {
    process.on("SIGTERM", () => this.#signalled());
    process.on("SIGINT", () => this.#signalled());
    process.on("SIGHUP", () => this.#reload());
    // The first one alone: it finds what is wrong, says it once, and takes a free port for all.
    const first = await this.#begin(1).start.promise;
    if ("code" in first) return first.code;
    this.#port = Number(new URL(first.base).port || 80);
    const rest = Array.from({ length: this.#config.server.workers - 1 }, (_, at) => this.#begin(at + 2));
    const failed = (await Promise.all(rest.map(({ start }) => start.promise))).find((one) => "code" in one);
    this.#isStarting = false;
    if (failed && !this.#isDraining) {
      this.#code = failed.code || 1;
      this.#drain();
    } else if (!this.#isDraining) {
      // One may have ended while the others began.
      for (let number = 1; number <= this.#config.server.workers; number++)
        if (!this.#workers.has(number)) this.#later(number);
      await serves(first.base);
    }
    await this.#ended.promise;
    return this.#code;
  }

  #begin(number: number): Worker {
    const place: Place = { number, of: this.#config.server.workers, port: this.#port };
    const child = Bun.spawn([...SELF, ...process.argv.slice(2)], {
      env: { ...process.env, [PLACE]: JSON.stringify(place) },
      stdio: ["ignore", "inherit", "inherit"],
      serialization: "json",
      ipc: (message) => void this.#hear(worker, message as FromWorker),
      onExit: (_child, code, signal) => void this.#gone(worker, code, signal),
    });
    const worker: Worker = {
      number,
      child,
      began: performance.now(),
      places: new Places(),
      asked: new Map(),
      start: Promise.withResolvers(),
      serves: false,
      reload: false,
      metrics: "",
    };
    this.#workers.set(number, worker);
    return worker;
  }

  async #hear(worker: Worker, message: FromWorker): Promise<void> {
    switch (message.kind) {
      case "ready":
        return this.#welcome(worker, message.base);
      case "count": {
        const counters = this.#counters as Counters;
        const counted = await counters.count(message.counts, message.holds);
        worker.places.note(message.holds, counted);
        return this.#say(worker, { kind: "counted", id: message.id, counted });
      }
      case "ask":
        return this.#say(worker, { kind: "answers", id: message.id, answers: await this.#all(message.topic) });
      case "told":
        worker.asked.get(message.id)?.(message.answer);
        worker.asked.delete(message.id);
    }
  }

  #say(worker: Worker, message: ToWorker): void {
    // One that just ended needs no answer.
    if (this.#workers.get(worker.number) === worker) worker.child.send(message);
  }

  #welcome(worker: Worker, base: string): void {
    const { number, child } = worker;
    worker.serves = true;
    worker.start.resolve({ base });
    if (!this.#isStarting) this.#log.info("a worker serves", { worker: number, pid: child.pid });
    if (worker.reload) void this.#tell(worker, "reload");
  }

  /** What all that serve say; one that does not answer in time is left out. */
  async #all(topic: Topic): Promise<Answer[]> {
    const asked = [...this.#workers.values()].filter(({ serves }) => serves);
    const answers = await Promise.all(
      asked.map(
        async (worker): Promise<Answer> => ({
          worker: worker.number,
          answer: await this.#tell(worker, topic),
        }),
      ),
    );
    const told = answers.filter(({ answer }) => answer !== undefined);
    return topic === "metrics" ? [{ worker: 0, answer: this.#sum(told as Answer<string>[]) }] : told;
  }

  #tell(worker: Worker, topic: Topic): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const id = this.#next++;
    const late = setTimeout(() => resolve(undefined), PATIENCE[topic]);
    worker.asked.set(id, (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
    this.#say(worker, { kind: "tell", id, topic });
    return promise;
  }

  #sum(told: readonly Answer<string>[]): string {
    for (const { worker, answer } of told) {
      const known = this.#workers.get(worker);
      if (known) known.metrics = answer;
    }
    const own = [
      family("codexd_workers", "gauge", "Workers that serve.", [`codexd_workers ${told.length}`]),
      family("codexd_worker_restarts_total", "counter", "Workers that ended by themselves and were started anew.", [
        `codexd_worker_restarts_total ${this.#restarts}`,
      ]),
    ];
    return sumMetrics([...told, { worker: 0, answer: this.#past }, { worker: 0, answer: own.join("") }]);
  }

  async #gone(worker: Worker, exitCode: number | null, signal: unknown): Promise<void> {
    const { number, child } = worker;
    this.#workers.delete(number);
    for (const answer of worker.asked.values()) answer(undefined);
    this.#past = sumMetrics([this.#past, lastingOf(worker.metrics)].map((answer) => ({ worker: 0, answer })));
    if (this.#counters) await worker.places.free(this.#counters);
    worker.start.resolve({ code: exitCode || 1 });
    if (this.#isDraining) {
      if (exitCode !== 0) this.#code ||= 1;
      if (this.#workers.size === 0) this.#ended.resolve();
    } else if (!this.#isStarting) {
      const why = signal ? { signal } : { code: exitCode };
      this.#log.error("a worker ended; another takes its place", { worker: number, pid: child.pid, ...why });
      const lived = worker.serves && performance.now() - worker.began > WELL;
      this.#failures.set(number, lived ? 0 : (this.#failures.get(number) ?? -1) + 1);
      this.#later(number);
    }
  }

  #later(number: number): void {
    const wait = Math.min(AGAIN.most, AGAIN.first * 2 ** (this.#failures.get(number) ?? 0));
    const timer = setTimeout(() => {
      this.#again.delete(timer);
      this.#restarts++;
      this.#begin(number);
    }, wait);
    this.#again.add(timer);
  }

  #reload(): void {
    for (const worker of this.#workers.values()) {
      if (worker.serves) void this.#tell(worker, "reload");
      else worker.reload = true;
    }
  }

  #signalled(): void {
    if (++this.#signals === 1) return this.#drain();
    for (const { child } of this.#workers.values()) child.kill("SIGKILL");
    process.exit(1);
  }

  /** They shut down together, so that none of them is the one that answers. */
  #drain(): void {
    this.#isDraining = true;
    for (const timer of this.#again) clearTimeout(timer);
    for (const { child } of this.#workers.values()) child.kill("SIGTERM");
    if (this.#workers.size === 0) this.#ended.resolve();
  }
}
