// What is kept of conversations lies sealed: secrets that went through every door are found in no file, no table of Postgres, no key
// of Redis, no line of log and no answer to an admin, whether the operator gave a key or not.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { codexd, type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { hasPostgres, type Postgres, startPostgres } from "../postgres.ts";
import { hasRedis, type Redis, startRedis } from "../redis.ts";

const NAMES = [
  ...[
    "bearer",
    "query",
    "cookie",
    "prompt",
    "instructions",
    "metadata",
    "tool",
    "argument",
    "output",
    "answer",
    "image",
  ],
  ...[
    "stored",
    "background",
    "conversation",
    "item",
    "compacted",
    "echoed",
    "repeated",
    "thrown",
    "returned",
    "option",
    "licence",
  ],
] as const;
/** No shape of a known kind of key: only where it stands tells that it is one. */
const SECRET = Object.fromEntries(NAMES.map((name) => [name, `zq${name}${Bun.hash(name).toString(36)}`])) as Record<
  (typeof NAMES)[number],
  string
>;

/** As it is, and as a database shows bytes. */
function expectNone(where: string, text: string): void {
  const found = NAMES.filter((name) => [SECRET[name], hexOf(SECRET[name])].some((form) => text.includes(form)));
  expect([where, found]).toEqual([where, []]);
}

const hexOf = (text: string): string => Buffer.from(text).toString("hex");

let postgres: Postgres;
let redis: Redis;
let sandbox: Server;
beforeAll(async () => {
  sandbox = await startSandbox();
  if (hasPostgres && hasRedis) [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
}, 60_000);
afterAll(async () => {
  for (const one of [sandbox, postgres, redis]) await one?.[Symbol.asyncDispose]();
});

function filesIn(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path, "latin1")]);
}

/** Every row of every table, as text. */
async function tablesOf(url: string): Promise<[string, string][]> {
  const sql = new SQL(url, { max: 1 });
  const tables = (await sql.unsafe("select tablename as name from pg_tables where schemaname = 'public'")) as {
    name: string;
  }[];
  const all: [string, string][] = [];
  for (const { name } of tables) {
    const rows = (await sql.unsafe(`select t::text as row from ${name} t`)) as { row: string }[];
    all.push([`table ${name}`, rows.map(({ row }) => row).join("\n")]);
  }
  await sql.close();
  return all;
}

async function keysOf({ client }: Redis): Promise<[string, string][]> {
  const keys = (await client.send("KEYS", ["*"])) as string[];
  const dumps = await Promise.all(keys.map((key) => client.send("DUMP", [key])));
  return keys.map((key, at) => [`redis ${key}`, `${key} ${String(dumps[at])}`]);
}

const PLUGIN = `export default {
  name: "leaky",
  apiVersion: 1,
  setup(_host, { hidden }) {
    return {
      turn({ turn }) {
        const text = JSON.stringify(turn.input);
        if (text.includes("please throw")) throw new Error("no connection with " + hidden);
        if (text.includes("please return")) return { nonsense: ${JSON.stringify(SECRET.returned)} };
      },
    };
  },
  options: { type: "object", properties: { hidden: { type: "string", meaning: "secret" } } },
};`;

/** An upstream that fails with the request in its words. */
function echoing(): Bun.Server<undefined> {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const message = await request.text();
      return Response.json({ error: { message } }, { status: Number(/\b(401|429|503)\b/.exec(message)?.[0] ?? 500) });
    },
  });
}

/** Speaks through every door behind which something is kept. */
async function speak(gateway: Server, boss: string): Promise<void> {
  const headers = {
    ...{ authorization: `Bearer ${SECRET.licence}`, cookie: `a=${SECRET.cookie}`, "content-type": "application/json" },
    "x-session-id": "one",
  };
  const call = async (method: string, path: string, body?: unknown) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${gateway.base}/v1${path}`, { method, headers, ...init });
    const text = await answer.text();
    return { status: answer.status, text, json: text.startsWith("{") ? JSON.parse(text) : {} };
  };
  const ask = (input: unknown, more = {}) => call("POST", "/responses", { model: "gpt-5.5", input, ...more });
  const foreign = { authorization: `Bearer ${SECRET.bearer}` };
  expect((await fetch(`${gateway.base}/v1/models?key=${SECRET.query}`, { headers: foreign })).status).toBe(401);

  const tools = [{ type: "function", name: "read", description: SECRET.tool, parameters: { type: "object" } }];
  const said = [
    { type: "input_text", text: `REASON a | b ;; CALL read {"path":"${SECRET.argument}"} ;; SAY ${SECRET.answer}` },
    { type: "input_image", image_url: `https://x.example/${SECRET.image}` },
  ];
  const full = {
    instructions: `${SECRET.instructions} ${"long ".repeat(2000)}`,
    metadata: { a: SECRET.metadata },
    tools,
  };
  for (const more of [{}, { store: true }, { store: true, background: true }]) {
    const made = await ask([{ role: "user", content: said }], { ...full, ...more });
    expect([more, made.status]).toEqual([more, 200]);
    const id = made.json.id as string;
    for (let { json } = made; json.status === "queued" || json.status === "in_progress"; await Bun.sleep(25))
      json = (await call("GET", `/responses/${id}`)).json;
    const { output } = ("background" in more ? await call("GET", `/responses/${id}`) : made).json;
    const called = (output as { type: string; call_id: string }[]).find(({ type }) => type === "function_call");
    const result = { type: "function_call_output", call_id: called?.call_id, output: SECRET.output };
    if ("store" in more)
      expect((await ask([result], { previous_response_id: id, store: true, tools })).status).toBe(200);
  }
  expect((await ask(`SAY ${SECRET.stored}`, { store: true, stream: true })).text).toContain("response.completed");
  const slow = await ask(`SAY ${SECRET.background} ;; SLOW 20`, { background: true, store: true, stream: true });
  expect(slow.text).toContain("response.completed");
  const { id: conversation } = (await call("POST", "/conversations", { metadata: { a: SECRET.conversation } })).json;
  expect((await ask(`SAY ${SECRET.conversation}`, { conversation })).status).toBe(200);
  const { output } = (await ask(`SAY ${SECRET.item}`)).json;
  const referring = [
    { role: "user", content: "x" },
    { type: "item_reference", id: output[0].id },
  ];
  expect((await ask([...referring, { role: "user", content: `RECALL ${SECRET.item}` }])).text).toContain('"recalled');
  expect((await call("POST", "/responses/compact", { model: "gpt-5.5", input: SECRET.compacted })).status).toBe(200);
  await call("POST", "/chat/completions", { model: "gpt-5.5", messages: [{ role: "user", content: SECRET.prompt }] });
  const messages = [{ role: "user", content: `CALL read {"path":"${SECRET.argument}"} ;; REASON ${SECRET.answer}` }];
  await call("POST", "/messages", {
    model: "gpt-5.5",
    max_tokens: 99,
    messages,
    tools: [{ name: "read", input_schema: { type: "object" } }],
  });
  for (const fail of ["detail", "server_error", "usage_limit_reached", "server_error during 2"])
    await ask(`SAY ${SECRET.echoed} ;; FAIL ${fail} ${fail === "detail" ? SECRET.echoed : ""}`, { stream: true });
  for (const status of ["401", "429", "503"]) await ask(`${status} ${SECRET.repeated}`, { model: "echo" });
  for (const wish of ["throw", "return"]) await ask(`please ${wish}`);

  for (const path of [
    "usage",
    "usage?by=session",
    "accounts",
    "licences",
    "plugins",
    "config",
    "store",
    "sessions",
    "receipts",
  ]) {
    const answer = await fetch(`${gateway.url}/admin/${path}`, { headers: { authorization: `Bearer ${boss}` } });
    expectNone(`/admin/${path}`, await answer.text());
  }
  expectNone("metrics", await (await fetch(`${gateway.url}/metrics`)).text());
}

describe.each([
  ["a file, without a key", false, undefined],
  ["a file, with a key of the operator", false, "a-key-of-the-operator"],
  ["Postgres and Redis, without a key", true, undefined],
] as const)("on %s", (_name, served, key) => {
  test.skipIf(served && !(hasPostgres && hasRedis))(
    "no secret is found anywhere",
    async () => {
      using echo = echoing();
      const folder = temporary();
      const data = join(folder, "data");
      writeFileSync(join(folder, "leaky.ts"), PLUGIN);
      const config = {
        ...(served ? { store: postgres.url, counters: redis.url } : {}),
        responses: { store: "explicit", ...(key ? { key } : {}) },
        upstreams: {
          echo: {
            kind: "compatible",
            baseUrl: `${echo.url.origin}/v1`,
            models: ["echo"],
            accounts: [{ name: "c", apiKey: "sk-c" }],
          },
          up: {
            kind: "openai",
            baseUrl: `${sandbox.url}/v1`,
            accounts: ["a", "b"].map((name) => ({ name, apiKey: `sk-up-${name}` })),
          },
        },
        plugins: [
          {
            auth: {
              keys: [
                { id: "ci", key: SECRET.licence, requestsPerDay: 1000, tokensPerDay: 10_000_000, keepPrompts: true },
                { id: "boss", key: "sk-of-the-boss", admin: true },
              ],
            },
          },
          ...["model-effort", "translate", "usage-log", "compact"],
          { [join(folder, "leaky.ts")]: { hidden: SECRET.option } },
        ],
      };
      const gateway = await startGateway({ config, data, env: { CODEXD_LOG: "debug", CODEXD_LOG_FORMAT: "json" } });
      await speak(gateway, "sk-of-the-boss");
      // The write-ahead log and the journals are there only while it runs.
      for (const [path, content] of filesIn(data)) expectNone(path, content);
      expect(await gateway.stop()).toBe(0);
      for (const [path, content] of filesIn(data)) expectNone(path, content);
      for (const { name, mode } of readdirSync(data).map((name) => ({
        name,
        mode: statSync(join(data, name)).mode & 0o77,
      })))
        expect([name, mode]).toEqual([name, 0]);
      if (served) {
        const found = [...(await tablesOf(postgres.url)), ...(await keysOf(redis))];
        expect(found.find(([name]) => name === "table kept_items")?.[1].length).toBeGreaterThan(100);
        for (const [where, content] of found) expectNone(where, content);
      }
      expectNone("output", gateway.stdout() + gateway.stderr());
      expect(gateway.stderr()).toContain("leaky");
    },
    60_000,
  );
});

test("a key that is lost or another one makes what was kept unfindable, and nothing worse", async () => {
  const data = join(temporary(), "data");
  const upstreams = {
    up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ name: "a", apiKey: "sk-up" }] },
  };
  const run = async (key: string | undefined, work: (server: Server) => Promise<void>) => {
    await using server = await startGateway({ config: { upstreams, ...(key ? { responses: { key } } : {}) }, data });
    await work(server);
    expect(await server.stop()).toBe(0);
  };
  const body = JSON.stringify({ model: "gpt-5.5", input: "hello", store: true });
  let first = "";
  const make = async ({ base }: Server) => {
    const answer = await fetch(`${base}/v1/responses`, { method: "POST", body });
    return ((await answer.json()) as { id: string }).id;
  };
  const status = async ({ base }: Server, id: string) => (await fetch(`${base}/v1/responses/${id}`)).status;
  await run(undefined, async (server) => {
    first = await make(server);
  });
  let second = "";
  // What was kept before there was a key of the operator stays readable.
  await run("a-key-of-the-operator", async (server) => {
    second = await make(server);
    expect(await status(server, first)).toBe(200);
  });
  await run(undefined, async (server) => {
    expect(await status(server, first)).toBe(200);
    expect(await status(server, second)).toBe(404);
  });
  const file = join(data, "kept.keys");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  chmodSync(file, 0o600);
  writeFileSync(file, "");
  await run(undefined, async (server) => {
    expect(await status(server, first)).toBe(404);
    const id = await make(server);
    expect(await status(server, id)).toBe(200);
  });
  expect((await codexd(["store", "check"], { data })).code).toBe(0);
}, 60_000);
