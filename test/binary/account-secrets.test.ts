// Tokens of every kind of account, before and after they are renewed, refused and revoked: only where they are kept may hold them, and only its owner may read that.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codexd, startGateway, startSandbox, temporary } from "../binary.ts";
import { readAll } from "../risks/ring.ts";

// biome-ignore lint/suspicious/noExplicitAny: read by path
type Json = Record<string, any>;

const seeded = new Map<string, string>();

/** A token counts as told when the part of it that nobody can guess is. */
function seed(name: string, auth: Json): void {
  for (const kind of ["access_token", "refresh_token", "id_token"]) {
    const token = auth.tokens?.[kind];
    if (typeof token === "string") seeded.set(`${name} ${kind} ${token.slice(-6)}`, token.split(".")[1] ?? token);
  }
}

function expectNone(where: string, text: string): void {
  const found = [...seeded].filter(([, secret]) => text.includes(secret));
  expect([where, found.map(([name]) => name)]).toEqual([where, []]);
}

/** All that a database holds but for the table whose purpose is to keep logins. */
function storedBesides(path: string, kept: string): string {
  const database = new Database(path, { readonly: true });
  const tables = database.query("select name from sqlite_master where type = 'table'").all() as { name: string }[];
  const rows = tables
    .filter(({ name }) => name !== kept)
    .map(({ name }) => database.query(`select * from ${name}`).all());
  database.close();
  return JSON.stringify(rows);
}

test.each(["json", "pretty"])(
  "no token is in logs (debug, %s), receipts, metrics, answers, what commands show, or a crash",
  async (format) => {
    seeded.clear();
    await using sandbox = await startSandbox({ args: ["--auth"] });
    const call = async (path: string, body?: Json) => {
      const init = body && { method: "POST", body: JSON.stringify(body) };
      return (await (await fetch(sandbox.url + path, init)).json()) as Json;
    };
    const control = (fields: Json) => call("/sandbox/control", fields);
    const folder = temporary();
    const data = join(folder, "data");
    const ids: Record<string, string> = {};
    const fileOf = (name: string) => join(folder, `${name}.json`);
    const login = async (name: string, more: Json = {}): Promise<Json> => {
      const { account, auth } = await call("/sandbox/accounts", { email: `${name}@sandbox.test`, ...more });
      ids[name] = account.id;
      writeFileSync(fileOf(name), JSON.stringify(auth), { mode: 0o600 });
      seed(name, auth);
      return auth;
    };
    await login("shared");
    await login("imported");
    await login("revoked");
    await login("spent");
    const fixed = await login("fixed");
    const personal = `at-sandbox-${Bun.hash("personal").toString(36)}`;
    await login("personal", { personalToken: personal });
    writeFileSync(fileOf("personal"), personal);
    for (const [name, secret] of Object.entries({ personal, key: "sk-proj-zqkeyofaccounts", other: "zqotherkey" }))
      seeded.set(name, secret);

    const config = {
      upstreams: {
        up: {
          kind: "chatgpt",
          baseUrl: `${sandbox.url}/backend-api/codex`,
          chatgptUrl: `${sandbox.url}/backend-api`,
          issuer: sandbox.url,
          strategy: "round-robin",
          accounts: [
            ...["shared", "revoked", "spent"].map((name) => ({ name, authFile: fileOf(name), refresh: true })),
            { name: "fixed", accessToken: "${FIXED}", accountId: ids.fixed },
          ],
        },
        api: {
          kind: "openai",
          baseUrl: `${sandbox.url}/v1`,
          models: ["api-model"],
          accounts: [
            { name: "key", apiKey: "sk-proj-zqkeyofaccounts" },
            { name: "other", apiKey: "zqotherkey" },
          ],
        },
      },
    };
    const configFile = join(folder, "codexd.yaml");
    writeFileSync(configFile, JSON.stringify(config));
    const env = { CODEXD_LOG: "debug", CODEXD_LOG_FORMAT: format, FIXED: fixed.tokens.access_token };
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await codexd([...args, "--config", configFile], { env, data });
      expectNone(args.join(" "), stdout + stderr);
      return code;
    };
    for (const name of ["imported", "personal"])
      expect([name, await run("login", "--import", fileOf(name), "--name", name)]).toEqual([name, 0]);

    await using gateway = await startGateway({ config, env, data });
    const turn = async (input: string, stream = false, model = "gpt-5.5") => {
      const session_id = `s${Math.random()}`;
      const body = JSON.stringify({ model, input, stream, session_id });
      return (await readAll(await fetch(`${gateway.base}/v1/responses`, { method: "POST", body }))).text;
    };
    const turns = async (times: number) => {
      for (let at = 0; at < times; at++) expectNone("a turn", await turn("SAY hello", at % 2 === 0));
    };
    await turns(8);
    // Each is refused and renewed; one for good, one in vain, one that is nobody's any more.
    for (const name of ["shared", "imported", "spent"]) await control({ account: ids[name], expired: true });
    await control({ account: ids.revoked, revoked: true });
    await control({ account: ids.spent, refresh: { code: "refresh_token_reused" } });
    await turns(12);
    await control({ account: ids.fixed, expired: true });
    await control({ account: ids.personal, fail: { code: "usage_limit_reached", times: 1 } });
    await turns(8);
    seed("shared, renewed", JSON.parse(readFileSync(fileOf("shared"), "utf8")) as Json);
    // The upstream repeats what it was sent, and the API refuses its keys by name.
    for (const secret of [fixed.tokens.access_token, personal])
      for (const when of ["", " during", " during 2"])
        await turn(`FAIL server_error${when} ;; SAY Incorrect token: ${secret}`, when !== "");
    expectNone("a refused key", await turn("SAY hello", false, "api-model"));
    expectNone("metrics", await (await fetch(`${gateway.url}/metrics`)).text());
    for (const path of ["/openapi.json", "/codex/v1/models", "/codex/api/codex/usage", "/healthz", "/readyz"])
      expectNone(path, await (await fetch(gateway.url + path)).text());

    const store = new Database(join(data, "codexd.db"), { readonly: true });
    const kept = store.query("select * from accounts").all() as Json[];
    store.close();
    expect(kept.map(({ name }) => name).sort()).toEqual(["imported", "personal"]);
    for (const { name, access_token, refresh_token, id_token } of kept)
      seed(`${name}, kept`, { tokens: { access_token, refresh_token, id_token } });
    expect(seeded.size).toBeGreaterThanOrEqual(20);

    await run("accounts");
    await run("accounts", "list", "--json");
    for (const name of ["shared", "revoked", "spent", "fixed", "imported", "personal", "key"])
      await run("accounts", "show", name, "--json");
    await run("accounts", "refresh", "imported");
    await run("accounts", "refresh", "spent");
    for (const command of [["config", "show"], ["config", "show", "--json"], ["config", "check"], ["doctor"]])
      await run(...command);
    await run("logout", "imported");

    const database = join(data, "codexd.db");
    // It would be found: where logins are kept, it is.
    expect(storedBesides(database, "nothing")).toContain(personal);
    expectNone("the database besides its logins", storedBesides(database, "accounts"));
    for (const name of readdirSync(data, { recursive: true, encoding: "utf8" })) {
      const path = join(data, name);
      const isFolder = statSync(path).isDirectory();
      expect([name, statSync(path).mode & 0o777]).toEqual([name, isFolder ? 0o700 : 0o600]);
      if (name.startsWith("journal") && !isFolder) expectNone(name, readFileSync(path, "latin1"));
    }
    for (const name of ["shared", "revoked", "spent"]) expect(statSync(fileOf(name)).mode & 0o777).toBe(0o600);
    gateway.signal("SIGABRT");
    await gateway.exited;
    const output = gateway.stdout() + gateway.stderr();
    expect(output).toContain("a login was renewed");
    expect(output).toContain("a login could not be renewed");
    expectNone("output", output);
  },
  90_000,
);

test("a login that cannot be read, and a store that is none, end the start without a token", async () => {
  seeded.clear();
  const folder = temporary();
  const broken = join(folder, "auth.json");
  seeded.set("broken", "zqbrokenrefresh");
  for (const text of [
    '{"tokens":{"refresh_token":"zqbrokenrefresh"',
    '{"tokens":"zqbrokenrefresh"}',
    '["zqbrokenrefresh"]',
  ]) {
    writeFileSync(broken, text, { mode: 0o600 });
    const imported = await codexd(["login", "--import", broken], {
      data: join(folder, "data"),
      env: { CODEXD_LOG: "debug" },
    });
    expect(imported.code).not.toBe(0);
    expectNone(text, imported.stdout + imported.stderr);
  }
  const data = join(folder, "other");
  expect((await codexd(["keys", "create"], { data })).code).toBe(0);
  writeFileSync(join(data, "codexd.db"), "zqbrokenrefresh is no database".repeat(200));
  const { code, stdout, stderr } = await codexd(["serve", "--sandbox", "--port", "0"], {
    data,
    env: { CODEXD_LOG: "debug" },
  });
  expect(code).not.toBe(0);
  expectNone("a crash", stdout + stderr);
}, 30_000);
