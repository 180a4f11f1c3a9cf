// Runs the compiled codexd for tests: finds or builds the binary, starts gateways and sandboxes on free ports, cleans up.
//
//   await using sandbox = await startSandbox();
//   await using gateway = await startGateway({ config: { upstreams: { up: { kind: "openai", baseUrl: sandbox.base } } } });
//   const answer = await fetch(`${gateway.base}/v1/responses`, …);
//   expect(await gateway.stop()).toBe(0);
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const children = new Set<Bun.Subprocess>();
const folders = new Set<string>();

// `bun test` never emits "exit"; as bunfig.toml preloads this file, the hook runs once, after the last test file.
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes away when the tests end. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "codexd-test-"));
  folders.add(folder);
  return folder;
}

let found: Promise<string> | undefined;

/** The binary under test: `$CODEXD_BINARY`, else `dist/codexd`, built first when a source file is newer. */
export function binaryPath(): Promise<string> {
  found ??= locate();
  return found;
}

async function locate(): Promise<string> {
  const given = process.env.CODEXD_BINARY;
  if (given) {
    const path = resolve(root, given);
    if (!modified(path)) throw new Error(`CODEXD_BINARY names ${path}, which does not exist`);
    return path;
  }
  const path = join(root, "dist", "codexd");
  if (newestSource() > modified(path)) {
    const build = Bun.spawn([process.execPath, "src/build.ts"], { cwd: root, stdout: "pipe", stderr: "pipe" });
    const [code, out, err] = await Promise.all([build.exited, text(build.stdout), text(build.stderr)]);
    if (code !== 0) throw new Error(`the binary does not build:\n${out}${err}`);
  }
  return path;
}

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function newestSource(): number {
  const sources = new Bun.Glob("{src,plugins}/**/*").scanSync({ cwd: root });
  return Math.max(...[...sources, "package-lock.json"].map((path) => modified(join(root, path))));
}

const text = (stream: ReadableStream): Promise<string> => new Response(stream).text();

/** What a test gives to any run of the binary. */
export interface RunOptions {
  /** Added at the end of the command line. */
  args?: string[];
  /** The whole environment but for `PATH` and an empty `HOME`: nothing of the developer's own settings leaks in. */
  env?: Record<string, string>;
  /** Working directory; an empty one by default, so that no `codexd.yaml` is picked up by chance. */
  cwd?: string;
}

export interface GatewayOptions extends RunOptions {
  /** YAML text, or a value written as JSON (which is YAML). Without one the gateway runs on the embedded sandbox. */
  config?: string | object;
  /** Add `--sandbox` although there is a `config`. */
  sandbox?: boolean;
  /** Data directory; give the same one again to see what a restart finds. */
  data?: string;
}

/** A server that listens. `await using` stops it; so does the end of the test process. */
export interface Server extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** The address as printed, with its base path: `http://127.0.0.1:PORT/codex` */
  base: string;
  port: number;
  pid: number;
  /** Where receipts and licences are; undefined for a sandbox. */
  data: string | undefined;
  /** The configuration file, to be changed before a SIGHUP; undefined when none was given. */
  configFile: string | undefined;
  stdout(): string;
  stderr(): string;
  /** Waits for a line of output (of either stream, from the start) that matches. */
  printed(pattern: RegExp, milliseconds?: number): Promise<RegExpMatchArray>;
  /** Asks to drain and end; gives the exit code. Fails, and kills, when it takes longer than `milliseconds`. */
  stop(signal?: NodeJS.Signals, milliseconds?: number): Promise<number>;
  signal(signal: NodeJS.Signals): void;
  kill9(): Promise<void>;
  /** The exit code, 128 + n after signal n. */
  exited: Promise<number>;
}

export async function startGateway(options: GatewayOptions = {}): Promise<Server> {
  const data = options.data ?? join(temporary(), "data");
  const args = ["serve", "--port", "0", "--data", data];
  let configFile: string | undefined;
  if (options.config !== undefined) {
    configFile = join(temporary(), "codexd.yaml");
    writeFileSync(configFile, typeof options.config === "string" ? options.config : JSON.stringify(options.config));
    args.push("--config", configFile);
  }
  if (options.sandbox ?? options.config === undefined) args.push("--sandbox");
  return await start([...args, ...(options.args ?? [])], options, { data, configFile });
}

export async function startSandbox(options: RunOptions = {}): Promise<Server> {
  return await start(["sandbox", "--port", "0", ...(options.args ?? [])], options, {});
}

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end: `await codexd(["keys", "create", "--json"], { data })`. */
export async function codexd(
  args: string[],
  options: RunOptions & { data?: string; stdin?: string; timeout?: number } = {},
): Promise<Outcome> {
  const all = [...args, ...(options.args ?? [])];
  const env = { ...(options.data !== undefined && { CODEXD_DATA: options.data }), ...options.env };
  const child = await spawn(all, { ...options, env }, options.stdin);
  const limit = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 20_000);
  const [code, stdout, stderr] = await Promise.all([child.exited, text(child.stdout), text(child.stderr)]);
  clearTimeout(limit);
  if (child.signalCode === "SIGKILL")
    throw new Error(`codexd ${all.join(" ")} did not end in time:\n${stdout}${stderr}`);
  return { code, stdout, stderr };
}

async function spawn(args: string[], options: RunOptions, stdin?: string) {
  const home = temporary();
  const child = Bun.spawn([await binaryPath(), ...args], {
    cwd: options.cwd ?? home,
    env: { PATH: process.env.PATH ?? "", HOME: home, ...options.env },
    stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
  children.add(child);
  void child.exited.finally(() => children.delete(child));
  return child;
}

async function start(
  args: string[],
  options: RunOptions,
  files: { data?: string; configFile?: string | undefined },
): Promise<Server> {
  const child = await spawn(args, options);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const output = () => `${stdout.text()}${stderr.text()}`;

  async function printed(pattern: RegExp, milliseconds = 10_000): Promise<RegExpMatchArray> {
    const deadline = Date.now() + milliseconds;
    for (;;) {
      const match = output().match(pattern);
      if (match) return match;
      const more = await Promise.race([stdout.more(), stderr.more(), ended(), Bun.sleep(deadline - Date.now())]);
      if (more === undefined) throw new Error(`codexd ${args.join(" ")} never printed ${pattern}:\n${output()}`);
    }
  }
  // The last line may still be in the pipe when the process is already gone.
  const ended = () => Promise.all([child.exited, stdout.closed, stderr.closed]).then(() => undefined);

  async function stop(signal: NodeJS.Signals = "SIGTERM", milliseconds = 15_000): Promise<number> {
    child.kill(signal);
    const code = await Promise.race([child.exited, Bun.sleep(milliseconds).then(() => undefined)]);
    if (code !== undefined) return code;
    child.kill("SIGKILL");
    throw new Error(`codexd did not end within ${milliseconds} ms of ${signal}:\n${output()}`);
  }

  const base = await printed(/listening on (http:\/\/\S+)/).then(
    (match) => new URL(match[1] ?? ""),
    (error) => {
      child.kill("SIGKILL");
      throw error;
    },
  );
  return {
    url: base.origin,
    base: base.href.replace(/\/$/, ""),
    port: Number(base.port),
    pid: child.pid,
    data: files.data,
    configFile: files.configFile,
    stdout: stdout.text,
    stderr: stderr.text,
    printed,
    stop,
    signal: (signal) => child.kill(signal),
    async kill9() {
      child.kill("SIGKILL");
      await child.exited;
    },
    exited: child.exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Reads a pipe as it fills; `more` resolves to true at the next piece. */
function collect(stream: ReadableStream<Uint8Array>) {
  let seen = "";
  let wake = Promise.withResolvers<true>();
  const decoder = new TextDecoder();
  const closed = (async () => {
    for await (const piece of stream) {
      seen += decoder.decode(piece, { stream: true });
      wake.resolve(true);
      wake = Promise.withResolvers<true>();
    }
  })();
  return { text: () => seen, more: () => wake.promise, closed };
}
