// Proves the first lines of the README on a fresh clone: with Node and npm alone, without install scripts, with Bun alone.
//
// `npm ci && npm test` is not repeated here: it is how `.ci/run` itself begins, in a fresh clone.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporary } from "../binary.ts";

const root = resolve(import.meta.dir, "../..");
const place = temporary();
const clone = join(place, "codexd");

beforeAll(() => {
  const git = Bun.spawnSync(["git", "clone", "--quiet", "--no-hardlinks", root, clone], { stderr: "pipe" });
  if (git.exitCode !== 0) throw new Error(`cannot clone ${root}: ${git.stderr}`);
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** A PATH that holds these commands and no others. */
function only(...commands: string[]): string {
  const folder = join(place, commands.join("-"));
  mkdirSync(folder, { recursive: true });
  for (const command of commands) {
    const path = command === "bun" ? process.execPath : Bun.which(command);
    if (!path) throw new Error(`this test needs ${command}`);
    if (!existsSync(join(folder, command))) symlinkSync(realpathSync(path), join(folder, command));
  }
  return folder;
}

/** Runs an install command to its end; the package cache and its settings are the user's, to spare the network. */
async function install(command: string[], PATH: string, env: Record<string, string> = {}): Promise<void> {
  rmSync(join(clone, "node_modules"), { recursive: true, force: true });
  const child = Bun.spawn(command, {
    cwd: clone,
    env: { HOME: process.env.HOME ?? place, PATH, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, out, err] = await Promise.all([child.exited, read(child.stdout), read(child.stderr)]);
  if (code !== 0) throw new Error(`${command.join(" ")} failed (${code}):\n${out}${err}`);
}

const read = (stream: ReadableStream): Promise<string> => new Response(stream).text();

/** Starts the server as a person would, pastes what it prints, and ends it; gives the answers to the curl lines. */
async function start(command: string[], PATH: string, env: Record<string, string> = {}): Promise<string[]> {
  const home = temporary();
  const child = Bun.spawn(command, {
    cwd: clone,
    env: { HOME: home, PATH, CODEXD_PORT: "0", CODEXD_DATA: join(home, "data"), ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  let printed = "";
  const decoder = new TextDecoder();
  for await (const piece of child.stdout) {
    printed += decoder.decode(piece, { stream: true });
    if (/listening on http/.test(printed) && curls(printed).length > 0 && printed.endsWith("\n")) break;
  }
  const address = /listening on (http:\/\/[^/\s]+)/.exec(printed)?.[1];
  try {
    if (!address) throw new Error(`${command.join(" ")} ended before it listened:\n${printed}`);
    return await Promise.all(curls(printed).map(paste));
  } finally {
    child.kill("SIGTERM");
    await child.exited;
    await gone(`${address}/healthz`);
  }
}

/** npm and bun leave at once; the server may take a moment to drain, but not stay behind on its port. */
async function gone(address: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (await fetch(address).catch(() => undefined)) {
    if (Date.now() > deadline) throw new Error(`${address} still answers ten seconds after its end`);
    await Bun.sleep(20);
  }
}

/** The curl commands in a text, with the lines that a backslash continues. */
function curls(text: string): string[] {
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => /^\s*(\$ )?curl /.test(line))
    .map((line) => line.replace(/^\s*(\$ )?/, ""));
}

async function paste(line: string): Promise<string> {
  const child = Bun.spawn(["sh", "-c", line], { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 20_000 });
  const [code, out, err] = await Promise.all([child.exited, read(child.stdout), read(child.stderr)]);
  if (code !== 0) throw new Error(`${line}\nfailed (${code}):\n${out}${err}`);
  return out;
}

function expectAnswers(answers: string[]): void {
  expect(answers.length).toBeGreaterThan(0);
  for (const answer of answers) {
    expect(answer.trim()).not.toBe("");
    expect(answer).not.toMatch(/"error":\s*\{/);
  }
}

describe("a fresh clone starts, and the curl lines that it prints answer,", () => {
  test("with Node and npm alone", async () => {
    const PATH = only("node", "npm", "sh", "env");
    await install(["npm", "ci"], PATH);
    expectAnswers(await start(["npm", "start"], PATH));
  }, 180_000);

  test("in production and where npm may not run install scripts", async () => {
    const PATH = only("node", "npm", "sh", "env");
    await install(["npm", "ci", "--ignore-scripts"], PATH, { NODE_ENV: "production" });
    expect(existsSync(join(clone, "node_modules", "knip"))).toBe(false);
    expectAnswers(await start(["npm", "start"], PATH, { NODE_ENV: "production" }));
  }, 180_000);

  test("with Bun alone, which writes no second lockfile", async () => {
    const PATH = only("bun", "sh", "env");
    await install(["bun", "install"], PATH);
    expectAnswers(await start(["bun", "start"], PATH));
    const status = Bun.spawnSync(["git", "status", "--porcelain", "--ignored"], { cwd: clone }).stdout.toString();
    expect(status).not.toMatch(/lock/);
  }, 180_000);
});
