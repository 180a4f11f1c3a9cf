// Who may do what: every way to hand over a key, what a licence allows, and what an open door would cost.

import { expect, test } from "bun:test";
import { codexd, type Server, startGateway, temporary } from "../binary.ts";
import { ring } from "./ring.ts";

interface Envelope {
  error: { message: string; code: string };
}

const KEY = "a-key-of-the-configuration";
const auth = (...keys: Record<string, unknown>[]) => ({
  plugins: [{ auth: { keys } }, "model-effort", "translate", "usage-log", "compact"],
});
const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

async function codeOf(answer: Response | Promise<Response>): Promise<[status: number, code: unknown]> {
  const response = await answer;
  const text = await response.text();
  const body = text.startsWith("{") ? (JSON.parse(text) as Partial<Envelope> & { type?: string }) : {};
  return [response.status, body.error?.code];
}

test("each way to present a key opens the door, a wrong one does not, and any valid one of several wins", async () => {
  await using it = await ring({ config: auth({ id: "ci", key: KEY }) });
  const { base } = it.gateway;
  const models = (headers: Record<string, string>, query = "") =>
    codeOf(fetch(`${base}/v1/models${query}`, { headers }));
  const ways: ((key: string) => [Record<string, string>, string?])[] = [
    (key) => [{ authorization: `Bearer ${key}` }],
    (key) => [{ authorization: `bearer   ${key}` }],
    (key) => [{ "x-api-key": key }],
    (key) => [{}, `?key=${key}`],
  ];
  for (const way of ways) {
    expect(await models(...way(KEY))).toEqual([200, undefined]);
    expect(await models(...way("wrong-key-0000"))).toEqual([401, "invalid_api_key"]);
  }
  const google = (key: string) => fetch(`${base}/v1beta/models`, { headers: { "x-goog-api-key": key } });
  expect((await google(KEY)).status).toBe(200);
  expect((await google("wrong-key-0000")).status).toBe(401);
  expect(await models({ authorization: "Bearer wrong", "x-api-key": KEY })).toEqual([200, undefined]);
  expect(await models({ authorization: "Bearer wrong", "x-api-key": "wrong" }, `?key=${KEY}`)).toEqual([
    200,
    undefined,
  ]);
  expect(await models({})).toEqual([401, "invalid_api_key"]);
  expect(await models({ authorization: `Basic ${KEY}` })).toEqual([401, "invalid_api_key"]);
  expect((await it.ask("x", { stream: false }, bearer(KEY))).status).toBe(200);
  expect((await it.stats()).requests).toBeGreaterThan(0);
});

test("the configuration, CODEXD_KEYS and the store give licences side by side; receipts name them", async () => {
  const data = temporary();
  const made = await codexd(["keys", "create", "stored", "--json"], { data });
  const stored = (JSON.parse(made.stdout) as { key: string }).key;
  await using it = await ring({
    config: auth({ id: "configured", key: "${FROM_ENV}" }),
    gateway: { data, env: { CODEXD_KEYS: " env-key-one , env-key-two ", FROM_ENV: KEY } },
  });
  for (const key of [KEY, stored, "env-key-one", "env-key-two"])
    expect((await it.ask("x", { stream: false }, bearer(key))).status).toBe(200);
  expect((await it.settled(4)).map(({ licence }) => licence)).toEqual(["configured", "stored", "env-1", "env-2"]);
});

test("a revoked licence is refused on the next request, and revoking the last one does not open the server", async () => {
  const data = temporary();
  const create = async (id: string) => (await codexd(["keys", "create", id], { data })).stdout.trim();
  const [one, two] = [await create("one"), await create("two")];
  await using gateway = await startGateway({ data });
  const models = (key?: string) => codeOf(fetch(`${gateway.base}/v1/models`, key ? bearer(key) : {}));
  expect(await models(one)).toEqual([200, undefined]);
  await codexd(["keys", "revoke", "one"], { data });
  expect(await models(one)).toEqual([401, "invalid_api_key"]);
  expect(await models(two)).toEqual([200, undefined]);
  await codexd(["keys", "revoke", "two"], { data });
  expect(await models(two)).toEqual([401, "invalid_api_key"]);
  expect(await models()).toEqual([401, "invalid_api_key"]);
  // And one that is made while the server runs works at once.
  expect(await models(await create("three"))).toEqual([200, undefined]);
});

test("a licence for some dialects is refused on the others, their model lists included", async () => {
  await using it = await ring({
    config: auth(
      { id: "openai", key: "key-of-openai", dialects: ["chat", "responses"] },
      { id: "cli", key: "key-of-the-cli", dialects: ["responses"] },
      { id: "claude", key: "key-of-claude", dialects: ["messages"] },
    ),
  });
  const { base } = it.gateway;
  const message = [{ role: "user", content: "x" }];
  const asks: Record<string, (key: string) => Promise<Response>> = {
    chat: (key) => it.post("/v1/chat/completions", { model: "gpt-5.5", messages: message }, bearer(key)),
    responses: (key) => it.post("/v1/responses", { model: "gpt-5.5", input: "x" }, bearer(key)),
    messages: (key) => it.post("/v1/messages", { model: "gpt-5.5", max_tokens: 9, messages: message }, bearer(key)),
    gemini: (key) =>
      it.post("/v1beta/models/gpt-5.5:generateContent", { contents: [{ parts: [{ text: "x" }] }] }, bearer(key)),
  };
  const lists: Record<string, (key: string) => Promise<Response>> = {
    "as OpenAI's": (key) => fetch(`${base}/v1/models`, bearer(key)),
    "as Codex's": (key) => fetch(`${base}/models?client_version=0.170.0`, bearer(key)),
    "as Anthropic's": (key) =>
      fetch(`${base}/v1/models`, { headers: { "x-api-key": key, "anthropic-version": "2023-06-01" } }),
    "as Google's": (key) => fetch(`${base}/v1beta/models`, { headers: { "x-goog-api-key": key } }),
  };
  const statuses = async (key: string) => {
    const all: Record<string, number> = {};
    for (const [name, ask] of Object.entries({ ...asks, ...lists })) all[name] = (await ask(key)).status;
    return all;
  };
  expect(await statuses("key-of-openai")).toEqual({
    ...{ chat: 200, responses: 200, messages: 403, gemini: 403 },
    ...{ "as OpenAI's": 200, "as Codex's": 200, "as Anthropic's": 403, "as Google's": 403 },
  });
  // OpenAI's list belongs to both of its dialects.
  expect(await statuses("key-of-the-cli")).toEqual({
    ...{ chat: 403, responses: 200, messages: 403, gemini: 403 },
    ...{ "as OpenAI's": 200, "as Codex's": 200, "as Anthropic's": 403, "as Google's": 403 },
  });
  expect(await statuses("key-of-claude")).toEqual({
    ...{ chat: 403, responses: 403, messages: 200, gemini: 403 },
    ...{ "as OpenAI's": 403, "as Codex's": 403, "as Anthropic's": 200, "as Google's": 403 },
  });
  const { error } = (await (asks.chat as (key: string) => Promise<Response>)("key-of-claude").then((answer) =>
    answer.json(),
  )) as Envelope;
  expect(error.code).toBe("dialect_not_allowed");
});

test("what only the Codex CLI calls belongs to its dialect", async () => {
  await using it = await ring({
    kind: "chatgpt",
    config: auth(
      { id: "cli", key: "key-of-the-cli", dialects: ["responses"] },
      { id: "claude", key: "key-of-claude", dialects: ["messages"] },
    ),
  });
  const search = (key: string) => codeOf(it.post("/alpha/search", { query: "x" }, bearer(key)));
  expect(await search("key-of-the-cli")).toEqual([200, undefined]);
  expect(await search("key-of-claude")).toEqual([403, "dialect_not_allowed"]);
});

for (const [what, chain] of [
  ["with the default chain", ["model-effort", "translate", "usage-log", "compact"]],
  ["without model-effort", ["translate", "usage-log", "compact"]],
] as const)
  test(`a licence for some models reaches no other one, ${what}`, async () => {
    const keys = [{ id: "five", key: KEY, models: ["gpt-5.5*", "gpt-5.2"] }];
    await using it = await ring({
      config: {
        plugins: [{ auth: { keys } }, ...chain],
        models: { aliases: { "gpt-5.5-sly": "gpt-5.1-codex" } },
      },
    });
    const ask = (model: string, path = "/v1/responses") => codeOf(it.post(path, { model, input: "x" }, bearer(KEY)));
    expect(await ask("gpt-5.5")).toEqual([200, undefined]);
    expect(await ask("gpt-5.1")).toEqual([403, "model_not_allowed"]);
    expect(await ask("gpt-5.1", "/v1/responses/compact")).toEqual([403, "model_not_allowed"]);
    if (chain.length === 4) {
      expect(await ask("gpt-5.5-high")).toEqual([200, undefined]);
      expect(await ask("gpt-5.2-codex")).toEqual([403, "model_not_allowed"]);
      // The pattern is held against what is asked upstream, not against the name that leads there.
      expect(await ask("gpt-5.5-sly")).toEqual([403, "model_not_allowed"]);
    }
    const { data } = (await (await fetch(`${it.gateway.base}/v1/models`, bearer(KEY))).json()) as {
      data: { id: string }[];
    };
    expect(data.map(({ id }) => id).sort()).toEqual(["gpt-5.2", "gpt-5.5"]);
    expect(await codeOf(fetch(`${it.gateway.base}/v1/models/gpt-5.1`, bearer(KEY)))).toEqual([404, "model_not_found"]);
  });

test("default effort, strict and reasoning hold per licence, from the configuration and from the store", async () => {
  const data = temporary();
  const flags = ["--effort", "low", "--strict", "--reasoning", "think", "--json"];
  const made = JSON.parse((await codexd(["keys", "create", "stored", ...flags], { data })).stdout) as { key: string };
  const config = auth({ id: "configured", key: KEY, effort: "low", strict: true, reasoning: "think" });
  await using it = await ring({ config, kind: "chatgpt", gateway: { data, env: { CODEXD_KEYS: "plain-key-00" } } });
  for (const [key, special] of [
    [KEY, true],
    [made.key, true],
    ["plain-key-00", false],
  ] as const) {
    const plain = await it.ask("x", { stream: false }, bearer(key));
    expect(plain.headers.get("x-codexd-effort")).toBe(special ? "low" : "medium");
    const dropped = await it.ask("x", { stream: false, temperature: 1 }, bearer(key));
    expect([dropped.status, dropped.headers.get("x-codexd-dropped")]).toEqual([special ? 400 : 200, "temperature"]);
    const lenient = await it.ask(
      "x",
      { stream: false, temperature: 1 },
      {
        headers: { ...bearer(key).headers, "x-codexd-strict": "0" },
      },
    );
    expect(lenient.status).toBe(200);
    const chat = await it.post(
      "/v1/chat/completions",
      {
        model: "gpt-5.5",
        messages: [{ role: "user", content: "REASON pondering ;; SAY done" }],
        reasoning_effort: "high",
      },
      bearer(key),
    );
    const { choices } = (await chat.json()) as { choices: { message: { content: string; reasoning?: string } }[] };
    expect(choices[0]?.message.content.includes("<think>")).toBe(special);
    expect(choices[0]?.message.reasoning !== undefined).toBe(!special);
  }
});

test("an address that is not loopback is refused without a licence, and with one foreign names may knock", async () => {
  const data = temporary();
  const start = () => codexd(["serve", "--sandbox", "--port", "0", "--host", "0.0.0.0"], { data });
  const refused = await start();
  expect([refused.code, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toMatch(/^codexd: refusing to listen on 0\.0\.0\.0 without a licence[^\n]*\n$/);
  const key = (await codexd(["keys", "create", "one"], { data })).stdout.trim();
  {
    await using gateway = await startGateway({ data, args: ["--host", "0.0.0.0"] });
    const ask = (headers: Record<string, string>) =>
      codeOf(fetch(`http://127.0.0.1:${gateway.port}/codex/v1/models`, { headers }));
    expect(await ask({ host: "gateway.example.org", authorization: `Bearer ${key}` })).toEqual([200, undefined]);
    expect(await ask({ host: "gateway.example.org" })).toEqual([401, "invalid_api_key"]);
    expect(await ask({})).toEqual([401, "invalid_api_key"]);
  }
  await codexd(["keys", "revoke", "one"], { data });
  expect((await start()).code).toBe(1);
});

test("on loopback with no licence ever made, everybody on the machine is `local`, but no page of another origin", async () => {
  await using it = await ring();
  expect((await it.ask("x", { stream: false })).status).toBe(200);
  expect((await it.ask("x", { stream: false }, bearer("any-key-at-all"))).status).toBe(200);
  for (const origin of ["https://evil.example", "null", "http://localhost.evil.example"])
    expect(await codeOf(it.ask("x", { stream: false }, { headers: { origin } }))).toEqual([403, "origin_not_allowed"]);
  expect((await it.settled(2)).map(({ licence }) => licence).slice(0, 2)).toEqual(["local", "local"]);
});

test("a flood of bad keys meets 429 with Retry-After after twenty, and a valid key still works", async () => {
  await using it = await ring({ config: auth({ id: "ci", key: KEY }) });
  for (let at = 0; at < 20; at++)
    expect(await codeOf(it.ask("x", {}, bearer(`guess-${at}`)))).toEqual([401, "invalid_api_key"]);
  const flooded = await it.ask("x", {}, bearer("guess-20"));
  expect([flooded.status, ((await flooded.json()) as Envelope).error.code]).toEqual([429, "rate_limit_exceeded"]);
  const wait = Number(flooded.headers.get("retry-after"));
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(60);
  expect((await fetch(`${it.gateway.base}/v1/models`, bearer("guess-21"))).status).toBe(429);
  expect((await it.ask("x", { stream: false }, bearer(KEY))).status).toBe(200);
  // A flood must not fill the disk.
  expect((await it.settled(21)).length).toBe(21);
});

const status = async (gateway: Server, path: string, headers: Record<string, string> = {}) =>
  (await fetch(`${gateway.url}${path}`, { headers })).status;

test("/admin always needs an admin licence, on loopback too", async () => {
  {
    await using open = await startGateway();
    expect([await status(open, "/admin/"), await status(open, "/admin"), await status(open, "/admin/x")]).toEqual([
      401, 401, 401,
    ]);
  }
  await using gateway = await startGateway({
    sandbox: true,
    config: auth({ id: "boss", key: KEY, admin: true }, { id: "ci", key: "key-of-the-ci" }),
  });
  expect(await status(gateway, "/admin/x")).toBe(401);
  expect(await status(gateway, "/admin/x", { "x-api-key": "key-of-the-ci" })).toBe(403);
  expect(await status(gateway, "/admin/x", { "x-api-key": KEY })).toBe(404);
});

test("/metrics needs an admin licence, unless the peer is this host and no proxy stands between", async () => {
  await using gateway = await startGateway({
    sandbox: true,
    config: auth({ id: "boss", key: KEY, admin: true }, { id: "ci", key: "key-of-the-ci" }),
  });
  expect(await status(gateway, "/metrics")).toBe(200);
  for (const mark of ["forwarded", "x-forwarded-for", "x-forwarded-port", "x-forwarded-server", "via", "x-real-ip"]) {
    expect([mark, await status(gateway, "/metrics", { [mark]: "1" })]).toEqual([mark, 401]);
    expect(await status(gateway, "/metrics", { [mark]: "1", "x-api-key": "key-of-the-ci" })).toBe(403);
    expect(await status(gateway, "/metrics", { [mark]: "1", "x-api-key": KEY })).toBe(200);
  }
});

test("a licence that cannot mean anything is refused with its place", async () => {
  const data = temporary();
  const reserved = await codexd(["keys", "create", "local"], { data });
  expect(reserved.code).toBe(2);
  expect(reserved.stderr).toContain("local");
  for (const [licence, place] of [
    [{ id: "ci", key: KEY, dialects: ["chatt"] }, "plugins[0].auth.keys[0].dialects[0]"],
    [{ id: "ci", key: KEY, effort: "hihg" }, "plugins[0].auth.keys[0].effort"],
    [{ id: "ci", key: KEY, reasoning: "loud" }, "plugins[0].auth.keys[0].reasoning"],
    [{ id: "", key: KEY }, "plugins[0].auth.keys[0].id"],
    [{ id: "ci", key: "short" }, "plugins[0].auth.keys[0].key"],
    [{ id: "ci" }, "plugins[0].auth.keys[0].key"],
    [{ id: "ci", key: KEY, requestsPerMinute: 0 }, "plugins[0].auth.keys[0].requestsPerMinute"],
  ] as const) {
    const config = `${temporary()}/codexd.yaml`;
    await Bun.write(config, JSON.stringify(auth(licence)));
    const { code, stderr } = await codexd(["config", "check", "--sandbox", "--config", config]);
    expect([place, code, stderr.includes(`${place}: `)]).toEqual([place, 1, true]);
    expect(stderr).not.toContain(KEY);
  }
  for (const [first, second] of [
    [
      { id: "ci", key: KEY },
      { id: "ci", key: "another-key-00" },
    ],
    [
      { id: "ci", key: KEY },
      { id: "other", key: KEY },
    ],
    [
      { id: "local", key: KEY },
      { id: "other", key: "another-key-00" },
    ],
  ] as const) {
    const config = `${temporary()}/codexd.yaml`;
    await Bun.write(config, JSON.stringify(auth(first, second)));
    const { code, stderr } = await codexd(["serve", "--sandbox", "--port", "0", "--config", config]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^codexd: [^\n]*auth\.keys[^\n]*\n$/);
    expect(stderr).not.toContain(KEY);
  }
});
