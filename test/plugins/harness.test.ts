// A harness that hides what a plugin does: options that are not checked, receipts and log lines that are not seen, examples that do not run.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Type } from "@sinclair/typebox";
import { definePlugin, Event, Failure } from "codexd/plugin";
import { pluginServer } from "codexd/plugin/test";
import { temporary } from "../binary.ts";

const root = resolve(import.meta.dir, "../..");
const DIALECTS = ["chat", "responses", "messages", "gemini"] as const;

const loud = definePlugin<{ word: string }>({
  name: "loud",
  apiVersion: 1,
  options: Type.Object({ word: Type.String({ minLength: 1, default: "hey" }) }, { additionalProperties: false }),
  setup: (host, { word }) => ({
    turn(exchange) {
      if (exchange.turn.instructions === "crash") throw new Error("crashed");
      if (exchange.turn.instructions === "refuse")
        throw new Failure("permission", { code: "not_today", message: "no" });
      exchange.answerHeaders.set("x-loud", word);
      host.log.info("heard", { id: exchange.id });
    },
    routes: [{ method: "GET", path: "/loud", handle: () => ({ word }) }],
  }),
});

test.each(DIALECTS.flatMap((dialect) => [true, false].map((stream) => [dialect, stream] as const)))(
  "%s, streamed %p: text, thoughts and calls are read, and the receipt is there",
  async (dialect, stream) => {
    await using server = await pluginServer(loud, { options: { word: "ho" } });
    const said = await server.ask(dialect, 'REASON a thought\nSAY so\nCALL read {"path":"a"}', { stream });
    expect(said).toMatchObject({ status: 200, text: "so", ending: "complete", faults: [] });
    expect(said.thoughts).toContain("a thought");
    expect(said.calls.map(({ name, input }) => [name, JSON.parse(input)])).toEqual([["read", { path: "a" }]]);
    expect(said.headers.get("x-loud")).toBe("ho");
    expect(said.receipt).toMatchObject({ dialect, stream, outcome: "ok", licence: "local" });
    expect(server.receipts).toHaveLength(1);
    expect(server.log).toContainEqual({
      level: "info",
      message: "heard",
      fields: { plugin: "loud", id: said.receipt?.id },
    });
    const broken = await server.ask(dialect, "LONG 20\nCUT 3", { stream });
    expect([broken.ending, broken.error?.code, broken.faults]).toEqual(["failed", "stream_error", []]);
  },
);

test("the options are checked as the configuration's are, and told apart from it", async () => {
  expect(pluginServer(loud, { options: { word: "", other: 1 } })).rejects.toThrow(
    /^options\.word: found .*\noptions\.other: |^options\.other: .*\noptions\.word: /,
  );
  await using server = await pluginServer(loud);
  expect((await server.ask("chat", "hi")).headers.get("x-loud")).toBe("hey");
});

test("a decision, and an error of the plugin under either policy", async () => {
  const body = (instructions: string) => ({ body: { instructions } });
  await using kind = await pluginServer(loud);
  expect(await kind.ask("responses", "hi", body("refuse"))).toMatchObject({
    status: 403,
    error: { code: "not_today" },
  });
  expect(await kind.ask("responses", "SAY on", body("crash"))).toMatchObject({ status: 200, text: "on" });
  expect(kind.log).toContainEqual(expect.objectContaining({ level: "error", message: "a plugin failed" }));
  await using strict = await pluginServer(loud, { onError: "fail" });
  const failed = await strict.ask("responses", "hi", body("crash"));
  expect(failed).toMatchObject({ status: 500, error: { code: "plugin_failed" }, receipt: { outcome: "refused" } });
});

test("a place in the chain, keys of the configuration, routes, and pages of the root", async () => {
  const chain = ["loud", "translate", "usage-log"];
  await using server = await pluginServer(loud, { chain, config: { server: { basePath: "/other" } } });
  expect(await (await server.fetch("/loud")).json()).toEqual({ word: "hey" });
  expect((await server.fetch("http://localhost/other/loud", { method: "PUT" })).status).toBe(405);
  const report = (await (await server.fetch("http://localhost/readyz")).json()) as { status: string };
  expect(report.status).toBe("ready");
  expect((await server.ask("chat", "SAY hi")).text).toBe("hi");
});

test("a stream that breaks the contract is told with its frame", async () => {
  const twice = definePlugin({
    name: "twice",
    apiVersion: 1,
    setup: () => ({
      events: { types: ["response.output_item.done"], handle: (event) => [event, Event.of({ ...event.data })] },
    }),
  });
  await using server = await pluginServer(twice as never);
  const { faults } = await server.ask("responses", "SAY hi", { stream: true });
  expect(faults).toEqual([
    expect.stringMatching(/^frame \d+ \(response\.output_item\.done\): output_index 0 is done and/),
  ]);
});

test("the tests in the guide and in the harness's own doc block pass", async () => {
  const folder = temporary();
  const texts = ["plugins/README.md", "src/kit/door.ts"].map((path) => readFileSync(join(root, path), "utf8"));
  const examples = texts
    .flatMap((text) => [...text.matchAll(/^( \* )?```ts\n([\s\S]*?)^(?: \* )?```/gm)])
    .map(([, margin, code = ""]) => (margin ? code.replace(/^ \* ?/gm, "") : code))
    .filter((code) => code.includes('from "bun:test"'));
  expect(examples).toHaveLength(2);
  for (const [index, code] of examples.entries()) writeFileSync(join(folder, `${index}.test.ts`), code);
  const preload = join(root, "src/kit/preload.ts");
  const child = Bun.spawn([process.execPath, "test", "--preload", preload], { cwd: folder, stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  expect([await child.exited, said.match(/^ \d+ pass$/m)?.[0]]).toEqual([0, " 3 pass"]);
}, 30_000);
