// A guide that only works for those who wrote it: its commands are run to the letter, in an empty folder, with the binary and nothing else.

import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { binaryPath, temporary } from "../binary.ts";

const guide = readFileSync(resolve(import.meta.dir, "../../plugins/README.md"), "utf8");
const commands = [...guide.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text = ""]) => text);

/** A port that is free now, in place of the guide's. */
function freePort(): number {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(null) });
  const { port } = server;
  void server.stop(true);
  return port as number;
}

test("the five minutes of the guide, literally", async () => {
  expect(commands.length).toBeGreaterThanOrEqual(6);
  const folder = temporary();
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(await binaryPath(), join(bin, "codexd"));
  const home = join(folder, "empty");
  mkdirSync(home);
  const port = String(freePort());
  // Job control as in a terminal, which `kill %1` needs; the first command that fails ends it. No way to any network but this machine.
  const script = ["set -em", "trap 'kill %1 2>/dev/null || true' EXIT", ...commands]
    .join("\n")
    .replaceAll("8787", port);
  const nowhere = "http://127.0.0.1:9";
  const child = Bun.spawn(["timeout", "100", "bash", "-c", script], {
    cwd: home,
    env: { PATH: `${bin}:/usr/bin:/bin`, HOME: home, npm_config_registry: nowhere, HTTPS_PROXY: nowhere },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect([code, code === 0 ? "" : `${stdout}\n${stderr}`]).toEqual([0, ""]);
  expect(stdout).toContain("index.ts: ok: hello (turn, settled)");
  expect(stdout).toMatch(/hello: \d+ exchanges, the contract holds/);
  expect(stdout).toContain("x-hello: hello");
  expect(stdout).toContain('"content":"it works"');
  expect(stdout).toContain("x-hello: good morning");
  expect(stdout).toMatch(/6 +hello +\S+index\.ts +turn settled/);
  // Once for `plugins test`, once for the Bun in the binary.
  expect(stderr.match(/^ 9 pass$/gm)).toHaveLength(2);
}, 120_000);
