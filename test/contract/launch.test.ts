// Holds the launcher to its promise: the right Bun, and nothing of a process lost on the way through Node.
import { expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import manifest from "../../package.json";
import { temporary } from "../binary.ts";

const root = resolve(import.meta.dir, "../..");
const launcher = join(root, "src", "launch.mjs");
const node = Bun.which("node");

interface Launch {
  args: string[];
  env?: Record<string, string>;
  stdin?: string;
  script?: string;
}

function launch({ args, env, stdin, script = launcher }: Launch) {
  return Bun.spawn([node ?? process.execPath, script, ...args], {
    env: { PATH: process.env.PATH ?? "", HOME: temporary(), ...env },
    stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function ended(options: Launch) {
  const child = launch(options);
  const [code, stdout, stderr] = await Promise.all([child.exited, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

const text = (stream: ReadableStream): Promise<string> => new Response(stream).text();

/** Starts a program and waits for its first line. */
async function running(program: string, env?: Record<string, string>) {
  const child = launch({ args: ["-e", `console.log('up'); ${program}`], ...(env && { env }) });
  const output = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  await output.next();
  return { child, output };
}

/** A stand-in for a `bun` that must be passed over. */
function fake(script: string): string {
  const folder = temporary();
  writeFileSync(join(folder, "bun"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "bun"), 0o755);
  return folder;
}

test("arguments, standard input and the exit code go through", async () => {
  const program = "console.log(process.argv.slice(1).join('|'), await Bun.stdin.text()); process.exit(7)";
  const { code, stdout } = await ended({ args: ["-e", program, "--", "a b", "c"], stdin: "typed" });
  expect(stdout).toBe("a b|c typed\n");
  expect(code).toBe(7);
});

test("a death by signal is told as the shell tells it", async () => {
  expect((await ended({ args: ["-e", "process.kill(process.pid, 'SIGKILL')"] })).code).toBe(137);
});

test("SIGTERM reaches the server, which decides when to end", async () => {
  const { child, output } = await running(
    "process.on('SIGTERM', () => { console.log('draining'); process.exit(4) }); setInterval(() => {}, 1000)",
  );
  child.kill("SIGTERM");
  expect((await output.next()).value).toBe("draining\n");
  expect(await child.exited).toBe(4);
});

test("a launcher that is killed outright leaves no server behind", async () => {
  const { child, output } = await running("setInterval(() => {}, 1000)");
  child.kill("SIGKILL");
  await closed(output);
});

test("the end of `npm start` is the end of the server, though npm's shell passes no signal on", async () => {
  const program = "process.on('SIGTERM', () => process.exit(0)); console.log('up'); setInterval(() => {}, 1000)";
  const shell = Bun.spawn(["sh", "-c", `"$0" "$1" -e "$2"; true`, node ?? process.execPath, launcher, program], {
    env: { PATH: process.env.PATH ?? "", npm_lifecycle_event: "start" },
    stdin: "ignore",
    stdout: "pipe",
  });
  const output = shell.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  await output.next();
  shell.kill("SIGTERM");
  await closed(output);
});

/** Every process that holds the other end of the pipe has ended. */
async function closed(output: AsyncIterator<string>): Promise<void> {
  while (!(await output.next()).done);
}

test.skipIf(!node)(
  "a Bun that is too old, or npm's placeholder for one, is passed over (where there is Node)",
  async () => {
    const PATH = [
      fake("echo 1.3.9"),
      fake("echo 'postinstall was not run' >&2; exit 1"),
      dirname(process.execPath),
    ].join(":");
    const { code, stdout } = await ended({ args: ["--version"], env: { PATH } });
    expect({ code, version: stdout.trim() }).toEqual({ code: 0, version: Bun.version });
  },
);

test.skipIf(!node)(
  "without any Bun it says what it needs, what it found and what to do (where there is Node)",
  async () => {
    const tree = temporary();
    mkdirSync(join(tree, "src"));
    copyFileSync(launcher, join(tree, "src", "launch.mjs"));
    copyFileSync(join(root, "package.json"), join(tree, "package.json"));
    const old = fake("echo 1.3.9");
    const { code, stderr } = await ended({
      args: ["--version"],
      env: { PATH: old },
      script: join(tree, "src", "launch.mjs"),
    });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `codexd needs Bun ${manifest.dependencies.bun} or newer. Found only ${join(old, "bun")} (1.3.9). Run \`npm ci\` here, which brings it.\n`,
    );
  },
);
