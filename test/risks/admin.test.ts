// What a command can do, the admin API can do; nobody gets there without an admin licence; and no answer has a secret in it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { type Document, faultOf, operationAt, operationsOf, validatorsOf } from "../contract/openapi-kit.ts";
import { type Ring, readAll, ring } from "./ring.ts";

const ADMIN = "an-admin-licence-of-the-tests";
const USER = "a-plain-licence-of-the-tests";
const CHAIN = ["model-effort", "translate", "usage-log", "compact"];
const keys = [
  { id: "boss", key: ADMIN, admin: true, requestsPerMinute: 100 },
  { id: "user", key: USER },
];

let it: Ring;
let document: Document;
let validatorOf: ReturnType<typeof validatorsOf>;

beforeAll(async () => {
  const prices = { models: { "gpt-5*": { input: 1, output: 10 } } };
  it = await ring({ kind: "chatgpt", config: { plugins: [{ auth: { keys } }, ...CHAIN], prices } });
  document = (await (await fetch(`${it.gateway.url}/openapi.json`)).json()) as Document;
  validatorOf = validatorsOf(document);
});

afterAll(async () => {
  await it[Symbol.asyncDispose]();
});

type Json = Record<string, unknown>;

/** Asks, and holds the answer to the document. */
async function admin(method: string, path: string, body?: unknown, key = ADMIN) {
  const answer = await fetch(`${it.gateway.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const where = `${method} ${path} → ${answer.status} ${text.slice(0, 300)}`;
  const [, { responses }] = operationAt(document, method, new URL(path, it.gateway.url).pathname) ?? [
    "",
    { responses: {} as never },
  ];
  const told = responses[answer.status];
  expect(told, where).toBeDefined();
  const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
  expect(told?.content?.[type], `${where} as ${type}`).toBeDefined();
  const json = type === "application/json" ? (JSON.parse(text) as Json) : ({} as Json);
  if (type === "application/json")
    expect(faultOf(validatorOf(told?.content?.[type]?.schema), json), where).toBeUndefined();
  expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  return { status: answer.status, json, text, type };
}

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

describe("licences", () => {
  test("are made, shown, held to their limits and revoked", async () => {
    const made = await admin("POST", "/admin/licences", { id: "ci", dialects: ["chat"], requestsPerMinute: 2 });
    expect([made.status, made.json.key]).toEqual([201, expect.stringMatching(/^cdx_/)]);
    const key = String(made.json.key);
    const chat = { model: "gpt-5.5", messages: [{ role: "user", content: "hello" }] };
    expect((await it.post("/v1/chat/completions", chat, bearer(key))).status).toBe(200);
    expect((await admin("GET", "/admin/licences")).text).not.toContain(key);
    expect((await admin("GET", "/admin/licences/ci")).json).toMatchObject({ dialects: ["chat"], revokedAt: null });
    const { limits } = (await admin("GET", "/admin/licences/ci/limits")).json as { limits?: unknown[] };
    expect(limits).toEqual([
      expect.objectContaining({ name: "requestsPerMinute", limit: 2, remaining: 1, of: "licence ci" }),
    ]);
    expect((await admin("DELETE", "/admin/licences/ci")).json.revokedAt).toMatch(/Z$/);
    expect((await it.post("/v1/chat/completions", chat, bearer(key))).status).toBe(401);
  });

  test("that cannot be made are refused with what is legal", async () => {
    await admin("POST", "/admin/licences", { id: "twin" });
    expect((await admin("POST", "/admin/licences", { id: "twin" })).status).toBe(409);
    for (const body of [
      { id: "local" },
      { id: "no spaces" },
      { dialects: ["cobol"] },
      { admn: true },
      { streams: 0 },
      [],
    ])
      expect([body, (await admin("POST", "/admin/licences", body)).status]).toEqual([body, 400]);
    expect((await admin("POST", "/admin/licences", { admn: true })).text).toContain("did you mean admin");
    expect((await admin("GET", "/admin/licences/nobody")).status).toBe(404);
    expect((await admin("DELETE", "/admin/licences/nobody")).status).toBe(404);
    expect((await admin("GET", "/admin/licences/nobody/limits")).status).toBe(404);
  });

  test("of the caller's own kind in the configuration show their limits", async () => {
    const { json } = await admin("GET", "/admin/licences/boss/limits");
    expect(json).toMatchObject({ licence: "boss", shared: false, limits: [{ name: "requestsPerMinute", limit: 100 }] });
  });
});

describe("accounts", () => {
  test("are listed, paused, resumed and cleared, and the server heeds it at once", async () => {
    const list = (await admin("GET", "/admin/accounts")).json;
    expect(list).toMatchObject({ accounts: [{ name: "login", form: "accessToken", status: "active" }] });
    expect((await admin("POST", "/admin/accounts/login/pause")).json).toMatchObject({ paused: true, status: "paused" });
    expect((await it.ask("hello", {}, bearer(USER))).status).toBeGreaterThanOrEqual(400);
    expect((await admin("GET", "/admin/upstreams")).json).toMatchObject({
      upstreams: [{ name: "up", status: "no usable account", accounts: [{ usable: false, why: "paused" }] }],
    });
    await admin("POST", "/admin/accounts/login/resume");
    await admin("POST", "/admin/accounts/login/clear-cooldown");
    expect((await admin("GET", "/admin/accounts/login")).json.status).toBe("active");
    expect((await it.ask("hello", {}, bearer(USER))).status).toBe(200);
    const { upstreams } = (await admin("GET", "/admin/upstreams")).json as { upstreams?: { models: string[] }[] };
    expect(upstreams?.[0]).toMatchObject({ status: "ok", models: expect.arrayContaining(["gpt-5.5"]) });
  });

  test("that the configuration has are not removed here, and unknown ones are told", async () => {
    expect((await admin("DELETE", "/admin/accounts/login")).status).toBe(409);
    expect((await admin("POST", "/admin/accounts/login/logout")).status).toBe(409);
    expect((await admin("POST", "/admin/accounts/login/refresh")).status).toBeLessThan(600);
    for (const action of ["pause", "resume", "refresh", "clear-cooldown", "logout"])
      expect((await admin("POST", `/admin/accounts/nobody/${action}`)).status).toBe(404);
    expect((await admin("GET", "/admin/accounts/nobody")).status).toBe(404);
  });

  test("are made of tokens, which no answer repeats, and removed", async () => {
    const credential = "sk-proj-secretsecretsecret";
    const made = await admin("POST", "/admin/accounts", { credential, name: "spare" });
    expect([made.status, made.json.name]).toEqual([201, "spare"]);
    const all =
      made.text + (await admin("GET", "/admin/accounts")).text + (await admin("GET", "/admin/accounts/spare")).text;
    expect(all).not.toContain("secretsecret");
    expect((await admin("DELETE", "/admin/accounts/spare")).json).toEqual({
      name: "spare",
      removed: true,
      revoked: false,
    });
    const wrong = await admin("POST", "/admin/accounts", { credential: "certainly no credential of any kind" });
    expect([wrong.status, wrong.text.includes("certainly")]).toEqual([400, false]);
    expect((await admin("POST", "/admin/accounts", {})).status).toBe(400);
  });
});

test("usage, receipts and sessions tell the same as the receipts of this server", async () => {
  const talk = { session_id: "my/talk 1", stream: false };
  await readAll(await it.ask("SAY hi\nUSAGE 1000 500 20 5", talk, bearer(USER)));
  const failed = await it.ask("FAIL context_length_exceeded", talk, bearer(USER));
  const id = failed.headers.get("x-request-id") ?? "";
  await readAll(failed);
  const { rows, currency } = (await admin("GET", "/admin/usage?since=1h&by=model,outcome&session=my/talk%201"))
    .json as {
    rows?: Record<string, unknown>[];
    currency?: string;
  };
  expect(currency).toBe("USD");
  expect(rows?.find(({ keys }) => (keys as Json).outcome === "ok")).toMatchObject({
    turns: 1,
    inputTokens: 1000,
    estimatedCost: 0.0012,
  });
  const found = (await admin("GET", `/admin/receipts?id=${id}`)).json as { receipts?: Json[] };
  expect(found.receipts).toEqual([
    expect.objectContaining({ id, code: "context_length_exceeded", failureKind: "context_window" }),
  ]);
  const one = (await admin("GET", `/admin/receipts/${id}`)).json as { receipts?: Json[] };
  expect(one.receipts).toEqual([expect.objectContaining({ id, said: null })]);
  const { sessions } = (await admin("GET", "/admin/sessions?licence=user")).json as { sessions?: Json[] };
  expect(sessions?.find(({ session }) => session === "my/talk 1")).toMatchObject({
    ...{ licence: "user", turns: 2, failed: 1, inputTokens: 1000, cacheHitRate: 0.5, account: "login" },
  });
  const own = (await admin("GET", "/admin/sessions/my%2Ftalk%201")).json as { receipts?: Json[] };
  expect(own.receipts).toHaveLength(2);
  const csv = await admin("GET", "/admin/usage?format=csv");
  expect([csv.type, csv.text.split(",")[0]]).toEqual(["text/csv", "model"]);
  expect((await admin("GET", "/admin/receipts?format=csv&limit=1")).text.split("\r\n")).toHaveLength(3);
  expect((await admin("GET", "/admin/receipts/req_nobody")).status).toBe(404);
  expect((await admin("GET", "/admin/sessions/nobody")).status).toBe(404);
});

test("pages go on where the last one ended, and a question that makes no sense is refused", async () => {
  const first = (await admin("GET", "/admin/receipts?limit=1")).json as { receipts?: Json[]; cursor?: string };
  const next = (await admin("GET", `/admin/receipts?limit=1&cursor=${first.cursor}`)).json as { receipts?: Json[] };
  expect(next.receipts?.[0]).not.toEqual(first.receipts?.[0]);
  for (const question of ["cursor=x", "limit=0", "limit=9999", "since=yesterday", "licens=ci", "format=xml"])
    expect([question, (await admin("GET", `/admin/receipts?${question}`)).status]).toEqual([question, 400]);
  expect((await admin("GET", "/admin/usage?by=colour")).status).toBe(400);
  const injected = encodeURIComponent("x' or '1'='1");
  expect((await admin("GET", `/admin/receipts?licence=${injected}`)).json).toEqual({ receipts: [], cursor: null });
});

test("models, configuration, plugins and store as the commands show them, secrets masked", async () => {
  const config = await admin("GET", "/admin/config");
  expect(config.json).toMatchObject({ upstreams: { up: { accounts: [{ name: "login", accessToken: "********" }] } } });
  for (const { text } of [config, await admin("GET", "/admin/plugins")]) {
    expect(text).not.toContain(ADMIN);
    expect(text).not.toContain(USER);
    expect(text).not.toContain("test-token");
  }
  expect((await admin("GET", "/admin/models")).text).toContain("gpt-5.1-codex-max");
  expect((await admin("GET", "/admin/store")).json).toMatchObject({ engine: "sqlite", receipts: { lost: 0 } });
  expect((await admin("POST", "/admin/store/check")).json.ok).toBe(true);
});

test("a reload is done when it is answered, and says what is wrong", async () => {
  const file = it.gateway.configFile as string;
  const before = readFileSync(file, "utf8");
  expect((await admin("POST", "/admin/reload")).json).toEqual({ reloaded: true, file, problems: [] });
  appendFileSync(file, "\nnonsense: [");
  const broken = (await admin("POST", "/admin/reload")).json;
  expect(broken).toMatchObject({ reloaded: false, problems: [expect.stringContaining("codexd.yaml")] });
  const config = JSON.parse(before) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...config, strict: true }));
  expect((await admin("POST", "/admin/reload")).json.reloaded).toBe(true);
  expect((await admin("GET", "/admin/config")).json.strict).toBe(true);
  writeFileSync(file, before);
  await admin("POST", "/admin/reload");
});

test("what an admin changes stands in the log, with who did it", async () => {
  await admin("POST", "/admin/accounts/login/resume");
  await it.gateway.printed(
    /"message":"admin","licence":"boss","method":"POST","path":"\/admin\/accounts\/login\/resume"/,
  );
});

// The last one: after it this address is known for its wrong keys.
test("every route is closed to everybody but an admin, on this very machine too", async () => {
  const routes = operationsOf(document).filter(({ operation }) => operation.tags[0] === "Admin");
  expect(routes.length).toBeGreaterThan(20);
  for (const { method, path } of routes) {
    const url = `${it.gateway.url}${path.replace(/\{[^}]+\}/g, "some")}`;
    // After twenty wrong keys the address has to wait; that closes it no less.
    expect([401, 429], path).toContain((await fetch(url, { method })).status);
    expect([401, 429], path).toContain((await fetch(url, { method, ...bearer("wrong") })).status);
    expect([path, (await fetch(url, { method, ...bearer(USER) })).status]).toEqual([path, 403]);
    const preflight = await fetch(url, { method: "OPTIONS", headers: { origin: "https://evil.example" } });
    expect([...preflight.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  }
});
