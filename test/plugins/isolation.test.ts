// An error of a plugin is the plugin's: named, judged by its policy, and never the end of anybody else's exchange.

import { expect, test } from "bun:test";
import { Event } from "../../src/core/event.ts";
import { Failure } from "../../src/core/failure.ts";
import type { Hooks } from "../../src/core/hooks.ts";
import { exchangeOf } from "../upstream/setting.ts";
import { chainOf, codeOf, delta, plugin } from "./chain.ts";

const credentials = (keys: string[] = ["a-key-of-the-client"]) => ({
  keys,
  headers: new Headers(),
  peer: "127.0.0.1",
  loopback: true,
});
const never = new Promise<never>(() => undefined);
const boom = () => {
  throw new Error("boom");
};
const receipt = { id: "req_1" } as never;

/** Each hook as a liar would write it. */
const LIES: [what: string, hooks: object][] = [
  ["turn throws", { turn: boom }],
  ["turn rejects", { turn: async () => boom() }],
  ["turn hangs", { turn: () => never }],
  ["turn returns a text", { turn: () => "no" }],
  ["turn returns an object that is no reply", { turn: () => ({ reply: "no" }) }],
  ["turn returns a reply without output", { turn: () => ({ response: { id: "x" } }) }],
  ["turn returns events that are none", { turn: () => ({ events: 5 }) }],
  [
    "turn leaves no turn",
    {
      turn: (exchange: { turn: unknown }) => {
        exchange.turn = "garbage";
      },
    },
  ],
  [
    "turn leaves input that is none",
    {
      turn: ({ turn }: { turn: { input: unknown } }) => {
        turn.input = [5];
      },
    },
  ],
  [
    "turn leaves a model that is none",
    {
      turn: ({ turn }: { turn: { model: unknown } }) => {
        turn.model = 5;
      },
    },
  ],
  [
    "turn leaves tools that are none",
    {
      turn: ({ turn }: { turn: { tools: unknown } }) => {
        turn.tools = ["x"];
      },
    },
  ],
  [
    "turn leaves an effort that is none",
    {
      turn: (exchange: { effort: unknown }) => {
        exchange.effort = {};
      },
    },
  ],
  [
    "turn changes who asks",
    { turn: (exchange: object) => void Object.assign(exchange, { principal: { id: "root", admin: true } }) },
  ],
  ["turn takes the headers away", { turn: (exchange: object) => void Object.assign(exchange, { headers: undefined }) }],
  ["turn throws something that is no error", { turn: () => Promise.reject({ toString: boom }) }],
  [
    "turn throws a failure with a false 200",
    {
      turn() {
        throw new Failure("permission", { code: "ok", message: "fine", status: 200 });
      },
    },
  ],
  [
    "turn throws a failure of no kind",
    {
      turn() {
        throw new Failure("nonsense" as never, { code: "ok", message: "fine" });
      },
    },
  ],
];

for (const [what, hooks] of LIES)
  test(`a plugin that lies is named, and its policy holds: ${what}`, async () => {
    for (const onError of ["skip", "fail"] as const) {
      const seen: string[] = [];
      const after = plugin("after", { turn: ({ turn }) => void seen.push(JSON.stringify(turn)) });
      const { chain, told } = chainOf(plugin("liar", hooks as Hooks, { onError, timeout: 20 }), after);
      const exchange = exchangeOf({ input: [{ type: "message", role: "user", content: "hi" }] });
      const before = JSON.stringify(exchange.turn);
      expect(await codeOf(() => chain.turn(exchange))).toBe(onError === "skip" ? "nothing thrown" : "plugin_failed");
      expect(told("liar")).toMatchObject([{ hook: "turn", id: "req_1", error: expect.any(String) }]);
      // Skipped is as if it had not run, whatever it changed before.
      expect(seen).toEqual(onError === "skip" ? [before] : []);
      expect([exchange.principal, exchange.headers instanceof Headers]).toEqual([{ id: "local" }, true]);
      if (onError === "skip") expect([exchange.effort, JSON.stringify(exchange.turn)]).toEqual([undefined, before]);
    }
  });

test("a hook that fails half-way leaves nothing of its half", async () => {
  const half: Hooks = {
    turn(exchange) {
      exchange.turn.model = "other";
      (exchange.turn.input[0] as { content: string }).content = "changed";
      exchange.turn.input.push({ type: "message", role: "user", content: "more" });
      exchange.effort = "high";
      exchange.upstreamName = "elsewhere";
      exchange.dropped.add("seed");
      exchange.answerHeaders.set("x-half", "1");
      boom();
    },
  };
  const { chain } = chainOf(plugin("half", half));
  const exchange = exchangeOf({ input: [{ type: "message", role: "user", content: "hi" }] });
  await chain.turn(exchange);
  expect(exchange.turn).toEqual({ model: "gpt-5.5", input: [{ type: "message", role: "user", content: "hi" }] });
  expect([exchange.effort, exchange.upstreamName, exchange.dropped.size, [...exchange.answerHeaders].length]).toEqual([
    undefined,
    undefined,
    0,
    0,
  ]);
});

test("authentication fails closed, whatever a plugin answers that is no principal", async () => {
  const verdicts: unknown[] = ["yes", true, null, {}, { id: "" }, { id: 5 }, { id: "x", models: "all" }, []];
  for (const verdict of [
    ...verdicts,
    { id: "x", admin: "yes" },
    { id: "x", tokensPerDay: 0 },
    { id: "x", effort: "much" },
    { id: "a-key-of-the-client" },
  ]) {
    const { chain, told } = chainOf(plugin("door", { authenticate: () => verdict as never }));
    expect(await codeOf(() => chain.authenticate(credentials(), "req_7"))).toBe("plugin_failed");
    expect(told("door")).toMatchObject([{ hook: "authenticate", id: "req_7" }]);
    const open = chainOf(plugin("door", { authenticate: () => verdict as never }, { onError: "skip" }));
    expect(await codeOf(() => open.chain.authenticate(credentials()))).toBe("invalid_api_key");
  }
});

test("a failure is a decision: it stands whatever the policy, and is no error", async () => {
  const refuse = () => {
    throw new Failure("permission", { code: "not_today", message: "not today" });
  };
  const { chain, lines } = chainOf(plugin("guard", { turn: refuse, events: { types: "all", handle: refuse } }));
  const exchange = exchangeOf({ input: [] });
  for (let times = 0; times < 10; times++) expect(await codeOf(() => chain.turn(exchange))).toBe("not_today");
  expect(await codeOf(() => chain.events(delta("x"), exchange))).toBe("not_today");
  expect(lines).toEqual([]);
});

test("an event hook that fails or lies leaves the event as it was, or ends the stream with its name", async () => {
  const done = Event.of({ type: "response.completed", response: { output: [] } });
  const lies: [made: unknown, of: Event][] = [
    ["text", delta("a")],
    [5, delta("a")],
    [{ type: "response.output_text.delta" }, delta("a")],
    [Promise.resolve(delta("b")), delta("a")],
    [[delta("b"), "x"], delta("a")],
    [Event.of({} as never), delta("a")],
    [Event.of({ type: "x\n\nevent: response.completed" }), delta("a")],
    [done, delta("a")],
    [null, done],
    [delta("b"), done],
    [[done, delta("b")], done],
    [Event.of({ type: "response.failed", response: {} }), done],
  ];
  for (const [made, of] of lies) {
    const handle = () => made as never;
    const skipping = chainOf(plugin("liar", { events: { types: "all", handle } }));
    expect(skipping.chain.events(of, exchangeOf({ input: [] }))).toBeUndefined();
    expect(skipping.told("liar")).toMatchObject([{ hook: "events", id: "req_1" }]);
    const failing = chainOf(plugin("liar", { events: { types: "all", handle } }, { onError: "fail" }));
    expect(await codeOf(() => failing.chain.events(of, exchangeOf({ input: [] })))).toBe("plugin_failed");
  }
});

test("answer, failure, settled and recover may lie and fail too", async () => {
  const original = new Failure("transport", { code: "upstream_unreachable", message: "gone" });
  for (const value of ["x", 5, null, [], { no: "output" }]) {
    const hooks = { answer: () => value, failure: () => value, settled: boom, recover: () => "yes" } as never;
    const { chain, told } = chainOf(plugin("liar", hooks));
    const exchange = exchangeOf({ input: [] });
    expect(await chain.answer({ output: [] }, exchange)).toEqual({ output: [] });
    expect(chain.failure(original, exchange)).toBe(original);
    chain.settled(receipt, exchange);
    expect(chain.recover(original, exchange, new Map())).toBe(false);
    expect(told("liar").map((fields) => fields?.hook)).toEqual(["answer", "failure", "settled", "recover"]);
  }
  const late = { failure: async () => original, settled: async () => boom() } as never;
  const { chain, told } = chainOf(plugin("late", late));
  expect(chain.failure(original, undefined)).toBe(original);
  chain.settled(receipt, undefined);
  await Bun.sleep(1);
  expect(told("late").map((fields) => fields?.hook)).toEqual(["failure", "settled"]);
});

test("a plugin that recovers again and again in vain keeps no exchange for ever, and others are asked after it", async () => {
  const original = new Failure("context_window", { code: "context_length_exceeded", message: "too long" });
  const asked: string[] = [];
  const endless = plugin("endless", { recover: () => asked.push("endless") > 0 });
  const { chain } = chainOf(endless, plugin("other", { recover: () => asked.push("other") < 0 }));
  const [exchange, recovered] = [exchangeOf({ input: [] }), new Map<string, number>()];
  let tries = 0;
  while (await chain.recover(original, exchange, recovered)) tries++;
  expect([tries, asked]).toEqual([5, [...Array(5).fill("endless"), "other"]]);
});

test("an answer changed in place by a hook that then fails is the answer that was", async () => {
  const hooks: Hooks = {
    answer(response) {
      response.output = [{ type: "message" }];
      boom();
    },
  };
  const { chain } = chainOf(plugin("half", hooks));
  expect(await chain.answer({ output: [] }, exchangeOf({ input: [] }))).toEqual({ output: [] });
});

test("a plugin that keeps failing is switched off: skipped without a call, or refused at once by name", async () => {
  for (const onError of ["skip", "fail"] as const) {
    let calls = 0;
    const hooks: Hooks = {
      turn() {
        calls++;
        boom();
      },
      events: { types: "all", handle: () => void calls++ },
      settled: () => void calls++,
    };
    const { chain, told } = chainOf(plugin("broken", hooks, { onError }));
    const exchange = exchangeOf({ input: [] });
    for (let times = 0; times < 8; times++) {
      const code = await codeOf(() => chain.turn(exchange));
      expect(code).toBe(onError === "skip" ? "nothing thrown" : times < 5 ? "plugin_failed" : "plugin_off");
    }
    expect(calls).toBe(5);
    expect(told("broken", "a plugin was switched off")).toMatchObject([
      { reason: expect.stringContaining("turn hook") },
    ]);
    // A stream that is under way goes on without the one, and not without the other.
    expect(await codeOf(() => chain.events(delta("x"), exchange))).toBe(
      onError === "skip" ? "nothing thrown" : "plugin_off",
    );
    chain.settled(receipt, exchange);
    expect(calls).toBe(5);
  }
});

test("errors now and then switch nothing off", async () => {
  let calls = 0;
  const { chain, told } = chainOf(plugin("shaky", { turn: () => (++calls % 4 === 0 ? undefined : boom()) }));
  for (let times = 0; times < 20; times++) await chain.turn(exchangeOf({ input: [] }));
  expect([calls, told("shaky", "a plugin was switched off")]).toEqual([20, []]);
});

const spin = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

test("a spin is told with plugin and hook, on events too and after an await, and three of them switch it off", async () => {
  const hooks: Record<string, Hooks> = {
    turn: { turn: () => spin(260) },
    events: { events: { types: "all", handle: () => spin(260) } },
    later: {
      async turn() {
        await Bun.sleep(1);
        spin(500);
      },
    },
  };
  for (const [name, hook] of Object.entries(hooks)) {
    const { chain, told } = chainOf(plugin(name, hook));
    const exchange = exchangeOf({ input: [] });
    for (let times = 0; times < 3; times++) {
      await chain.turn(exchange);
      chain.events(delta("x"), exchange);
      await Bun.sleep(0);
    }
    const spins = told(name, "a plugin held up the whole server");
    expect(spins).toHaveLength(3);
    expect(spins[0]?.hook).toBe(name === "events" ? "events" : "turn");
    expect(spins[0]?.ms).toBeGreaterThan(200);
    expect(told(name, "a plugin was switched off")).toHaveLength(1);
  }
});

test("requests go through the plugins first to last, answers last to first, and what one makes of an event only the next ones see", async () => {
  const order: string[] = [];
  const noting = (name: string, types: readonly string[] | "all" = "all") =>
    plugin(name, {
      authenticate: () => void order.push(`authenticate ${name}`),
      turn: () => void order.push(`turn ${name}`),
      upstream: () => void order.push(`upstream ${name}`),
      events: { types, handle: () => void order.push(`events ${name}`) },
      answer: () => void order.push(`answer ${name}`),
      failure: () => void order.push(`failure ${name}`),
      settled: () => void order.push(`settled ${name}`),
      dispose: () => void order.push(`dispose ${name}`),
    });
  const { chain } = chainOf(noting("a"), noting("b", ["response.output_text.delta"]), noting("c"));
  const exchange = exchangeOf({ input: [] });
  await codeOf(() => chain.authenticate(credentials()));
  await chain.turn(exchange);
  await chain.upstream(exchange);
  chain.events(delta("x"), exchange);
  await chain.answer({ output: [] }, exchange);
  chain.failure(new Error("x"), exchange);
  chain.settled(receipt, exchange);
  await chain.dispose();
  const inward = ["authenticate", "turn", "upstream"].flatMap((hook) =>
    ["a", "b", "c"].map((name) => `${hook} ${name}`),
  );
  const outward = ["events", "answer", "failure", "settled", "dispose"].flatMap((hook) =>
    ["c", "b", "a"].map((name) => `${hook} ${name}`),
  );
  expect(order).toEqual([...inward, ...outward]);
});

test("an event that a plugin made is heard by the plugins after it, by its own type", () => {
  const heard: string[] = [];
  const made = Event.of({ type: "codex.note", text: "made" });
  const hear = (name: string, types: readonly string[] | "all", give?: () => Event[]) =>
    plugin(name, {
      events: {
        types,
        handle(event) {
          heard.push(`${name} ${event.type}`);
          return give?.();
        },
      },
    });
  const first = delta("x");
  const { chain } = chainOf(
    hear("notes", ["codex.note"]),
    hear("deltas", ["response.output_text.delta"]),
    hear("maker", ["response.output_text.delta"], () => [first, made]),
    hear("early", ["codex.note"]),
  );
  expect(chain.events(first, exchangeOf({ input: [] }))).toEqual([first, made]);
  expect(heard).toEqual(["maker response.output_text.delta", "deltas response.output_text.delta", "notes codex.note"]);
});

test("values belong to one exchange and to whoever has the key", async () => {
  const { valueKey } = await import("../../src/core/values.ts");
  const [mine, theirs] = [valueKey<number>("count"), valueKey<number>("count")];
  const [one, other] = [exchangeOf({ input: [] }), exchangeOf({ input: [] })];
  one.values.set(mine, 3);
  expect([one.values.get(mine), one.values.get(theirs), other.values.get(mine), one.values.has(mine)]).toEqual([
    3,
    undefined,
    undefined,
    true,
  ]);
  one.values.delete(mine);
  expect(one.values.get(mine)).toBeUndefined();
});

test("a plugin's log names it and repeats no secret option; neither do the lines about its errors", async () => {
  const { Type } = await import("@sinclair/typebox");
  const { secret } = await import("../../src/plugin/options.ts");
  const options = { hooks: [{ url: "https://x", key: "plain-words-secret" }], other: "shown" };
  const schema = Type.Object({
    hooks: Type.Array(Type.Object({ url: Type.String(), key: secret() })),
    other: Type.String(),
  });
  const entry = plugin("teller", {});
  const { chain, lines } = chainOf({
    ...entry,
    options,
    plugin: {
      ...entry.plugin,
      options: schema,
      setup(host) {
        host.log.info("with plain-words-secret", { deep: { list: ["plain-words-secret"] }, name: host.plugin });
        return {
          authenticate: ({ keys }) => {
            throw new Error(`plain-words-secret and ${keys[0]}`);
          },
        };
      },
    },
  });
  await codeOf(() => chain.authenticate(credentials(["the-clients-own-key"]), "req_1"));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({ message: "with ***", fields: { plugin: "teller", name: "teller" } });
  const all = JSON.stringify(lines);
  expect(all).not.toContain("plain-words-secret");
  expect(all).not.toContain("the-clients-own-key");
});

const trap = () => {
  throw new Error("trap");
};
const untouchable = () =>
  new Proxy({}, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap });

test("what throws when it is looked at is the plugin's error like any other, thrown or returned", async () => {
  const evil = Object.defineProperty(new Error("x"), "stack", { get: trap });
  const throws = (thrown: unknown) => () => {
    throw thrown;
  };
  for (const turn of [throws(untouchable()), throws(evil), throws(null), untouchable as never]) {
    const { chain, told } = chainOf(plugin("liar", { turn }));
    expect(await chain.turn(exchangeOf({}))).toBeUndefined();
    expect(told("liar")).toHaveLength(1);
    const { chain: closed } = chainOf(plugin("liar", { turn }, { onError: "fail" }));
    expect(await codeOf(() => closed.turn(exchangeOf({})))).toBe("plugin_failed");
  }
});

test("a plugin that changes a failure in place makes no false 200 of it", () => {
  const failure = (given: Failure) => void Object.assign(given, { status: 200, message: null, code: null });
  const { chain, told } = chainOf(plugin("liar", { failure }));
  const made = chain.failure(new Failure("permission", { code: "no", message: "not here" }), undefined);
  expect(made).toMatchObject({ status: 403, code: "no", message: "not here" });
  expect(told("liar")).toHaveLength(1);
});

test("a plugin that changes a receipt loses it for nobody", () => {
  const seen: object[] = [];
  const ours = { id: "req_1", outcome: "ok", licence: "me" };
  const { chain, told } = chainOf(
    plugin("writer", { settled: (given) => void seen.push({ ...given }) }),
    plugin("liar", { settled: (given) => void Object.assign(given, { id: null, licence: {} }) }),
  );
  chain.settled({ ...ours } as never, undefined);
  expect(seen).toEqual([ours]);
  expect(told("liar")).toHaveLength(1);
});

test("an exchange that a plugin left broken can still be told its failure", async () => {
  const lies: ((exchange: never) => void)[] = [
    (exchange: { turn: unknown }) => void Object.assign(exchange, { turn: null }),
    (exchange: { turn: object }) => void Object.freeze(exchange.turn),
    (exchange: { turn: { me?: unknown } }) => void Object.assign(exchange.turn, { metadata: exchange.turn }),
    (exchange: { turn: object }) => void Object.assign(exchange.turn, { metadata: { n: 1n } }),
    (exchange: { turn: object }) => void Object.assign(exchange.turn, { input: new Array(2) }),
    (exchange: object) => void Object.assign(exchange, { answerHeaders: null, dropped: null }),
    (exchange: object) => void Object.assign(exchange, { upstream: null }),
    (exchange: { dropped: Set<unknown> }) => void exchange.dropped.add(Symbol("no path")),
  ];
  for (const turn of lies as never as ((exchange: unknown) => void)[])
    for (const onError of ["fail", "skip"] as const) {
      const { chain, told } = chainOf(plugin("liar", { turn }, { onError }));
      const exchange = exchangeOf({});
      const before = JSON.stringify(exchange.turn);
      const code = await codeOf(() => chain.turn(exchange));
      expect(code).toBe(onError === "fail" ? "plugin_failed" : "nothing thrown");
      expect(JSON.stringify(exchange.turn)).toBe(before);
      expect(Object.isExtensible(exchange.turn)).toBe(true);
      expect([...exchange.dropped, ...exchange.answerHeaders.keys()]).toEqual([]);
      expect(told("liar")).toHaveLength(1);
    }
});

test("an event hook that takes the exchange's parts away is named, and they are there again", () => {
  const handle = (_event: Event, exchange: object) =>
    void Object.assign(exchange, { turn: null, signal: null, principal: null, answerHeaders: null });
  const { chain, told } = chainOf(plugin("liar", { events: { types: "all", handle: handle as never } }));
  const exchange = exchangeOf({});
  const { turn, signal, principal } = exchange;
  expect(chain.events(delta("x"), exchange)).toBeUndefined();
  expect([exchange.turn, exchange.signal, exchange.principal]).toEqual([turn, signal, principal]);
  expect(told("liar")).toHaveLength(1);
});

test("an answer with items that no dialect could read is the plugin's error", async () => {
  for (const output of [[null], [5], [{ type: "message", content: [null] }], [{ type: "message", content: "x" }]]) {
    const { chain, told } = chainOf(
      plugin("liar", { answer: () => ({ output }), turn: () => ({ response: { output } }) as never }),
    );
    expect(await chain.answer({ output: [] }, exchangeOf({}))).toEqual({ output: [] });
    expect(await chain.turn(exchangeOf({}))).toBeUndefined();
    expect(told("liar")).toHaveLength(2);
  }
});
