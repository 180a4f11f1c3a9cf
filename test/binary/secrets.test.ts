// Twenty secrets go through every door there is; logs, store, metrics, traces, admin answers, error texts and shown configuration must hold none of them.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { codexd, type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { type Document, operationsOf } from "../contract/openapi-kit.ts";
import { hasPostgres, type Postgres, startPostgres } from "../postgres.ts";
import { readAll } from "../risks/ring.ts";
import { startCollector } from "../telemetry/collector.ts";

/** No shape of a known kind of key: only where it stands tells that it is one. */
const plain = (name: string) => `zq${name}${Bun.hash(name).toString(36)}`;

const SECRET = {
  bearer: plain("bearer"),
  apiKey: plain("apikey"),
  google: plain("google"),
  query: plain("query"),
  cookie: plain("cookie"),
  proxy: plain("proxy"),
  account: plain("account"),
  prompt: plain("prompt"),
  instructions: plain("instructions"),
  metadata: plain("metadata"),
  tool: plain("tool"),
  image: plain("image"),
  echoed: plain("echoed"),
  echoedDuring: plain("echoedduring"),
  upstreamKey: plain("upstreamkey"),
  licence: plain("licence"),
  environment: plain("environment"),
  url: plain("url"),
  file: plain("file"),
  broken: plain("broken"),
  collector: plain("collector"),
  collectorUrl: plain("collectorurl"),
  option: plain("option"),
  credential: plain("credential"),
  jwt: `eyJhbGciOiJIUzI1NiJ9.${plain("jwt")}.sig`,
  openai: `sk-proj-${plain("openai")}`,
};

function expectNone(where: string, text: string): void {
  const found = Object.entries(SECRET).filter(([, value]) => text.includes(value));
  expect([where, found.map(([name]) => name)]).toEqual([where, []]);
}

function filesIn(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path, "latin1")]);
}

/** Says what it was given wherever a plugin can say something. */
const TALKATIVE = `import { Type } from "@sinclair/typebox";
import { definePlugin, secret } from "codexd/plugin";
export default definePlugin({
  name: "talkative",
  apiVersion: 1,
  options: Type.Object({ token: secret() }),
  setup: (host, { token }) => ({
    turn() {
      host.log.warn("my token is " + token, { told: [token] });
      throw new Error("no use for " + token);
    },
    answer: () => ({ [token]: token }),
    settled() {
      throw new Error("nor for " + token);
    },
  }),
});
`;

/** Every table, as text. */
async function dumpOf(url: string): Promise<string> {
  const sql = new SQL(url, { max: 1 });
  const tables = (await sql.unsafe("select tablename from pg_tables where schemaname = 'public'")) as {
    tablename: string;
  }[];
  const rows = await Promise.all(
    tables.map(async ({ tablename }) => [tablename, await sql.unsafe(`select t::text from "${tablename}" t`)]),
  );
  await sql.close();
  expect(tables.map(({ tablename }) => tablename)).toContain("receipts");
  return JSON.stringify(rows);
}

/** Everything that an admin can be told, and what is made of a credential that is none. */
async function holdAdmin(gateway: Server): Promise<void> {
  const as = { authorization: `Bearer ${SECRET.licence}`, "content-type": "application/json" };
  const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Document;
  const ids = { id: "ci", name: "key" } as Record<string, string>;
  let told = 0;
  for (const { method, path, operation } of operationsOf(document)) {
    if (operation.tags[0] !== "Admin" || method !== "GET") continue;
    const url = `${gateway.url}${path.replace(/\{(\w+)\}/g, (_all, name: string) => ids[name] ?? "some")}`;
    const text = await (await fetch(url, { headers: as })).text();
    expectNone(path, text);
    told += text.length;
  }
  expect(told).toBeGreaterThan(20_000);
  const { receipts } = (await (await fetch(`${gateway.url}/admin/receipts?limit=1000`, { headers: as })).json()) as {
    receipts: { id: string }[];
  };
  expect(receipts.length).toBeGreaterThan(15);
  for (const { id } of receipts)
    expectNone("a receipt", await (await fetch(`${gateway.url}/admin/receipts/${id}`, { headers: as })).text());
  for (const body of [{ credential: SECRET.credential }, { credential: `{"access_token":"${SECRET.credential}` }]) {
    const init = { method: "POST", headers: as, body: JSON.stringify(body) };
    expectNone("an import", await (await fetch(`${gateway.url}/admin/accounts`, init)).text());
  }
  expectNone("a reload", await (await fetch(`${gateway.url}/admin/reload`, { method: "POST", headers: as })).text());
}

const SETTINGS = [
  { format: "json", store: "SQLite" },
  { format: "pretty", store: "SQLite" },
  ...(hasPostgres ? [{ format: "json", store: "Postgres" }] : []),
];

for (const { format, store } of SETTINGS)
  test(`none of the secrets is in logs (debug, ${format}), ${store}, metrics, traces, admin answers, answers to others, or config show`, async () => {
    await using postgres: Postgres | undefined = store === "Postgres" ? await startPostgres() : undefined;
    await using collector = startCollector();
    await using sandbox = await startSandbox();
    const folder = temporary();
    await Bun.write(join(folder, "key"), `${SECRET.file}\n`);
    await Bun.write(join(folder, "talkative.ts"), TALKATIVE);
    const account = (apiKey: string) => [{ name: "key", apiKey }];
    const config = {
      upstreams: {
        up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: account(SECRET.upstreamKey) },
        walled: {
          kind: "compatible",
          baseUrl: `http://user:${SECRET.url}@127.0.0.1:${sandbox.port}/v1`,
          models: ["walled"],
          accounts: [{ name: "env", apiKey: "${FROM_ENV}" }],
        },
        away: {
          kind: "compatible",
          baseUrl: `http://user:${SECRET.url}@127.0.0.1:1/v1`,
          models: ["away"],
          accounts: [{ name: "file", apiKey: `\${file:${join(folder, "key")}}` }],
        },
      },
      plugins: [
        { auth: { keys: [{ id: "ci", key: SECRET.licence, admin: true }] } },
        ...["model-effort", "translate", "usage-log", "compact"],
        { [join(folder, "talkative.ts")]: { token: SECRET.option } },
      ],
      telemetry: {
        otlp: collector.url.replace("//", `//user:${SECRET.collectorUrl}@`),
        headers: { "x-collector": SECRET.collector },
      },
      ...(postgres && { store: postgres.url }),
    };
    const env = {
      CODEXD_LOG: "debug",
      CODEXD_LOG_FORMAT: format,
      FROM_ENV: SECRET.environment,
      CODEXD_KEYS: SECRET.openai,
    };
    await using gateway = await startGateway({ config, env });
    const carrying = {
      ...{
        cookie: SECRET.cookie,
        "proxy-authorization": `Basic ${SECRET.proxy}`,
        "chatgpt-account-id": SECRET.account,
      },
      ...{ "content-type": "application/json", "x-api-key": SECRET.apiKey, "x-goog-api-key": SECRET.google },
    };
    const post = async (path: string, body: unknown, key: string = SECRET.licence) => {
      const response = await fetch(`${gateway.base}${path}`, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: { ...carrying, authorization: `Bearer ${key}` },
      });
      return (await readAll(response)).text;
    };
    const turn = (input: unknown, more = {}) => ({ model: "gpt-5.5", input, stream: false, ...more });
    // Wrong keys of every form, in every place.
    for (const key of [SECRET.bearer, SECRET.jwt])
      expectNone("a refusal", await post(`/v1/responses?key=${SECRET.query}`, turn("x"), key));
    expectNone("a missing path", await post(`/v1/nothing?key=${SECRET.query}`, {}, SECRET.bearer));
    expectNone("models", await (await fetch(`${gateway.base}/v1/models?key=${SECRET.query}`)).text());
    expectNone(
      "metrics refused",
      await (await fetch(`${gateway.url}/metrics?key=${SECRET.query}`, { headers: { via: "x" } })).text(),
    );
    // Bodies, whole and broken, plain and streamed, in each dialect.
    const told = [
      {
        type: "message",
        role: "user",
        content: [
          { type: "input_text", text: SECRET.prompt },
          { type: "input_image", image_url: `https://x.example/${SECRET.image}` },
        ],
      },
    ];
    const full = {
      instructions: SECRET.instructions,
      metadata: { a: SECRET.metadata },
      tools: [{ type: "function", name: "f", description: SECRET.tool, parameters: {} }],
    };
    for (const stream of [false, true]) await post("/v1/responses", turn(told, { ...full, stream }));
    await post("/v1/chat/completions", {
      model: "gpt-5.5",
      messages: [
        { role: "system", content: SECRET.instructions },
        { role: "user", content: SECRET.prompt },
      ],
      user: SECRET.metadata,
    });
    await post("/v1/messages", {
      model: "gpt-5.5",
      max_tokens: 9,
      system: SECRET.instructions,
      messages: [{ role: "user", content: SECRET.prompt }],
    });
    await post("/v1beta/models/gpt-5.5:generateContent", { contents: [{ parts: [{ text: SECRET.prompt }] }] });
    await post("/v1/responses/compact", turn(told, full));
    await post("/v1/responses", `{"model":"gpt-5.5","input":"${SECRET.broken}`);
    await post("/v1/responses", turn([{ type: SECRET.broken }, 7]));
    await post("/v1/responses", turn("x", { tools: [SECRET.broken] }));
    // The upstream repeats what it got, before its answer and in the middle of it.
    await post("/v1/responses", turn(`FAIL detail Incorrect key: ${SECRET.echoed} and ${SECRET.upstreamKey}`));
    await post("/v1/responses", turn(`FAIL detail Incorrect key: ${SECRET.upstreamKey}`)).then((text) =>
      expectNone("an echo", text),
    );
    await post(
      "/v1/responses",
      turn(`SAY a b c d ;; FAIL server_error during 2 ;; SAY ${SECRET.echoedDuring}`, { stream: true }),
    );
    await post("/v1/responses", turn(`RAW {"type":"${SECRET.broken}`, { stream: true }));
    expectNone("walled", await post("/v1/responses", turn("x", { model: "walled" })));
    expectNone("away", await post("/v1/responses", turn("x", { model: "away" })));
    expectNone("by environment", await post("/v1/responses", turn("x"), SECRET.openai));

    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expectNone("metrics", metrics);
    expect(metrics).toContain("codexd_exchanges_total");
    await holdAdmin(gateway);
    expectNone("the document", await (await fetch(`${gateway.url}/openapi.json`)).text());
    for (const command of [
      ["config", "show"],
      ["config", "show", "--json"],
      ["config", "check"],
      ["models", "--json"],
    ]) {
      const { stdout, stderr } = await codexd([...command, "--config", gateway.configFile as string], { env });
      expect(stdout.length).toBeGreaterThan(0);
      expectNone(command.join(" "), stdout + stderr);
    }
    for (const command of [
      ["keys", "list", "--json"],
      ["usage", "--json", "--by", "session"],
    ])
      expectNone(
        command.join(" "),
        JSON.stringify(
          await codexd([...command, "--config", gateway.configFile as string], { env, data: gateway.data as string }),
        ),
      );
    expect(await gateway.stop()).toBe(0);
    expect(collector.spans.length).toBeGreaterThan(15);
    expect(collector.headers[0]?.get("x-collector")).toBe(SECRET.collector);
    expectNone("traces", collector.bodies.join("\n"));
    if (postgres) expectNone("Postgres", await dumpOf(postgres.url));
    const output = gateway.stdout() + gateway.stderr();
    expect(output.match(/exchange/g)?.length).toBeGreaterThan(15);
    expectNone("output", output);
    for (const [path, content] of filesIn(gateway.data as string)) expectNone(path, content);
  }, 60_000);

test("a configuration that is refused does not tell its secrets, in debug either", async () => {
  const folder = temporary();
  const file = join(folder, "codexd.yaml");
  for (const text of [
    `upstreams: { up: { kind: openai, accounts: [{ apiKey: "${SECRET.upstreamKey}", accesToken: "${SECRET.bearer}" }] } }`,
    `upstreams: { up: { kind: openai, accounts: [{ apiKey: ["${SECRET.upstreamKey}"] }] } }`,
    `upstreams: { up: { kind: openai, baseUrl: "ftp://user:${SECRET.url}@x" } }`,
    `plugins: [{ auth: { keys: [{ id: a, key: "${SECRET.licence}", extra: 1 }] } }]`,
    `plugins: [{ auth: { keys: { id: a, key: "${SECRET.licence}" } } }]`,
    `plugins: [{ auth: { keys: [{ id: a, key: { secret: "${SECRET.licence}" } }] } }]`,
    `data: ["\${FROM_ENV}"]`,
    `upstreams: { up: { kind: openai, baseUrl: "\${FROM_ENV}" } }`,
    `upstreams: { up: { kind: openai, accounts: [{ apiKey: "${SECRET.upstreamKey}" } }`,
  ]) {
    await Bun.write(file, text);
    const env = { FROM_ENV: SECRET.environment, CODEXD_LOG: "debug", CODEXD_KEYS: SECRET.openai };
    const { code, stdout, stderr } = await codexd(["serve", "--sandbox", "--port", "0", "--config", file], { env });
    expect([text, code]).toEqual([text, 1]);
    expectNone(text, stdout + stderr);
  }
});
