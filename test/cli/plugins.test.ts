// A chain that is shown other than it runs, a fault of a plugin that is not named with its place, a scaffold that does not run.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { startFromSource } from "../recordings/gateway.ts";
import { place } from "./fixture.ts";

const { run, write, cwd } = place();
const modules = resolve(import.meta.dir, "../../node_modules");

/** A plugin file that needs no types. */
function plugin(name: string, setup: string, rest = ""): string {
  const head = 'import { definePlugin, Event } from "codexd/plugin";\n';
  write(
    `${name}.ts`,
    `${head}export default definePlugin<any>({ name: "${name}", apiVersion: 1, ${rest}setup: (host: any) => (${setup}) });\n`,
  );
  return `${name}.ts`;
}

describe("list", () => {
  test("shows the default chain where nothing is configured, in order", async () => {
    const { code, stdout, stderr } = await run(["plugins"]);
    expect([code, stderr]).toEqual([0, ""]);
    const [title, ...rows] = stdout.trimEnd().split("\n");
    expect(title).toMatch(/^# +plugin +source +hooks +on error +limit +thread +state$/);
    expect(rows.map((row) => row.split(/ +/).slice(0, 4).join(" "))).toEqual([
      "1 auth built in",
      "2 model-effort built in",
      "3 translate built in",
      "4 usage-log built in",
      "5 compact built in",
    ]);
    expect(rows[2]).toContain("chat");
  });

  test("shows where a plugin moved to, its file and what the configuration says of it", async () => {
    const file = plugin(
      "first",
      "{ turn() {}, events: { types: ['response.completed'], handle() {} } }",
      "before: ['auth'], ",
    );
    const entry = `- ./${file}: ~\n  onError: fail\n  timeout: 2s\n`;
    write("chain.yaml", `plugins:\n- auth\n- model-effort\n- translate\n- usage-log\n- compact\n${entry}`);
    const { plugins } = JSON.parse((await run(["plugins", "list", "--config", "chain.yaml", "--json"])).stdout);
    expect(plugins[0]).toMatchObject({ name: "first", file: join(cwd, file), onError: "fail", timeoutMs: 2000 });
    expect(plugins[0].hooks.map(({ name }: { name: string }) => name)).toEqual(["turn", "events"]);
    const { stdout } = await run(["plugins", "list", "--config", "chain.yaml"]);
    expect(stdout).toMatch(/1 +first +\S+first\.ts +turn events\(1\) +fail +2s +- +on/);
  });

  test("asks a running server, with an admin's key, for the time spent in each hook", async () => {
    const keys = [
      { id: "ops", key: "an-admins-licence", admin: true },
      { id: "me", key: "a-plain-licence" },
    ];
    const upstreams = { none: { kind: "compatible", baseUrl: "http://127.0.0.1:9/v1", models: ["m"] } };
    const chain = [{ auth: { keys } }, "model-effort", "translate", "usage-log", "compact"];
    await using gateway = await startFromSource({ plugins: chain, upstreams });
    await gateway.post("/v1/responses", { model: "m", input: "hi" }, { authorization: "Bearer a-plain-licence" });
    const { stdout } = await run(["plugins", "list", "--url", gateway.base, "--key", "an-admins-licence"]);
    expect(stdout).toMatch(/time per call\n/);
    expect(stdout).toMatch(/1 +auth .* authenticate [0-9.]+us\n/);
    const inEnvironment = await run(["plugins", "list", "--url", gateway.base, "--json"], {
      CODEXD_KEY: "an-admins-licence",
    });
    const { plugins } = JSON.parse(inEnvironment.stdout);
    expect(plugins[0].hooks[0].name).toBe("authenticate");
    expect(plugins[0].hooks[0].calls).toBeGreaterThan(0);
    const refused = await run(["plugins", "list", "--url", gateway.base, "--key", "a-plain-licence"]);
    expect(refused).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^codexd: http\S+: 403: [^\n]+\n$/),
    });
  }, 30_000);
});

describe("check", () => {
  test.each([
    ["export default 5 +;\nconst = 3;\n", /^codexd: \S+syntax\.ts:1:\d+: syntax error: .+$/m],
    ["export const x = 1;\n", /^codexd: \S+syntax\.ts: exports x, none of which is a plugin; legal is/],
    ['throw new Error("no luck");\n', /syntax\.ts: threw while it was loaded: Error: no luck \(syntax\.ts:1:\d+\)/],
    ['import "left-pad-of-nobody";\nexport default {};\n', /cannot find the package left-pad-of-nobody/],
  ])("%j is refused with its place", async (text, message) => {
    write("syntax.ts", text);
    const { code, stdout, stderr } = await run(["plugins", "check", "syntax.ts"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
  });

  test("names every file of a folder that does not parse", async () => {
    mkdirSync(join(cwd, "folder/parts"), { recursive: true });
    write("folder/index.ts", 'import "./parts/a.ts";\nlet 5;\n');
    write("folder/parts/a.ts", "\n\nfunction (\n");
    const { stderr } = await run(["plugins", "check", "folder"]);
    expect(stderr).toMatch(/folder\/index\.ts:2:\d+: syntax error/);
    expect(stderr).toMatch(/folder\/parts\/a\.ts:3:\d+: syntax error/);
  });

  test("finds options that the schema refuses, a setup that throws, and a hook that nobody calls", async () => {
    const head = 'import { Type } from "@sinclair/typebox";\nimport { definePlugin } from "codexd/plugin";\n';
    const rest =
      "apiVersion: 1, options: Type.Object({ most: Type.Integer({ minimum: 1 }) }), setup: () => ({ turn() {} }) });\n";
    write("asks.ts", `${head}export default definePlugin<{ most: number }>({ name: "asks", ${rest}`);
    expect((await run(["plugins", "check", "asks.ts"])).stderr).toMatch(
      /options\.most: missing; legal is a whole number from 1/,
    );
    expect((await run(["plugins", "check", "asks.ts", "--options", "{ most: 0 }"])).stderr).toMatch(
      /options\.most: found 0; legal is/,
    );
    expect(await run(["plugins", "check", "asks.ts", "--options", "{ most: 5 }"])).toMatchObject({ code: 0 });
    plugin("throws", "(() => { throw new Error('not today'); })()");
    expect(await run(["plugins", "check", "throws.ts"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("not today"),
    });
    plugin("typo", "{ turns() {} }");
    expect((await run(["plugins", "check", "typo.ts"])).stderr).toMatch(
      /its hook turns is none that is ever called; legal: start, auth/,
    );
  }, 20_000);

  test("checks types where a TypeScript is installed, and says when not", async () => {
    plugin("typed", "{ turn(exchange: any) { const n: number = exchange.id as string; } }");
    const without = await run(["plugins", "check", "typed.ts"]);
    expect(without).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/types were not checked: no TypeScript is installed/),
    });
    const own = place();
    symlinkSync(modules, join(own.cwd, "node_modules"));
    own.write(
      "typed.ts",
      'const n: number = "text";\nexport default { name: "typed", apiVersion: 1, setup: () => ({}) };\nconsole.error(n);\n',
    );
    const { code, stderr } = await own.run(["plugins", "check", "typed.ts"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/typed\.ts:1:7: TS2322: /)]);
  }, 20_000);
});

describe("test", () => {
  test("a plugin that keeps the contract passes, with the time of its hooks and of an event", async () => {
    plugin("good", "{ turn() {}, events: { types: ['response.output_text.delta'], handle() {} } }");
    const { code, stdout, stderr } = await run(["plugins", "test", "good.ts"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/hooks: turn \d+ calls, [0-9.]+ us each; events \d+ calls/);
    expect(stdout).toMatch(/time of an event: [0-9.]+ us without the plugin, [0-9.]+ us with it/);
    expect(stdout).toMatch(/good: \d+ exchanges, the contract holds/);
  }, 60_000);

  test.each([
    [
      "changes deltas and not what ends them",
      "{ events: { types: ['response.output_text.delta'], handle: (event: any) => Event.of({ ...event.data, delta: 'x' }) } }",
      "the deltas of output 0 make",
    ],
    [
      "begins an item twice",
      "{ events: { types: ['response.output_item.added'], handle: (event: any) => [event, event] } }",
      "is begun a second time",
    ],
    ["throws", "{ turn() { throw new Error('boom'); } }", "the turn hook: Error: boom"],
    ["answers nonsense", "{ turn: () => 5 }", "the turn hook: TypeError: it returned a number"],
    [
      "spins longer than its limit",
      "{ turn() { for (const end = Date.now() + 300; Date.now() < end; ); } }",
      "the turn hook: it held up the whole server for longer than its limit of 50 ms",
    ],
    [
      "takes longer than its limit",
      "{ turn: () => new Promise(() => {}) }",
      "the turn hook: TimeOver: it took longer than 0.05 s",
    ],
  ])(
    "one that %s is named with the place, and the exit code is 1",
    async (_what, setup, message) => {
      plugin("bad", setup, "timeout: 50, ");
      const { code, stdout } = await run(["plugins", "test", "bad.ts", "--json"]);
      const { breaches } = JSON.parse(stdout) as { breaches: { what: string }[] };
      expect([code, breaches.some(({ what }) => what.includes(message))]).toEqual([1, true]);
    },
    60_000,
  );

  test("recorded streams are played too; a recording's own faults are nobody's", async () => {
    mkdirSync(join(cwd, "recorded/deep"), { recursive: true });
    const event = (data: object & { type: string }) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
    const item = {
      id: "msg_1",
      type: "message",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: "recorded", annotations: [] }],
    };
    const stream = [
      event({
        type: "response.created",
        sequence_number: 9,
        response: { id: "resp_1", status: "in_progress", output: [] },
      } as never),
      event({
        type: "response.output_item.added",
        sequence_number: 1,
        output_index: 0,
        item: { ...item, content: [] },
      } as never),
      event({ type: "response.output_item.done", sequence_number: 2, output_index: 0, item } as never),
      event({
        type: "response.completed",
        sequence_number: 3,
        response: { id: "resp_1", status: "completed", output: [item] },
      } as never),
    ];
    writeFileSync(join(cwd, "recorded/deep/one.sse"), stream.join(""));
    plugin("plain", "{ turn() {} }");
    const plain = await run(["plugins", "test", "plain.ts", "--recordings", "recorded", "--json"]);
    expect(JSON.parse(plain.stdout)).toMatchObject({ breaches: [], exchanges: 16 * 8 + 4 + 8 });
    expect((await run(["plugins", "test", "plain.ts", "--recordings", "nowhere"])).stderr).toMatch(
      /nowhere: there is no such folder/,
    );
  }, 60_000);
});

describe("new", () => {
  test("what is written loads, type-checks, keeps the contract, and its own test passes", async () => {
    const made = await run(["plugins", "new", "greeter"]);
    expect([made.code, made.stderr]).toEqual([0, ""]);
    const folder = join(cwd, "greeter");
    for (const file of ["index.ts", "index.test.ts", "package.json", "tsconfig.json", "codexd.yaml"])
      expect([file, existsSync(join(folder, file))]).toEqual([file, true]);
    symlinkSync(modules, join(folder, "node_modules"));
    const checked = await run(["plugins", "check", "greeter", "--json"]);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      ok: true,
      types: "checked",
      problems: [],
      plugin: { name: "greeter" },
    });
    const tested = await run(["plugins", "test", "greeter", "--json"]);
    expect(JSON.parse(tested.stdout)).toMatchObject({ breaches: [], tests: "passed" });
    expect(await run(["plugins", "new", "greeter"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is something already"),
    });
  }, 90_000);

  test("a test of its own that fails is exit code 1", async () => {
    mkdirSync(join(cwd, "failing"));
    write("failing/index.ts", 'export default { name: "failing", apiVersion: 1, setup: () => ({ turn() {} }) };\n');
    write(
      "failing/a.test.ts",
      'import { expect, test } from "bun:test";\nimport { pluginServer } from "codexd/plugin/test";\ntest("no", () => expect(typeof pluginServer).toBe("text"));\n',
    );
    const { code, stdout } = await run(["plugins", "test", "failing", "--json"]);
    expect([code, JSON.parse(stdout).tests]).toEqual([1, "failed"]);
  }, 60_000);
});
