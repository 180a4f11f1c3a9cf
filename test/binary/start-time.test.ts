// Starting fast is a promise: from spawn to the first 200, against the smallest server that the same runtime can be compiled to.

import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { binaryPath, temporary } from "../binary.ts";

/** At least, and at most where the machine is busy with other things: a long start meets them more often than a short one. */
const ROUNDS = [9, 40] as const;
const cache = resolve(import.meta.dir, "../../.cache");

/** A whole server in one line, compiled with the same flags; with the re-exec that lifts the cap on requests, as ours does. */
async function smallest(folder: string): Promise<string> {
  const source = join(folder, "smallest.ts");
  writeFileSync(
    source,
    `if (!process.env.BUN_CONFIG_MAX_HTTP_REQUESTS) process.execve(process.execPath, process.argv, { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "65535" });
Bun.serve({ port: Number(process.env.SMALLEST_PORT), hostname: "127.0.0.1", fetch: () => new Response("ok") });\n`,
  );
  const outfile = join(folder, "smallest");
  await Bun.build({
    entrypoints: [source],
    format: "esm",
    bytecode: true,
    minify: true,
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  });
  return outfile;
}

/** Milliseconds from spawn to the first 200. */
async function ready(command: string[], port: number, env: Record<string, string> = {}): Promise<number> {
  const began = performance.now();
  const child = Bun.spawn(command, {
    env: { PATH: process.env.PATH ?? "", HOME: temporary(), ...env },
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    while (!(await answers(port))) {
      if (performance.now() - began > 30_000) throw new Error(`${command.join(" ")} never answered`);
      await Bun.sleep(1);
    }
    return performance.now() - began;
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    );
    socket.once("data", (data) => {
      done(data.toString().includes(" 200 "));
      socket.destroy();
    });
    socket.once("error", () => done(false));
  });
}

function versionTime(): number {
  const began = performance.now();
  Bun.spawnSync([process.execPath, "--version"], { stdout: "ignore" });
  return performance.now() - began;
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  server.stop(true);
  return port as number;
}

test("a start with configuration and store takes at most 4 times the smallest server's", async () => {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "start-"));
  try {
    const [bare, codexd] = [await smallest(folder), await binaryPath()];
    const times = { codexd: [] as number[], smallest: [] as number[], version: [] as number[] };
    const data = join(temporary(), "data");
    // The first start makes the store, which no later one does again.
    const first = freePort();
    await ready([codexd, "serve", "--sandbox", "--port", String(first), "--data", data], first);
    const [least, most] = ROUNDS;
    const ratio = () => Math.min(...times.codexd) / Math.min(...times.smallest);
    for (let round = 0; round < least || (round < most && ratio() >= 4); round++) {
      const [one, other] = [freePort(), freePort()];
      times.codexd.push(await ready([codexd, "serve", "--sandbox", "--port", String(one), "--data", data], one));
      times.smallest.push(await ready([bare], other, { SMALLEST_PORT: String(other) }));
      times.version.push(versionTime());
    }
    const [ours, floor, version] = [Math.min(...times.codexd), Math.min(...times.smallest), Math.min(...times.version)];
    const ms = (value: number) => `${value.toFixed(1)} ms`;
    console.log(
      `spawn to first 200: codexd ${ms(ours)}, smallest compiled server ${ms(floor)} (${(ours / floor).toFixed(1)} x), bun --version ${ms(version)} (${(ours / version).toFixed(1)} x)`,
    );
    expect(ratio()).toBeLessThan(4);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
