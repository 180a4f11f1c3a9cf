// Plants failures in front of `.ci/run`: whatever way a suite goes wrong, the gate's last line says so and it exits 1.
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporary } from "../binary.ts";

const root = resolve(import.meta.dir, "../..");
const bun = JSON.stringify(process.execPath);

/** Runs these lines as the body of the gate; what it says, and its exit code. */
async function run(...lines: string[]): Promise<{ output: string; code: number }> {
  const results = temporary();
  const script = [". .ci/run", `results=${results}`, ...lines, "finish"].join("\n");
  const child = Bun.spawn(["bash", "-c", script], { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  return { output: await new Response(child.stdout).text(), code: await child.exited };
}

/** The last line of the output and the exit code. */
async function gate(...lines: string[]) {
  const { output, code } = await run(...lines);
  return { last: output.trimEnd().split("\n").at(-1), code };
}

/** A suite of one file with a test that passes, and then this. */
function suite(source: string, limit = 20): string {
  const folder = join(temporary(), "planted");
  mkdirSync(folder);
  const head = 'import { afterAll, expect, test } from "bun:test"; test("fine", () => {});';
  writeFileSync(join(folder, "planted.test.ts"), `${head}\n${source}\n`);
  return `cd ${folder} && suite planted ${limit} ${bun} test ./planted.test.ts`;
}

const planted: [what: string, source: string, last: string][] = [
  ["a test that fails", 'test("x", () => expect(1).toBe(2));', "1 passed, 1 failed"],
  ["an import that throws", 'throw new Error("at import");', "0 passed, 1 failed"],
  ["a syntax error", "const = 5;", "0 passed, 1 failed"],
  ["an exit in the middle that calls itself a success", 'test("x", () => process.exit(0));', "0 passed, 1 failed"],
  ["a crash", 'test("x", () => void process.kill(process.pid, "SIGKILL"));', "0 passed, 1 failed"],
  ["an error after the last test", 'afterAll(() => { throw new Error("late"); });', "1 passed, 1 failed"],
];
for (const [what, source, last] of planted) {
  test.concurrent(what, async () => expect(await gate(suite(source))).toEqual({ last, code: 1 }));
}

test.concurrent("a test that fails in a suite beside another", async () => {
  const failing = suite('test("x", () => expect(1).toBe(2));').replace("suite planted", "beside suite planted");
  expect(await gate(failing, suite("").replace("suite planted", "suite other"), "join")).toEqual({
    last: "2 passed, 1 failed",
    code: 1,
  });
});

test.concurrent("two suites beside another, both of which fail, and a step that ends the run while they go on", async () => {
  const failing = suite('test("x", () => expect(1).toBe(2));');
  const beside = (name: string) => failing.replace("suite planted", `beside suite ${name}`);
  expect(await gate(beside("one"), beside("two"), suite(""), "join")).toEqual({ last: "3 passed, 2 failed", code: 1 });
  expect(await gate(beside("one"), "must broken 5 false")).toEqual({ last: "1 passed, 2 failed", code: 1 });
});

test.concurrent("what failed is named at the very end, whichever suite it was in and however it is called", async () => {
  const source = `describe("a store", () => test('of "one" & <two>', () => expect("it").toBe("that")));`;
  const failing = `import { describe } from "bun:test";\n${source}`;
  const { output } = await run(
    suite(failing).replace("suite planted", "beside suite one"),
    suite('test("x", () => new Promise(() => {}), 20);'),
    "join",
    "proof broken 5 false",
  );
  const [, end = ""] = output.split("\nfailed tests:\n");
  // In the order in which they came.
  expect(end.split("\n\n")[0]?.split("\n").sort()).toEqual([
    "  broken",
    `  one: planted.test.ts: of "one" & <two> (a store): expect(received).toBe(expected) Expected: "that" Received: "it" `,
    "  planted: planted.test.ts: x: test timed out",
  ]);
  expect((await run(suite(""))).output).not.toContain("failed tests:");
});

test.concurrent("a suite beside another that dies before it has counted", async () => {
  expect(await gate(suite(""), "beside exit 3", "join")).toEqual({ last: "1 passed, 1 failed", code: 1 });
  expect(await gate(suite(""), "beside exit 3")).toEqual({ last: "1 passed, 1 failed", code: 1 });
});

test.concurrent("a suite that never ends", async () => {
  const endless = 'test("x", () => new Promise(() => setInterval(() => {}, 1000)), 1e9);';
  expect(await gate(suite(endless, 2))).toEqual({ last: "0 passed, 1 failed", code: 1 });
});

test.concurrent("a suite that skips everything", async () => {
  const skipped = `cd ${temporary()} && echo 'import { test } from "bun:test"; test.skip("x", () => {});' > a.test.ts`;
  const run = `${skipped} && suite planted 20 ${bun} test ./a.test.ts`;
  expect(await gate(run)).toEqual({ last: "0 passed, 1 failed, 1 skipped", code: 1 });
});

test.concurrent("a run without any test, a step that fails, and no time left", async () => {
  expect(await gate()).toEqual({ last: "0 passed, 1 failed", code: 1 });
  expect(await gate("proof fine 5 true", "proof broken 5 false")).toEqual({ last: "1 passed, 1 failed", code: 1 });
  expect(await gate("proof fine 5 true", "must broken 5 false", "proof never 5 true")).toEqual({
    last: "1 passed, 1 failed",
    code: 1,
  });
  expect(await gate("on_binary gone 5 'test/gone/*.test.ts'")).toEqual({ last: "0 passed, 1 failed", code: 1 });
  expect(await gate("LIMIT=0", "proof late 5 true")).toEqual({ last: "0 passed, 1 failed", code: 1 });
});

test.concurrent("data that is not there", async () => {
  const absent = `CODEXD_TEST_DATA=${temporary()} must data 5 bash -c data_is_there`;
  expect(await gate(absent, "proof never 5 true")).toEqual({ last: "0 passed, 1 failed", code: 1 });
});

test.concurrent("while a good run is counted as it is", async () => {
  const more = 'test.skip("later", () => {}); test("two", () => {});';
  expect(await gate("proof fine 5 true", suite(more))).toEqual({ last: "3 passed, 0 failed, 1 skipped", code: 0 });
});

for (const [what, source] of [
  ["a crash", 'test("x", () => void process.kill(process.pid, "SIGKILL"));'],
  ["an exit in the middle that calls itself a success", 'test("x", () => process.exit(0));'],
  ["an error after the last test", 'afterAll(() => { throw new Error("late"); });'],
] as const) {
  test.concurrent(`${what}, in one of the processes of a suite`, async () => {
    const run = suite(source).replace(
      " ./planted.test.ts",
      " --parallel=2 --no-isolate ./planted.test.ts ./other.test.ts",
    );
    const other = `echo 'import { test } from "bun:test"; test("other", () => {});' > other.test.ts`;
    expect(await gate(run.replace(" && ", ` && ${other} && `))).toEqual({ last: "2 passed, 1 failed", code: 1 });
  });
}

test.concurrent("a program that the gate should have installed: elsewhere its tests skip, there they fail", async () => {
  for (const [file, program] of [
    ["test/redis.ts", "Redis"],
    ["test/account/chromium.ts", "Chromium"],
  ] as const) {
    const folder = temporary();
    const source = `import { test } from "bun:test"; import ${JSON.stringify(join(root, file))}; test("fine", () => {});`;
    writeFileSync(join(folder, "wants.test.ts"), source);
    for (const [CI, code] of [
      ["true", 1],
      ["", 0],
    ] as const) {
      const command = [process.execPath, "test", "./wants.test.ts"];
      const child = Bun.spawn(command, { cwd: folder, env: { CI, PATH: folder }, stdout: "ignore", stderr: "pipe" });
      expect(await new Response(child.stderr).text()).toContain(`no ${program} on this machine`);
      expect([program, CI, await child.exited]).toEqual([program, CI, code]);
    }
  }
});

test("the clients are there before the first suite, which would pass without the SDKs that it looks for", async () => {
  const lines = (await Bun.file(join(root, ".ci/run")).text()).split("\n");
  const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
  expect(at("must clients ")).toBeGreaterThan(0);
  expect(at("must clients ")).toBeLessThan(at("suite quick "));
});
