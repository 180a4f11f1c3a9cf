// A plugin in a thread of its own: the same hooks, and whatever it does to its thread, the server's own goes on.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Chain } from "../../src/server/chain.ts";
import { inThreads } from "../../src/server/plugins/thread/thread.ts";
import { temporary } from "../binary.ts";
import { exchangeOf } from "../upstream/setting.ts";
import { codeOf, plugin, sharedHost } from "./chain.ts";

/** A chain of one plugin with this source, in a thread. */
async function threaded(setup: string, rest: Parameters<typeof plugin>[2] = {}) {
  const file = join(temporary(), "there.ts");
  writeFileSync(
    file,
    `import { definePlugin, Event, Failure, valueKey } from "codexd/plugin";
     import { Type } from "@sinclair/typebox";
     const spin = (ms: number) => { const end = performance.now() + ms; while (performance.now() < end); };
     const key = valueKey<string>("k");
     export default definePlugin<any>({ name: "there", apiVersion: 1, options: Type.Object({ limit: Type.Optional(Type.Number()) }), setup(host, options) { ${setup} } });`,
  );
  const { shared, lines, told } = sharedHost();
  const entries = await inThreads([plugin("there", {}, { file, worker: true, timeout: 300, ...rest })], shared);
  const chain = new Chain(entries, shared);
  return {
    chain,
    lines,
    told: (message?: string) => told("there", message),
    async [Symbol.asyncDispose]() {
      await chain.dispose();
    },
  };
}

const credentials = { keys: ["k"], headers: new Headers({ "x-team": "red" }), peer: "127.0.0.1", loopback: true };

test("hooks see the exchange and change it across the border, values and headers included", async () => {
  await using it = await threaded(
    `return {
    authenticate: ({ headers, keys }) => keys[0] === "k" ? { id: headers.get("x-team") ?? "none" } : undefined,
    turn(exchange) {
      exchange.turn.instructions = host.plugin + " " + exchange.headers.get("x-client");
      exchange.effort = "high";
      exchange.dropped.add("seed");
      exchange.answerHeaders.set("x-there", String(options?.limit));
      exchange.values.set(key, "kept");
    },
    upstream(exchange) {
      exchange.turn.user = exchange.values.get(key);
    },
    answer: (response) => { response.seen = true; },
    settled: (receipt) => host.log.info("settled", { receipt: receipt.id }),
  };`,
    { options: { limit: 3 } },
  );
  expect(await it.chain.authenticate(credentials)).toEqual({ id: "red" });
  const exchange = exchangeOf({ input: [] }, { headers: new Headers({ "x-client": "c" }) });
  await it.chain.turn(exchange);
  await it.chain.upstream(exchange);
  expect(exchange.turn).toEqual({ model: "gpt-5.5", input: [], instructions: "there c", user: "kept" });
  expect([exchange.effort, [...exchange.dropped], [...exchange.answerHeaders]]).toEqual([
    "high",
    ["seed"],
    [["x-there", "3"]],
  ]);
  expect(await it.chain.answer({ output: [] }, exchange)).toEqual({ output: [], seen: true });
  it.chain.settled({ id: "req_1" } as never, exchange);
  while (it.told("settled").length === 0) await Bun.sleep(2);
  expect(it.told("settled")).toEqual([{ plugin: "there", receipt: "req_1" }]);
});

test("replies, failures and questions to the server cross the border", async () => {
  await using it = await threaded(`return {
    async turn(exchange) {
      const { text } = exchange.turn.input[0];
      if (text === "refuse") throw new Failure("permission", { code: "not_here", message: "no", retryAfter: 3 });
      if (text === "text") return { text: "hi" };
      if (text === "events") return { events: [Event.of({ type: "response.completed", response: { output: [] } })] };
      if (text === "store") { await host.store.set("a", { n: 1 }); return { text: JSON.stringify([await host.store.get("a"), await host.store.list()]) }; }
      if (text === "run") return { response: await exchange.run({ ...exchange.turn, model: "inner" }) };
    },
  };`);
  const run = async (turn: { model: string }) => ({ output: [], model: turn.model });
  const ask = (text: string) => it.chain.turn(exchangeOf({ input: [{ text } as never] }, { run } as never));
  expect(await codeOf(() => ask("refuse"))).toBe("not_here");
  expect((await ask("text"))?.reply).toEqual({ text: "hi" });
  expect((await ask("events"))?.reply).toMatchObject({ events: [{ type: "response.completed" }] });
  expect((await ask("run"))?.reply).toEqual({ response: { output: [], model: "inner" } });
  expect(await ask("nothing")).toBeUndefined();
  expect((await ask("store"))?.reply).toEqual({ text: '[{"n":1},["a"]]' });
});

test("a spin ends its thread at the limit, stalls nobody, and the next exchange has a new one", async () => {
  await using it = await threaded(
    `return {
    turn(exchange) { if (exchange.turn.model === "spin") spin(60_000); exchange.turn.user = "seen"; },
  };`,
    { timeout: 800 },
  );
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  const spinning = exchangeOf({ model: "spin", input: [] });
  const behind = exchangeOf({ model: "behind", input: [] });
  // The one behind it has done nothing wrong: it is served by the next thread.
  await Promise.all([it.chain.turn(spinning), it.chain.turn(behind)]);
  clearInterval(beat);
  expect(longest).toBeLessThan(600);
  expect([spinning.turn.user, behind.turn.user]).toEqual([undefined, "seen"] as never);
  expect(it.told("a plugin's thread was ended")).toMatchObject([{ times: 1, reason: expect.stringContaining("turn") }]);
  expect(it.told()).toMatchObject([{ hook: "turn", id: "req_1", error: expect.stringContaining("0.8 s") }]);
});

test("after three ends of its thread it is off", async () => {
  await using it = await threaded(`return { turn() { spin(60_000); } };`, { timeout: 50, onError: "fail" });
  const codes: unknown[] = [];
  for (let times = 0; times < 5; times++) codes.push(await codeOf(() => it.chain.turn(exchangeOf({ input: [] }))));
  expect(codes).toEqual(["plugin_failed", "plugin_failed", "plugin_failed", "plugin_off", "plugin_off"]);
  expect(it.told("a plugin was switched off")).toMatchObject([{ reason: expect.stringContaining("thread") }]);
});

test("a thread that ends itself, or throws where nobody catches, takes nothing along", async () => {
  await using it = await threaded(
    `return {
    async turn(exchange) {
      if (exchange.turn.model === "exit") process.exit(3);
      if (exchange.turn.model === "late") setTimeout(() => { throw new Error("much later"); }, 1);
      if (exchange.turn.model === "reject") void Promise.reject(new Error("rejected later"));
      exchange.turn.user = "seen";
    },
  };`,
    { timeout: 2000 },
  );
  for (const model of ["late", "reject", "exit", "fine"]) {
    const exchange = exchangeOf({ model, input: [] });
    await it.chain.turn(exchange);
    await Bun.sleep(20);
    expect([model, exchange.turn.user]).toEqual([model, model === "exit" ? undefined : "seen"] as never);
  }
  const late = JSON.stringify(it.told("a plugin's error came when nobody waited for it"));
  expect(late).toContain("much later");
  expect(late).toContain("rejected later");
});

test("what cannot work in a thread is refused by name, and so are options that do not fit", async () => {
  const refusal = (setup: string, rest?: Parameters<typeof plugin>[2]) =>
    threaded(setup, rest).then(
      () => "started",
      (error: Error) => error.message,
    );
  expect(await refusal(`return { events: { types: "all", handle: () => undefined } };`)).toMatch(
    /plugin there: events is not possible with worker: true; possible are authenticate, turn/,
  );
  expect(await refusal("return { failure: () => undefined };")).toMatch(/failure is not possible/);
  expect(await refusal("return { routes: [] };")).toMatch(/routes is not possible/);
  const builtIn = { ...plugin("there", {}), file: undefined, worker: true };
  await expect(inThreads([builtIn], sharedHost().shared)).rejects.toThrow(
    /plugin there: worker: true is for plugins from files/,
  );
  expect(await refusal("throw new Error('no licence key');")).toMatch(/no licence key/);
  expect(await refusal("return {};", { options: { limit: "x" } })).toMatch(/plugin there: limit: found .*legal/);
});
