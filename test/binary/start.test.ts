// A start that cannot work says why in one line and exits with what scripts expect; one that can says where it really is.

import { expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaryPath, codexd, type Outcome, startGateway, startSandbox, temporary } from "../binary.ts";

/** One line that begins with the program's name, and nothing on stdout. */
function expectOneLine({ stdout, stderr }: Outcome, message: RegExp): void {
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^codexd: [^\n]+\n$/);
  expect(stderr).toMatch(message);
}

const KEYS = { CODEXD_KEYS: "a-key-of-the-container" };
const serve = (args: string[], env: Record<string, string> = KEYS) =>
  codexd(["serve", "--sandbox", ...args], { data: join(temporary(), "data"), env });

test("an address that cannot be listened on is named, with the reason", async () => {
  await using first = await startGateway();
  for (const [args, message] of [
    [["--port", String(first.port)], /cannot listen on 127\.0\.0\.1:\d+: the port is in use/],
    [["--port", "0", "--host", "203.0.113.1"], /cannot listen on 203\.0\.113\.1:0: .*address/],
    [["--port", "0", "--host", "300.1.1.1"], /cannot listen on 300\.1\.1\.1:0: /],
    [["--port", "0", "--host", "nosuchhost.invalid"], /cannot listen on nosuchhost\.invalid:0: /],
  ] as const) {
    const outcome = await serve([...args]);
    expect([args, outcome.code]).toEqual([args, 1]);
    expectOneLine(outcome, message);
  }
  const sandbox = await codexd(["sandbox", "--port", String(first.port)]);
  expect(sandbox.code).toBe(1);
  expectOneLine(sandbox, /port/);
  expect((await fetch(`${first.url}/healthz`)).status).toBe(200);
});

test("every way to write a loopback address is one, and the printed address answers", async () => {
  for (const host of ["127.0.0.1", "localhost", "::1", "[::1]"]) {
    await using gateway = await startGateway({ args: ["--host", host] });
    expect([host, (await fetch(`${gateway.base}/v1/models`)).status]).toEqual([host, 200]);
  }
  await using sandbox = await startSandbox({ args: ["--host", "::1"] });
  expect((await fetch(`${sandbox.url}/sandbox/stats`)).status).toBe(200);
});

test("a data directory that cannot be used is named", async () => {
  const folder = temporary();
  writeFileSync(join(folder, "file"), "");
  mkdirSync(join(folder, "broken"));
  writeFileSync(join(folder, "broken", "codexd.db"), "this is no database, whatever its name says".repeat(100));
  for (const [data, message] of [
    [join(folder, "file"), /cannot open the store .*file/],
    [join(folder, "file", "below"), /cannot open the store .*file/],
    [join(folder, "broken"), /broken\/codexd\.db/],
  ] as const) {
    const outcome = await codexd(["serve", "--sandbox", "--port", "0"], { data });
    expect([data, outcome.code]).toEqual([data, 1]);
    expectOneLine(outcome, message);
  }
});

test("a working directory that is gone is one line too", async () => {
  const cwd = temporary();
  const gone = join(cwd, "gone");
  mkdirSync(gone);
  const child = Bun.spawn(["sh", "-c", 'rmdir "$PWD"; exec "$0" serve --sandbox --port 0', await binaryPath()], {
    cwd: gone,
    env: { PATH: process.env.PATH ?? "", HOME: cwd },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect(code).toBe(1);
  expectOneLine({ code, stdout, stderr }, /directory/);
  rmSync(cwd, { recursive: true, force: true });
});

test("exit codes: 0 for what worked, 1 for what failed, 2 for wrong usage", async () => {
  const cwd = temporary();
  for (const [args, code] of [
    [["version"], 0],
    [["version", "--json"], 0],
    [["--help"], 0],
    [["serve", "--help"], 0],
    [["connect", "codex"], 0],
    [["config", "schema"], 0],
    [["config", "check", "--sandbox"], 0],
    [["models", "--sandbox", "--json"], 0],
    [["openapi"], 0],
    [["config", "check"], 1],
    [["serve", "--port", "0"], 1],
    [["serve", "--sandbox", "--config", "/no/such/file.yaml"], 1],
    [["serve", "--sandbox", "--config", "/tmp"], 1],
    [["keys", "show", "nobody"], 1],
    [["usage"], 1],
    [["openapi", "--out", "/no/such/folder/x.json"], 1],
    [[], 2],
    [["nonsense"], 2],
    [["serve", "more"], 2],
    [["serve", "--nonsense"], 2],
    [["serve", "--port"], 2],
    [["serve", "--port", "65536"], 2],
    [["serve", "--port", "-1"], 2],
    [["serve", "--sandbox", "--host="], 2],
    [["serve", "--sandbox", "--config="], 2],
    [["serve", "--sandbox", "--data="], 2],
    [["keys", "create", "--effort", "banana"], 2],
    [["keys", "create", "a b"], 2],
    [["keys", "revoke"], 2],
    [["usage", "--since", "banana"], 2],
    [["usage", "--by", "banana"], 2],
    [["connect"], 2],
    [["connect", "netscape"], 2],
    [["sandbox", "--wire", "banana"], 2],
  ] as const) {
    const outcome = await codexd([...args], { cwd });
    expect([args, outcome.code]).toEqual([args, code]);
    if (code === 0) expect([args, outcome.stderr]).toEqual([args, ""]);
    else if (args.length > 0) expectOneLine(outcome, /./);
    else expect(outcome.stderr).toContain("Usage");
  }
});

test("what prints a table prints JSON too", async () => {
  const data = temporary();
  await codexd(["keys", "create", "one"], { data });
  {
    await using gateway = await startGateway({ data, env: {} });
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
  }
  for (const args of [
    ["keys"],
    ["keys", "list"],
    ["keys", "show", "one"],
    ["keys", "revoke", "one"],
    ["keys", "create", "two"],
    ["usage"],
    ["version"],
  ]) {
    const { code, stdout } = await codexd([...args, "--json"], { data });
    expect([args, code, typeof JSON.parse(stdout)]).toEqual([args, 0, "object"]);
  }
});
