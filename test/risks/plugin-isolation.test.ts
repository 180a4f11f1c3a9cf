// Plugins that throw, hang, spin, leak or lie: the server keeps serving, each is named in the log, its policy holds, and nobody else waits.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { DEFAULT, pluginFile } from "../plugins/gateway.ts";
import { type Ring, readAll, ring, typesOf } from "./ring.ts";

/** What bad plugins have in common: they do it when the turn's user says so. */
const top = `
  const spin = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
  const wants = (exchange, what) => exchange.turn.user === what;
`;
const ADMIN = [
  { id: "boss", key: "admin-key-of-boss", admin: true },
  { id: "user", key: "plain-key-of-user" },
];
const chain = (...more: unknown[]) => [{ auth: { keys: ADMIN } }, ...DEFAULT.slice(1), ...more];
const USER = { headers: { authorization: "Bearer plain-key-of-user" } };
const BOSS = { headers: { authorization: "Bearer admin-key-of-boss" } };

interface Line {
  level: string;
  message: string;
  plugin?: string;
  hook?: string;
  id?: string;
  ms?: number;
  [field: string]: unknown;
}

const setting = (plugins: unknown[]) => ring({ config: { plugins }, gateway: { env: { CODEXD_LOG_FORMAT: "json" } } });

function linesOf(it: Ring, plugin: string): Line[] {
  return it.gateway
    .stderr()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.plugin === plugin);
}

async function ask(
  it: Ring,
  user: string,
  stream = false,
): Promise<{ status: number; code?: string; text: string; id: string }> {
  const answer = await it.ask("SAY fine", { user, stream }, USER);
  const { text } = await readAll(answer);
  const code = text.startsWith("{")
    ? (JSON.parse(text) as { error?: { code?: string } | null }).error?.code
    : undefined;
  return { status: answer.status, text, id: answer.headers.get("x-request-id") ?? "", ...(code && { code }) };
}

const admin = async (it: Ring) =>
  (await (await fetch(`${it.gateway.url}/admin/plugins`, BOSS)).json()) as {
    plugins: {
      name: string;
      state: string;
      reason?: string;
      file: string | null;
      onError: string;
      hooks: { name: string; errors: number; calls: number; seconds: number }[];
      options: unknown;
    }[];
  };
const ready = async (it: Ring) => {
  const answer = await fetch(`${it.gateway.url}/readyz`);
  return (await answer.json()) as { status: string; off: { plugin: string }[] };
};

test("a plugin that throws in every hook costs nobody an answer, or fails by its name, as its policy says", async () => {
  const setup = `
    const boom = (exchange) => { if (wants(exchange, "boom")) throw new Error("thrown by bomb, key sk-secretsecret"); };
    return {
      turn: boom, upstream: async (exchange) => boom(exchange), answer: (_, exchange) => boom(exchange),
      events: { types: ["response.created"], handle: (_, exchange) => boom(exchange) },
      failure: (_, exchange) => boom(exchange), settled: (_, exchange) => boom(exchange),
    };`;
  for (const onError of ["skip", "fail"]) {
    await using it = await setting(chain({ [pluginFile("bomb", setup, top)]: null, onError }));
    const [whole, stream] = [await ask(it, "boom"), await ask(it, "boom", true)];
    const seen = [whole.status, whole.code, stream.status];
    expect([onError, ...seen]).toEqual(
      onError === "skip" ? ["skip", 200, undefined, 200] : ["fail", 500, "plugin_failed", 500],
    );
    if (onError === "skip") {
      expect(whole.text).toContain("fine");
      expect(typesOf(stream.text).at(-1)).toBe("response.completed");
    } else expect(whole.text).toMatch(/plugin bomb failed in its turn hook/);
    const failed = linesOf(it, "bomb").filter(({ message }) => message === "a plugin failed");
    const hooks = new Set(failed.map(({ hook }) => hook));
    expect([...hooks]).toEqual(
      expect.arrayContaining(
        onError === "skip" ? ["turn", "upstream", "events", "answer", "settled"] : ["turn", "failure", "settled"],
      ),
    );
    expect(failed.every(({ id }) => id === whole.id || id === stream.id)).toBe(true);
    expect(it.gateway.stderr()).not.toContain("sk-secretsecret");
    expect((await it.settled(2)).map(({ outcome }) => outcome)).toEqual(
      onError === "skip" ? ["ok", "ok"] : ["refused", "refused"],
    );
    expect((await ask(it, "nobody")).status).toBe(200);
  }
}, 60_000);

test("a plugin that hangs is cut at its limit, and an authenticating one that hangs lets nobody in", async () => {
  const hang = "return { turn: (exchange) => { if (wants(exchange, 'hang')) return new Promise(() => undefined); } };";
  const door =
    "return { authenticate: ({ headers }) => { if (headers.has('x-hang')) return new Promise(() => undefined); } };";
  await using it = await setting([
    { [pluginFile("door", door, top)]: null, timeout: "100ms" },
    ...chain({ [pluginFile("slow", hang, top)]: null, timeout: "100ms" }),
  ]);
  const began = performance.now();
  expect((await ask(it, "hang")).status).toBe(200);
  expect(performance.now() - began).toBeGreaterThan(90);
  expect(linesOf(it, "slow")).toMatchObject([{ hook: "turn", error: expect.stringContaining("longer than 0.1 s") }]);
  const refused = await it.ask("x", { stream: false }, { headers: { ...USER.headers, "x-hang": "1" } });
  expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([
    500,
    "plugin_failed",
  ]);
  expect(linesOf(it, "door")).toMatchObject([{ hook: "authenticate", id: refused.headers.get("x-request-id") }]);
}, 60_000);

test("a client that leaves while a plugin hangs is not waited for, and it is no error of the plugin", async () => {
  const hang =
    "return { turn: (exchange) => { if (wants(exchange, 'hang')) { host.log.info('hanging'); return new Promise(() => undefined); } } };";
  await using it = await setting(chain({ [pluginFile("slow", hang, top)]: null, timeout: "60s" }));
  const left = new AbortController();
  const asking = it.ask("x", { user: "hang" }, { ...USER, signal: left.signal }).catch(() => undefined);
  await it.gateway.printed(/hanging/);
  left.abort();
  await asking;
  expect(await it.settled(1)).toMatchObject([{ outcome: "aborted", status: 499 }]);
  expect(linesOf(it, "slow").map(({ message }) => message)).toEqual(["hanging"]);
}, 60_000);

test("a spin is measured and told with plugin and hook; after three the plugin is off, which readyz, metrics and admin show, until a reload", async () => {
  const setup = "return { turn: (exchange) => { if (wants(exchange, 'spin')) spin(1000); } };";
  const plugins = chain(pluginFile("spinner", setup, top));
  await using it = await setting(plugins);
  for (let times = 0; times < 3; times++) expect((await ask(it, "spin")).status).toBe(200);
  const spinsOf = () => linesOf(it, "spinner").filter(({ message }) => message === "a plugin held up the whole server");
  const spins = spinsOf();
  expect(spins).toMatchObject([{ hook: "turn" }, { hook: "turn" }, { hook: "turn" }]);
  for (const { ms } of spins) expect(ms).toBeGreaterThan(900);
  expect((await ask(it, "spin")).status).toBe(200);
  expect(spinsOf()).toHaveLength(3);
  expect(await ready(it)).toMatchObject({ status: "ready", off: [{ plugin: "spinner", onError: "skip" }] });
  const metrics = await (await fetch(`${it.gateway.url}/metrics`)).text();
  expect(metrics).toContain('codexd_plugin_off{plugin="spinner"} 1\n');
  expect(
    Number(/codexd_plugin_hook_seconds_total\{plugin="spinner",hook="turn"\} (\S+)/.exec(metrics)?.[1]),
  ).toBeGreaterThan(2.9);
  const { plugins: shown } = await admin(it);
  expect(shown.find(({ name }) => name === "spinner")).toMatchObject({
    state: "off",
    reason: expect.stringContaining("turn hook"),
  });
  it.gateway.signal("SIGHUP");
  await it.gateway.printed(/configuration reloaded/);
  expect((await admin(it)).plugins.find(({ name }) => name === "spinner")).toMatchObject({
    state: "on",
    hooks: [{ calls: 0 }],
  });
  expect(it.gateway.stderr()).not.toContain("sk-test-000000");
}, 60_000);

test("with a plugin off that must not be skipped the server refuses at once by its name, and says that it is not ready", async () => {
  const setup = "return { events: { types: ['response.completed'], handle: () => { throw new Error('no'); } } };";
  await using it = await setting(chain({ [pluginFile("needed", setup, top)]: null, onError: "fail" }));
  const seen: unknown[] = [];
  for (let times = 0; times < 7; times++) seen.push((await ask(it, "x")).code);
  expect(seen).toEqual([...new Array(5).fill("plugin_failed"), "plugin_off", "plugin_off"]);
  expect((await ask(it, "x")).text).toMatch(/the plugin needed is switched off/);
  expect(await ready(it)).toMatchObject({ status: "plugin_off", off: [{ plugin: "needed", onError: "fail" }] });
  expect((await fetch(`${it.gateway.url}/readyz`)).status).toBe(503);
  // Whoever has to mend it is still let in.
  expect((await admin(it)).plugins.find(({ name }) => name === "needed")?.state).toBe("off");
}, 60_000);

test("a plugin that lies is found out in every hook, and the stream has one end", async () => {
  const setup = `
    const lie = (exchange, value) => wants(exchange, "lie") ? value : undefined;
    return {
      authenticate: ({ headers }) => headers.has("x-lie") ? "let me in" : undefined,
      turn: (exchange) => lie(exchange, { nothing: "of use" }),
      upstream: (exchange) => { if (wants(exchange, "lie")) exchange.turn = "garbage"; },
      events: { types: ["response.created", "response.completed"], handle: (event, exchange) => lie(exchange, event.type === "response.completed" ? null : [{ type: "response.completed" }]) },
      answer: (_, exchange) => lie(exchange, "an answer"),
      failure: (_, exchange) => exchange && lie(exchange, "a failure"),
    };`;
  await using it = await setting([{ [pluginFile("liar", setup, top)]: null, onError: "skip" }, ...chain()]);
  expect((await ask(it, "lie")).text).toContain("fine");
  const types = typesOf((await ask(it, "lie", true)).text);
  expect(types.filter((type) => type === "response.completed")).toHaveLength(1);
  const hooks = linesOf(it, "liar").map(({ hook }) => hook);
  expect(new Set(hooks)).toEqual(new Set(["turn", "upstream", "events", "answer"]));
  const let_in = await it.ask("x", { stream: false }, { headers: { "x-lie": "1" } });
  expect(let_in.status).toBe(401);
}, 60_000);

test("errors that come late, in timers and promises, end nothing and are named", async () => {
  const setup = `return { turn: (exchange) => {
    if (!wants(exchange, "late")) return;
    setTimeout(() => { throw new Error("late in a timer"); }, 1);
    void Promise.reject(new Error("late in a promise"));
    queueMicrotask(() => { throw new Error("late in a microtask"); });
  } };`;
  await using it = await setting(chain(pluginFile("late", setup, top)));
  expect((await ask(it, "late")).status).toBe(200);
  await it.gateway.printed(/late in a timer/);
  expect((await ask(it, "late", true)).status).toBe(200);
  const told = JSON.stringify(linesOf(it, "late"));
  for (const what of ["late in a timer", "late in a promise", "late in a microtask"]) expect(told).toContain(what);
  expect(await it.gateway.stop()).toBe(0);
}, 60_000);

test("with a thread of its own a plugin that spins stalls nobody, and goes on for those who do not ask for it", async () => {
  const setup =
    "return { turn: (exchange) => { if (wants(exchange, 'spin')) spin(60_000); exchange.answerHeaders.set('x-seen', 'yes'); } };";
  await using it = await setting(chain({ [pluginFile("spinner", setup, top)]: null, worker: true, timeout: "3s" }));
  const first = await it.ask("hello", { user: "x", stream: false }, USER);
  expect([first.status, first.headers.get("x-seen")]).toEqual([200, "yes"]);
  const others = Array.from({ length: 5 }, () => longestGap(it));
  const spinning = await ask(it, "spin");
  expect(spinning.status).toBe(200);
  // A stall of the whole server would be the three seconds that the spin was let run, in every stream.
  expect(Math.min(...(await Promise.all(others)))).toBeLessThan(1500);
  expect(linesOf(it, "spinner")).toMatchObject([
    { message: "a plugin's thread was ended", reason: expect.stringContaining("turn hook") },
    { message: "a plugin failed", hook: "turn", id: spinning.id },
  ]);
  const after = await it.ask("hello", { user: "x", stream: false }, USER);
  expect([after.status, after.headers.get("x-seen")]).toEqual([200, "yes"]);
}, 60_000);

test("code that is not trusted runs in its thread only, its options are checked there, and a reload ends the thread", async () => {
  const source = (name: string) => `
    import { definePlugin } from "codexd/plugin";
    import { Type } from "@sinclair/typebox";
    if (Bun.isMainThread) throw new Error("loaded in the main thread");
    export default definePlugin<{ team: string }>({
      name: "stranger",
      apiVersion: 1,
      options: Type.Object({ team: Type.String({ minLength: 3 }) }, { additionalProperties: false }),
      setup: (host, { team }) => ({
        turn: (exchange) => exchange.answerHeaders.set("x-${name}", team),
        dispose: () => host.log.info("disposed", { name: "${name}" }),
      }),
    });`;
  const file = pluginFile("stranger", "");
  writeFileSync(file, source("first"));
  await using it = await setting(chain({ [file]: { team: "red" }, worker: true }));
  const seen = async (header: string) =>
    (await it.ask("hello", { user: "x", stream: false }, USER)).headers.get(header);
  expect(await seen("x-first")).toBe("red");
  writeFileSync(file, source("second"));
  it.gateway.signal("SIGHUP");
  await it.gateway.printed(/configuration reloaded/);
  expect([await seen("x-first"), await seen("x-second")]).toEqual([null, "red"]);
  await it.gateway.printed(/"disposed","plugin":"stranger","name":"first"/);
  const config = JSON.parse(await Bun.file(it.gateway.configFile as string).text()) as { plugins: unknown[] };
  for (const [options, message] of [
    [{ team: 5 }, /team/],
    [{ team: "red", other: 1 }, /other/],
  ] as const) {
    const plugins = [...config.plugins.slice(0, -1), { [file]: options, worker: true }];
    await Bun.write(it.gateway.configFile as string, JSON.stringify({ ...config, plugins }));
    const before = it.gateway.stderr().length;
    it.gateway.signal("SIGHUP");
    while (!it.gateway.stderr().slice(before).includes("was not reloaded")) await Bun.sleep(5);
    expect(it.gateway.stderr().slice(before)).toMatch(message);
  }
  expect(await seen("x-second")).toBe("red");
}, 60_000);

test("a secret option is nowhere but with its plugin, whatever that says, throws and returns", async () => {
  const secretOption = "quite-plain-words";
  const top = `
    import { Type } from "@sinclair/typebox";
    import { secret } from "codexd/plugin";
    const schema = Type.Object({ hook: Type.Object({ word: secret() }) });
  `;
  const file = pluginFile("teller", "", top);
  writeFileSync(
    file,
    (await Bun.file(file).text()).replace(
      /export default[\s\S]*/,
      `export default definePlugin<any>({ name: "teller", apiVersion: 1, options: schema, setup(host, { hook: { word } }) {
        host.log.info("set up with " + word, { deep: [{ word }], [word]: 1 });
        return {
          authenticate({ headers }) {
            if (headers.has("x-id")) return { id: word };
            if (headers.has("x-failure")) throw new Failure("permission", { code: "no_" + word, message: word });
          },
          turn(exchange) { throw new Error("in the turn " + word); },
          settled() { setTimeout(() => { throw new Error("late " + word); }, 1); },
        };
      } });`,
    ),
  );
  await using it = await setting([{ [file]: { hook: { word: secretOption } }, onError: "skip" }, ...chain()]);
  const answers = [await (await it.ask("x", { stream: false }, USER)).text()];
  for (const name of ["x-id", "x-failure"])
    answers.push(await (await it.ask("x", { stream: false }, { headers: { ...USER.headers, [name]: "1" } })).text());
  await it.gateway.printed(/late /);
  const metrics = await (await fetch(`${it.gateway.url}/metrics`)).text();
  const shown = JSON.stringify(await admin(it));
  expect(JSON.stringify(it.receipts())).not.toContain(secretOption);
  for (const text of [...answers, metrics, shown, it.gateway.stderr()]) expect(text).not.toContain(secretOption);
  expect(shown).toContain('{"word":"***"}');
  const hooks = linesOf(it, "teller").filter(({ message }) => message === "a plugin failed");
  expect(new Set(hooks.map(({ hook }) => hook))).toEqual(new Set(["turn", "authenticate"]));
}, 60_000);

/** The longest silence in a stream of six seconds that has an event every 20 ms. */
async function longestGap(it: Ring): Promise<number> {
  const answer = await it.ask("GAP 20\nLONG 300", { user: "x" }, USER);
  let [last, longest] = [performance.now(), 0];
  for await (const _ of answer.body as unknown as AsyncIterable<Uint8Array>) {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }
  return longest;
}

test("what a leaking plugin holds is given back by a reload, and the gauges show it", async () => {
  const setup = "return { turn: () => { held.push(new Uint8Array(8 * 1024 * 1024).fill(1)); } };";
  const file = pluginFile("leaker", setup, "const held = [];");
  await using it = await setting(chain(file));
  const gauge = async (name: string) => {
    const text = await (await fetch(`${it.gateway.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  };
  await ask(it, "x");
  const before = await gauge("process_resident_memory_bytes");
  for (let times = 0; times < 20; times++) await ask(it, "x");
  const full = await gauge("process_resident_memory_bytes");
  expect(full - before).toBeGreaterThan(100 * 1024 * 1024);
  writeFileSync(
    file,
    `import { definePlugin } from "codexd/plugin"; export default definePlugin({ name: "leaker", apiVersion: 1, setup: () => ({}) });`,
  );
  it.gateway.signal("SIGHUP");
  await it.gateway.printed(/configuration reloaded/);
  const deadline = Date.now() + 20_000;
  while ((await gauge("process_resident_memory_bytes")) > before + 60 * 1024 * 1024 && Date.now() < deadline)
    await ask(it, "x");
  expect(await gauge("process_resident_memory_bytes")).toBeLessThan(before + 60 * 1024 * 1024);
  expect(await gauge("codexd_gateways")).toBe(1);
}, 60_000);

test("the list of plugins is for admins, in the chain's order, with hooks and masked options", async () => {
  const setup = "return { turn: () => undefined };";
  const file = pluginFile("shown", setup, top);
  await using it = await setting(chain(file));
  await ask(it, "x");
  for (const [headers, status] of [
    [{}, 401],
    [USER.headers, 403],
    [BOSS.headers, 200],
  ] as const)
    expect((await fetch(`${it.gateway.url}/admin/plugins`, { headers })).status).toBe(status);
  const { plugins } = await admin(it);
  expect(plugins.map(({ name }) => name)).toEqual([...DEFAULT, "shown"]);
  expect(plugins.at(-1)).toMatchObject({
    file,
    onError: "skip",
    state: "on",
    options: null,
    hooks: [{ name: "turn", calls: 1, errors: 0 }],
  });
  expect(plugins[0]).toMatchObject({ name: "auth", file: null, onError: "fail", hooks: [{ name: "authenticate" }] });
  expect(JSON.stringify(plugins)).not.toMatch(/admin-key-of-boss|plain-key-of-user/);
  const wrong = await fetch(`${it.gateway.url}/admin/plugins`, { method: "DELETE", ...BOSS });
  expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET"]);
}, 60_000);
