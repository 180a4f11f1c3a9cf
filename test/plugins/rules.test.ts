// Policies that did not hold: a rule that a dialect, an alias or a suffix slips past, and a rule that cannot mean what it says.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Exchange, Host, Models } from "codexd/plugin";
import { rules } from "../../plugins/rules/index.ts";
import { parsePath, read, remove, write } from "../../plugins/rules/path.ts";
import { fixture, UPSTREAM } from "../config/fixture.ts";
import { CLIENTS, type Client, chat, gemini, messages, responses } from "../recordings/dialects.ts";
import { type Gateway, type Json, startFromSource } from "../recordings/gateway.ts";
import { type Scripted, startScripted } from "../recordings/scripted.ts";

const levels = ["low", "medium", "high", "xhigh"].map((effort) => ({ effort }));
const MODELS = ["gpt-5.5", "gpt-5.2", "gpt-5-codex-mini"].map((slug) => ({
  slug,
  visibility: "list",
  supported_reasoning_levels: slug.endsWith("mini") ? [{ effort: "medium" }, { effort: "high" }] : levels,
}));

/** Each case is a rule of its own, which the header `x-case` turns on. */
const CASES: Record<string, Json> = {
  refuse: { then: { refuse: { message: "not today", code: "closed", kind: "invalid_request" } } },
  wait: { then: { refuse: { message: "soon", kind: "overloaded", retryAfter: 7 } } },
  route: { then: { route: { model: "gpt-5-codex-mini" } } },
  "route-effort": { then: { route: { model: "gpt-5.2-xhigh" } } },
  "route-alias": { then: { route: { model: "quick" } } },
  "route-nowhere": { then: { route: { model: "gpt-99" } } },
  upstream: { then: { route: { upstream: "local", model: "qwen3" } } },
  "upstream-only": { then: { route: { upstream: "local" } } },
  remove: { then: { remove: ["metadata.secret", "temperature", "tools[type=web_search*]"] } },
  set: { then: { set: { "reasoning.effort": "high", "metadata.team": "blue", max_output_tokens: 50 } } },
  default: { then: { default: { "reasoning.effort": "low", "metadata.team": "blue", max_output_tokens: 50 } } },
  header: { then: { addHeader: { "x-team": "blue" } } },
  dialect: { when: { dialect: ["chat", "gem*"] }, then: { addHeader: { "x-fits": "yes" } } },
  stream: { when: { stream: true }, then: { addHeader: { "x-fits": "yes" } } },
  model: { when: { model: "gpt-5.2" }, then: { addHeader: { "x-fits": "yes" } } },
  asked: { when: { askedModel: "gpt-5.2" }, then: { addHeader: { "x-fits": "yes" } } },
  effort: { when: { field: { "reasoning.effort": ["high", "xhigh"] } }, then: { addHeader: { "x-fits": "yes" } } },
  operation: { when: { operation: "count" }, then: { refuse: { message: "not counted" } } },
  session: { when: { session: "team-*" }, then: { addHeader: { "x-fits": "yes" } } },
};

const OFF = { header: { "x-case": "off" } };

let upstream: Scripted;
let local: Scripted;
let gateway: Gateway;

beforeAll(async () => {
  upstream = startScripted(MODELS);
  local = startScripted([]);
  const cases = Object.entries(CASES).map(([name, { when, ...rule }]) => ({
    name,
    when: { ...(when as Json | undefined), header: { "x-case": name } },
    ...rule,
  }));
  const more = [
    { when: { header: { "x-case": "order" } }, then: { set: { "metadata.step": "one" } } },
    { when: { header: { "x-case": "order" }, field: { "metadata.step": "one" } }, then: { set: { user: "second" } } },
    { when: { header: { "x-case": "order" }, field: { user: "second" } }, then: {}, stop: true },
    { when: { header: { "x-case": "order" } }, then: { refuse: { message: "too far" } } },
    { when: { header: { "x-case": ["not", "nots"] }, not: OFF }, then: { addHeader: { "x-fits": "yes" } } },
  ];
  gateway = await startFromSource({
    upstreams: {
      up: { kind: "openai", baseUrl: upstream.url, accounts: [{ apiKey: "sk-test-000000" }] },
      local: { kind: "compatible", baseUrl: local.url, models: ["qwen3"] },
    },
    models: { aliases: { quick: "gpt-5.2-low" } },
    plugins: [
      { auth: { keys: [{ id: "ci", key: "key-of-the-ci" }] } },
      { rules: { rules: [...cases, ...more] } },
      ...["model-effort", "translate", "usage-log", "compact"],
    ],
  });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  await local?.[Symbol.asyncDispose]();
});

const KEY = { authorization: "Bearer key-of-the-ci" };

async function ask(client: Client, name: string, options: { stream?: boolean; model?: string; more?: Json } = {}) {
  const { stream = false, model = "gpt-5.5", more = {} } = options;
  const body = { ...client.body(model, "hello", stream), ...more };
  return await gateway.post(client.path(model, stream), body, { ...KEY, "x-case": name });
}

const FORMS = CLIENTS.flatMap((client) => [false, true].map((stream) => [client.name, stream, client] as const));

describe.each(FORMS)("%s, stream %p:", (_name, stream, client) => {
  test("a refusal is this dialect's own, and no upstream is asked", async () => {
    const before = upstream.asked.length;
    const answer = await ask(client, "refuse", { stream });
    expect(answer.status).toBe(400);
    const body = (await answer.json()) as Json;
    expect(client.codeOf(body) ?? "closed").toBe("closed");
    expect(JSON.stringify(body)).toContain("not today");
    expect(upstream.asked.length).toBe(before);
    expect(await gateway.receipt(answer)).toMatchObject({ outcome: "refused", code: "closed", licence: "ci" });
  });

  test("a refusal that passes says when to come back", async () => {
    const answer = await ask(client, "wait", { stream });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([client === messages ? 529 : 503, "7"]);
  });

  test("another model is asked, with an effort that it has", async () => {
    const answer = await ask(client, "route", { stream, model: "gpt-5.5-xhigh" });
    expect(answer.status).toBe(200);
    await answer.text();
    expect(upstream.last().body).toMatchObject({ model: "gpt-5-codex-mini", reasoning: { effort: "high" } });
    expect(answer.headers.get("x-codexd-model")).toBe("gpt-5-codex-mini");
    expect(await gateway.receipt(answer)).toMatchObject({ model: "gpt-5-codex-mini", effort: "high" });
  });

  test("the parameters of the model routed to win, an alias's too", async () => {
    await (await ask(client, "route-effort", { stream, model: "gpt-5.5-low" })).text();
    expect(upstream.last().body).toMatchObject({ model: "gpt-5.2", reasoning: { effort: "xhigh" } });
    await (await ask(client, "route-alias", { stream, model: "gpt-5.5-high" })).text();
    expect(upstream.last().body).toMatchObject({ model: "gpt-5.2", reasoning: { effort: "low" } });
  });

  test("another upstream is asked, also for a model that it does not list", async () => {
    const before = upstream.asked.length;
    const answer = await ask(client, "upstream", { stream });
    await answer.text();
    expect(local.last().body).toMatchObject({ model: "qwen3" });
    await (await ask(client, "upstream-only", { stream })).text();
    expect(local.last().body).toMatchObject({ model: "gpt-5.5" });
    expect(upstream.asked.length).toBe(before);
    expect(await gateway.receipt(answer)).toMatchObject({ upstream: "local" });
  });

  test("what is set holds, whatever the client says", async () => {
    await (await ask(client, "set", { stream, model: "gpt-5.5-low" })).text();
    expect(upstream.last().body).toMatchObject({
      model: "gpt-5.5",
      reasoning: { effort: "high" },
      metadata: { team: "blue" },
      max_output_tokens: 50,
    });
  });

  test("a default gives way to what the client says", async () => {
    await (await ask(client, "default", { stream })).text();
    expect(upstream.last().body).toMatchObject({ reasoning: { effort: "low" }, metadata: { team: "blue" } });
    await (await ask(client, "default", { stream, model: "gpt-5.5-high" })).text();
    expect(upstream.last().body).toMatchObject({ reasoning: { effort: "high" } });
    await (await ask(client, "default", { stream, model: "gpt-5-codex-mini" })).text();
    // Nobody but the rule wanted `low`, which this model lacks.
    expect(upstream.last().body).toMatchObject({ reasoning: { effort: "medium" } });
  });

  test("a header is on the answer", async () => {
    const answer = await ask(client, "header", { stream });
    expect([answer.status, answer.headers.get("x-team")]).toEqual([200, "blue"]);
    await answer.text();
  });

  test.each([
    ["dialect", "gpt-5.5", client === chat || client === gemini],
    ["stream", "gpt-5.5", stream],
    ["model", "gpt-5.2", true],
    ["model", "gpt-5.2-high", true],
    ["model", "quick", true],
    ["model", "gpt-5.5", false],
    ["asked", "gpt-5.2", true],
    ["asked", "gpt-5.2-high", false],
    ["asked", "quick", false],
    ["effort", "gpt-5.5-high", true],
    ["effort", "gpt-5.5-xhigh", true],
    ["effort", "gpt-5.5-low", false],
    ["not", "gpt-5.5", true],
    ["nots", "gpt-5.5", true],
    ["off", "gpt-5.5", false],
  ])("%s with %s fits: %p", async (name, model, fits) => {
    const answer = await ask(client, name, { stream, model });
    expect([answer.status, answer.headers.has("x-fits")]).toEqual([200, fits]);
    await answer.text();
  });
});

test("fields are taken out by their names in a turn, and told by the client's own", async () => {
  const answer = await ask(chat, "remove", {
    more: {
      temperature: 1,
      metadata: { secret: "x", kept: "y" },
      tools: [{ type: "web_search" }, { type: "function", function: { name: "f" } }],
    },
  });
  await answer.text();
  const { body } = upstream.last();
  expect(body).toMatchObject({ metadata: { kept: "y" }, tools: [{ type: "function", name: "f" }] });
  expect(body).not.toHaveProperty("metadata.secret");
  expect(body).not.toHaveProperty("temperature");
  expect(answer.headers.get("x-codexd-dropped")).toBe("metadata.secret, temperature, tools[type=web_search*]");
  const strict = await gateway.post(
    "/v1/responses",
    { model: "gpt-5.5", input: "hello", temperature: 1 },
    { ...KEY, "x-case": "remove", "x-codexd-strict": "1" },
  );
  expect([strict.status, await strict.json()]).toMatchObject([400, { error: { param: "temperature" } }]);
});

test("a list that loses its last entry goes too", async () => {
  const answer = await ask(responses, "remove", { more: { tools: [{ type: "web_search_preview" }] } });
  await answer.text();
  expect(upstream.last().body).not.toHaveProperty("tools");
});

test("rules see what those before them made, until one stops", async () => {
  const answer = await ask(responses, "order");
  expect(answer.status).toBe(200);
  expect(upstream.last().body).toMatchObject({ metadata: { step: "one" }, user: "second" });
});

test("counting tokens is an operation that a rule can tell", async () => {
  const body = { model: "gpt-5.5", messages: [{ role: "user", content: "hello" }] };
  const count = (name: string) => gateway.post("/v1/messages/count_tokens", body, { ...KEY, "x-case": name });
  expect((await count("operation")).status).toBe(403);
  expect((await count("header")).status).toBe(200);
  expect((await ask(messages, "operation")).status).toBe(200);
});

test("a conversation is told by its id", async () => {
  const asked = (session_id: string) => ask(chat, "session", { more: { session_id } });
  expect((await asked("team-1")).headers.has("x-fits")).toBe(true);
  expect((await asked("other")).headers.has("x-fits")).toBe(false);
});

test("a rule that routes to nowhere fails the request, and names itself", async () => {
  const answer = await ask(chat, "route-nowhere");
  expect(answer.status).toBe(500);
  expect(JSON.stringify(await answer.json())).toMatch(/rules\[5\] \(route-nowhere\)\.then\.route\.model.*gpt-99/);
});

test("a name that means no model is still refused, and its own rules do not stumble", async () => {
  for (const name of ["model", "set", "header"]) {
    const answer = await ask(chat, name, { model: "gpt-98" });
    expect([name, answer.status]).toEqual([name, 404]);
  }
  const moved = await ask(chat, "route", { model: "gpt-98" });
  expect([moved.status, upstream.last().body.model]).toEqual([200, "gpt-5-codex-mini"]);
});

const models: Models = {
  find: (slug) => (slug === "gpt-5" ? { slug, source: "config", listed: true, upstreams: [] } : undefined),
  all: () => [],
  aliases: {},
  default: undefined,
};
const quiet = (): undefined => undefined;
const host = {
  models,
  upstreams: [{ name: "up", wire: "responses", kind: "openai" }],
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
} as unknown as Host;

/** Whether a rule with this condition applies to an exchange like this. */
function fits(when: object, exchange: object): boolean {
  const answerHeaders = new Headers();
  const { turn } = rules.setup(host, { rules: [{ when, then: { addHeader: { "x-fits": "yes" } } }] });
  const base = {
    headers: new Headers(),
    principal: { id: "ci" },
    answerHeaders,
    dropped: new Set(),
    wants: {},
    turn: { model: "gpt-5", input: [] },
  };
  turn?.({ ...base, ...exchange } as unknown as Exchange);
  return answerHeaders.has("x-fits");
}

describe("a condition", () => {
  const turn = (fields: object) => ({ turn: { model: "gpt-5", input: [], ...fields } });
  const tools = [{ type: "function", name: "read" }, { type: "web_search" }];
  const cases: [name: string, when: object, exchange: object, fits: boolean][] = [
    ["nothing asked", {}, {}, true],
    ["the licence", { licence: "ci" }, {}, true],
    ["a pattern must fit whole", { licence: "c" }, {}, false],
    ["a dot is a dot", { licence: "c.*" }, {}, false],
    ["any of a list", { licence: ["a", "c*"] }, {}, true],
    ["a header in any case", { header: { "X-Team": "b*" } }, { headers: new Headers({ "x-team": "blue" }) }, true],
    ["a header that is there", { header: { "x-team": "*" } }, { headers: new Headers({ "x-team": "" }) }, true],
    ["a header that is not", { header: { "x-team": "*" } }, {}, false],
    ["every header", { header: { a: "*", b: "*" } }, { headers: new Headers({ a: "1" }) }, false],
    ["a number", { field: { top_logprobs: 5 } }, turn({ top_logprobs: 5 }), true],
    ["a number is no text", { field: { top_logprobs: "5" } }, turn({ top_logprobs: 5 }), false],
    ["above", { field: { n: { above: 5 } } }, turn({ n: 6 }), true],
    ["not above", { field: { n: { above: 5 } } }, turn({ n: 5 }), false],
    ["between", { field: { n: { above: 5, below: 7 } } }, turn({ n: 6 }), true],
    ["above, absent", { field: { n: { above: 5 } } }, turn({}), false],
    ["true", { field: { store: true } }, turn({ store: true }), true],
    ["null", { field: { store: null } }, turn({ store: null }), true],
    ["there", { field: { tools: "*" } }, turn({ tools }), true],
    ["null is not there", { field: { tools: "*" } }, turn({ tools: null }), false],
    ["any entry", { field: { "tools[].type": "web_*" } }, turn({ tools }), true],
    ["the first entry", { field: { "tools[0].type": "web_*" } }, turn({ tools }), false],
    ["the entries that fit", { field: { "tools[type=function].name": "re*" } }, turn({ tools }), true],
    ["a list of texts", { field: { include: "x" } }, turn({ include: ["y", "x"] }), true],
    ["what objects inherit is no field", { field: { "metadata.constructor": "*" } }, turn({ metadata: {} }), false],
    ["not", { not: { licence: "ci" } }, {}, false],
    ["not all of it", { not: { licence: "ci", stream: true } }, { stream: false }, true],
    ["none of a list", { not: [{ licence: "x" }, { licence: "ci" }] }, {}, false],
  ];
  test.each(cases)("%s", (_name, when, exchange, expected) => expect(fits(when, exchange)).toBe(expected));
});

test("paths read, write and remove where they lead, and nowhere else", () => {
  const path = (text: string) => parsePath(text) ?? expect.unreachable(text);
  const value = { a: { b: [{ c: 1 }, { c: 2, d: "x" }] }, text: "said" };
  expect(read(value, path("a.b[].c"))).toEqual([1, 2]);
  expect(read(value, path("a.b[d=x].c"))).toEqual([2]);
  expect(read(value, path("text.length"))).toEqual([]);
  expect(write(value, path("a.b[].c"), 3, false)).toBe(true);
  expect(write(value, path("a.b[7].c"), 3, false)).toBe(false);
  expect(write(value, path("none[].c"), 3, false)).toBe(false);
  expect(write(value, path("text.format.type"), "json", true)).toBe(false);
  expect(write(value, path("text.format.type"), "json", false)).toBe(true);
  expect(remove(value, path("a.b[].d"))).toBe(true);
  expect(remove(value, path("a.x.y"))).toBe(false);
  expect(value as unknown).toEqual({ a: { b: [{ c: 3 }, { c: 3 }] }, text: { format: { type: "json" } } });
  for (const text of ["", ".", "a.", "[0]", "a[", "a[x", "__proto__.x", "a..b", "a b"]) {
    expect([text, parsePath(text)]).toEqual([text, undefined]);
  }
});

test("a value that is set is no part of another exchange", () => {
  const { turn } = rules.setup(host, { rules: [{ then: { set: { metadata: { team: "blue" } } } }] });
  const made = [1, 2].map(() => {
    const exchange = { turn: { model: "gpt-5", input: [] as object[] }, principal: { id: "x" } } as unknown as Exchange;
    turn?.(exchange);
    return exchange.turn.metadata as Json;
  });
  (made[0] as Json).team = "red";
  expect(made[1]).toEqual({ team: "blue" });
});

describe("what cannot be meant is refused when it is loaded:", () => {
  const cases: [rule: object, problem: string][] = [
    [{}, "rules[0]: does nothing; legal is a `then` with"],
    [{ name: "x", when: { licence: [] }, stop: true }, "rules[0] (x).when.licence: found an empty list"],
    [{ when: { field: { "a[": 1 } }, stop: true }, 'rules[0].when.field: found the path "a["; legal are names joined'],
    [{ when: { field: { a: {} } }, stop: true }, 'rules[0].when.field["a"]: found nothing to compare with; legal are'],
    [{ when: { not: [{ header: { "a b": "x" } }] }, stop: true }, "rules[0].when.not[0].header: found the name"],
    [{ then: { route: { upstream: "down" } } }, 'then.route.upstream: found "down"; legal are the upstreams: up'],
    [{ then: { route: {} } }, "rules[0].then.route: found nothing; legal are model and upstream"],
    [{ then: { set: { model: "x" } } }, "rules[0].then.set: found model; legal is any other field"],
    [{ then: { remove: ["a[]", "]"] } }, 'rules[0].then.remove[1]: found the path "]"'],
    [{ then: { addHeader: { "x-request-id": "1" } } }, "found x-request-id, which codexd sets itself"],
    [{ then: { addHeader: { "x y": "1" } } }, 'rules[0].then.addHeader: found "x y"'],
    [{ then: { addHeader: { "x-y": "1\n2" } } }, "legal is a header's name and text of one line"],
  ];
  test.each(cases)("%j", (rule, problem) => {
    expect(() => rules.setup(host, { rules: [rule] })).toThrow(problem);
  });

  test("and what the schema knows is named with its path", () => {
    const list = [
      { when: { licence: 5, dialect: { x: 1 }, field: { n: { abve: 5 } } } },
      { then: { refuse: { kind: "internal" }, remove: "x" }, also: 1 },
    ];
    const text = `${UPSTREAM}plugins: [auth, { rules: ${JSON.stringify({ rules: list })} }, translate]\n`;
    expect(fixture(text).problems()).toEqual([
      "codexd.yaml: plugins[1].rules.rules[0].when.licence: found 5; legal is text that is not empty (numbers in quotes), or a list",
      "codexd.yaml: plugins[1].rules.rules[0].when.dialect: found a mapping; legal is text that is not empty (numbers in quotes), or a list",
      'codexd.yaml: plugins[1].rules.rules[0].when.field.n.abve: unknown key "abve"; did you mean above? Legal: above, below',
      'codexd.yaml: plugins[1].rules.rules[1].also: unknown key "also"; Legal: name, when, then, stop',
      "codexd.yaml: plugins[1].rules.rules[1].then.refuse.message: missing; legal is text that is not empty (numbers in quotes)",
      'codexd.yaml: plugins[1].rules.rules[1].then.refuse.kind: found the text "internal"; legal is permission, invalid_request, unknown_model, rate_limit, quota, overloaded or unsupported',
      'codexd.yaml: plugins[1].rules.rules[1].then.remove: found the text "x"; legal is a list',
    ]);
  });
});

const MANUAL = readFileSync(join(import.meta.dir, "../../plugins/rules/README.md"), "utf8");
const EXAMPLES = new Map(
  [...MANUAL.matchAll(/^### (.+)\n\n```yaml\n([\s\S]*?)```/gm)].map((match) => [
    match[1] as string,
    match[2] as string,
  ]),
);

/** What a request meets under an example of the manual: fields of the turn that is sent, or a status. */
interface Trial {
  licence?: string;
  model?: string;
  headers?: Record<string, string>;
  body?: Json;
  sent?: Json;
  lacks?: string;
  status?: number;
}

const picture = { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=" };
const TRIALS: Record<string, Trial[]> = {
  "A licence that only gets small models": [
    { licence: "intern-1", model: "gpt-5.5-xhigh", sent: { model: "gpt-5-codex-mini", reasoning: { effort: "high" } } },
    { licence: "intern-1", model: "gpt-5-codex-mini", sent: { model: "gpt-5-codex-mini" } },
    { licence: "ops", sent: { model: "gpt-5.5" } },
  ],
  "Think less unless asked": [
    { sent: { reasoning: { effort: "low" }, text: { verbosity: "low" } } },
    { model: "gpt-5.5-high", sent: { reasoning: { effort: "high" } } },
    { body: { text: { verbosity: "high" } }, sent: { text: { verbosity: "high" } } },
  ],
  "A ceiling for effort": [
    { model: "gpt-5.5-xhigh", sent: { reasoning: { effort: "high" } } },
    { body: { reasoning: { effort: "max" } }, sent: { reasoning: { effort: "high" } } },
    { model: "gpt-5.5-xhigh", licence: "ops-1", sent: { reasoning: { effort: "xhigh" } } },
    { model: "gpt-5.5-low", sent: { reasoning: { effort: "low" } } },
  ],
  "A ceiling for the length of an answer": [
    { body: { max_output_tokens: 9000 }, sent: { max_output_tokens: 4000 } },
    { body: { max_output_tokens: 90 }, sent: { max_output_tokens: 90 } },
    { sent: { max_output_tokens: 4000 } },
  ],
  "No web search": [
    { body: { tools: [{ type: "web_search_preview" }] }, lacks: "tools" },
    { body: { tools: [{ type: "image_generation" }] }, sent: { tools: [{ type: "image_generation" }] } },
  ],
  "No pictures": [
    { body: { input: [{ role: "user", content: [picture] }] }, status: 400 },
    { sent: { model: "gpt-5.5" } },
  ],
  "Fast only for those who pay for it": [
    { model: "gpt-5.5-fast", lacks: "service_tier" },
    { model: "gpt-5.5-fast", licence: "gold-1", sent: { service_tier: "priority" } },
  ],
  "One team on the machine in the basement": [
    { headers: { "x-team": "basement" }, sent: { model: "qwen3" } },
    { sent: { model: "gpt-5.5" } },
  ],
  "Keep working on an old name": [
    { model: "gpt-4o-2024-05-13", sent: { model: "gpt-5.2", reasoning: { effort: "low" } } },
    { model: "gpt-4o", sent: { model: "gpt-5.2" } },
    { model: "gpt-4", status: 400 },
  ],
  "Closed to all but one, for the time of the migration": [
    { status: 503 },
    { licence: "ops", sent: { model: "gpt-5.5" } },
  ],
};

test("every example of the manual has its trial", () => {
  expect([...EXAMPLES.keys()]).toEqual(Object.keys(TRIALS));
  expect(EXAMPLES.size).toBeGreaterThan(5);
});

test.each([...EXAMPLES])("the manual: %s", async (title, example) => {
  const ids = ["ci", "ops", "ops-1", "intern-1", "gold-1"];
  await using tried = await startFromSource({
    upstreams: {
      up: { kind: "openai", baseUrl: upstream.url, accounts: [{ apiKey: "sk-test-000000" }] },
      local: { kind: "compatible", baseUrl: local.url, models: ["qwen3"] },
    },
    plugins: [
      { auth: { keys: ids.map((id) => ({ id, key: `key-of-${id}` })) } },
      { rules: { rules: Bun.YAML.parse(example) } },
      ...["model-effort", "translate", "usage-log", "compact"],
    ],
  });
  for (const { licence = "ci", model = "gpt-5.5", headers, body, sent, lacks, status = 200 } of TRIALS[title] ?? []) {
    const asked = { model, input: "hello", ...body };
    const answer = await tried.post("/v1/responses", asked, { authorization: `Bearer key-of-${licence}`, ...headers });
    const text = await answer.text();
    expect([title, answer.status, text]).toEqual([title, status, expect.any(String)]);
    if (status !== 200) continue;
    const seen = sent?.model === "qwen3" ? local.last().body : upstream.last().body;
    if (sent) expect(seen).toMatchObject(sent);
    if (lacks) expect(seen).not.toHaveProperty(lacks);
    if (sent?.model === "qwen3") expect(answer.headers.get("x-served-from")).toBe("the basement");
  }
});
