// Starts the bench's programs on the core that is theirs, and reads from /proc what they cost.
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setPriority } from "node:os";

/** The gateway has a core for itself; the upstream, the client and the bench share the other. */
export const GATEWAY_CORE = 0;
export const BENCH_CORE = 1;

/** Milliseconds in a clock tick of /proc, which Linux fixes at 100 a second. */
const TICK = 10;

/** Leaves core 0 to the gateway. What is started from here on has the priority too, on a machine that others use. */
export function settle(nice: number): void {
  Bun.spawnSync(["taskset", "-acp", String(BENCH_CORE), String(process.pid)]);
  if (nice !== 0) setPriority(nice);
}

export class Program implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  #output = "";
  #more = Promise.withResolvers<void>();

  constructor(core: number | string, command: string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
    this.#child = Bun.spawn(["taskset", "-c", String(core), ...command], {
      cwd: options.cwd ?? "/",
      env: { PATH: process.env.PATH ?? "", HOME: options.cwd ?? "/", ...options.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    void this.#collect(this.#child.stdout);
    void this.#collect(this.#child.stderr);
    void this.#child.exited.then(() => this.#more.resolve());
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      this.#output += decoder.decode(piece, { stream: true });
      this.#more.resolve();
      this.#more = Promise.withResolvers<void>();
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  get output(): string {
    return this.#output;
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  /** Waits for output that matches, from the start. */
  async printed(pattern: RegExp, seconds = 20): Promise<RegExpMatchArray> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const match = this.#output.match(pattern);
      if (match) return match;
      if (this.#child.exitCode !== null || Date.now() > deadline)
        throw new Error(`pid ${this.pid} never printed ${pattern}:\n${this.#output}`);
      await Promise.race([this.#more.promise, Bun.sleep(deadline - Date.now())]);
    }
  }

  /** Milliseconds of processor time so far, of all threads. */
  cpu(): number {
    return Program.cpuOf(this.pid);
  }

  static cpuOf(pid: number): number {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13);
    return (Number(user) + Number(system)) * TICK;
  }

  /** Resident megabytes. */
  memory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const ended = await Promise.race([this.#child.exited, Bun.sleep(5000).then(() => undefined)]);
    if (ended === undefined) this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || !address) throw new Error("no free port");
  return address.port;
}

/** Resolves when somebody listens there. */
export async function listening(port: number, program: Program): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => socket.destroy());
      setTimeout(() => socket.destroy(), 200);
    });
    if (open) return;
    await Bun.sleep(10);
  }
  throw new Error(`nobody listens on port ${port}:\n${program.output}`);
}

/** The first line that a command prints, such as its version; undefined where the command is not installed. */
export function lineOf(...command: string[]): string | undefined {
  if (!Bun.which(command[0] ?? "")) return undefined;
  const { stdout, stderr } = Bun.spawnSync(command);
  return `${stdout}${stderr}`.trim().split("\n")[0];
}
