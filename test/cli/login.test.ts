// `codexd login`, `logout` and `accounts`: every way in, what people see of it, and nothing of a token anywhere.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { type Issuing, issuing } from "../account/setting.ts";
import { turn } from "../account/turn.ts";
import { address, type Finished, terminal } from "./login.ts";

const ID = "00000000-0000-4000-8000-000000000001";
/** Anything that looks like a token; the state and the challenge of an address are none. */
const SECRET = /eyJ[\w-]{8,}\.|rt_[\w-]{8,}|at-sandbox-\w|sk-[\w-]{8,}|ac_[\w-]{8,}/;
const BROWSER = ["login", "--callback-port", "0"];

function clean({ stdout, stderr }: Finished): void {
  expect(stdout).not.toMatch(SECRET);
  expect(stderr).not.toMatch(SECRET);
}

async function works(sandbox: Issuing, data: string, name: string): Promise<void> {
  const store = await openStore(data);
  const account = store.accounts.get(name);
  await store.close();
  expect(await turn(sandbox.url, account?.tokens.access)).toBe(200);
}

test("a browser login shows who it is, and nobody else on the machine can read it", async () => {
  await using sandbox = await issuing();
  const { start, run, data } = terminal(sandbox.url);
  const login = start(BROWSER);
  const url = new URL(await address(login));
  const redirect = new URL(url.searchParams.get("redirect_uri") ?? "");
  expect([redirect.hostname, redirect.pathname]).toEqual(["127.0.0.1", "/auth/callback"]);
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    response_type: "code",
    client_id: "app_EMoamEEZ73f0CkXaXp7hrann",
    code_challenge_method: "S256",
    scope: "openid profile email offline_access api.connectors.read api.connectors.invoke",
    id_token_add_organizations: "true",
    codex_cli_simplified_flow: "true",
    originator: "codex_cli_rs",
  });
  const page = await fetch(`${url}&auto=1`);
  expect([page.status, page.url]).toEqual([200, `${redirect.origin}/success`]);
  expect(await page.text()).toContain("You are logged in");
  const done = await login.finished;
  expect(done.code).toBe(0);
  expect(done.stdout).toBe(
    `Logged in as user1@sandbox.test, plan plus, account ${ID}.\nThe account is called user1@sandbox.test; \`codexd accounts\` shows it.\n`,
  );
  clean(done);
  expect(statSync(data).mode & 0o777).toBe(0o700);
  for (const file of readdirSync(data)) expect(statSync(join(data, file)).mode & 0o777).toBe(0o600);
  await works(sandbox, data, "user1@sandbox.test");
  const listed = await run(["accounts"]);
  expect(listed.stdout).toMatch(/user1@sandbox\.test +login +plus +user1@sandbox\.test +active/);
  for (const args of [
    ["accounts", "--json"],
    ["accounts", "show", "user1@sandbox.test"],
    ["config", "show"],
  ])
    clean(await run(args));
  const [shown] = JSON.parse((await run(["accounts", "--json"])).stdout);
  expect(shown).toMatchObject({ plan: "plus", accountId: ID, status: "active", renewable: true, upstreams: ["codex"] });
});

test("the address that the browser could not reach is pasted; a wrong one says what is wanted", async () => {
  await using sandbox = await issuing();
  const { start, data } = terminal(sandbox.url);
  const login = start([...BROWSER, "--name", "far"], { SSH_CONNECTION: "10.0.0.1 1 10.0.0.2 22", BROWSER: "false" });
  const url = await address(login);
  const { headers } = await fetch(`${url}&auto=1`, { redirect: "manual" });
  const callback = headers.get("location") ?? "";
  login.type("https://auth.openai.com/log-in");
  await login.printed(/this is not the address that the browser was sent to/);
  login.type(callback.replace(/state=[^&]+/, "state=another"));
  await login.printed(/belongs to another login/);
  login.type(callback);
  const done = await login.finished;
  expect([done.code, done.stdout]).toEqual([0, expect.stringContaining("The account is called far")]);
  clean(done);
  await works(sandbox, data, "far");
});

test("a callback that is not ours, another name for this host, and other paths get nothing", async () => {
  await using sandbox = await issuing();
  const { start } = terminal(sandbox.url);
  const login = start(BROWSER);
  const { searchParams } = new URL(await address(login));
  const callback = searchParams.get("redirect_uri") ?? "";
  const { origin } = new URL(callback);
  expect((await fetch(`${callback}?code=x&state=forged`)).status).toBe(400);
  expect((await fetch(`${origin}/`)).status).toBe(404);
  const rebound = await fetch(`${origin}/success`, { headers: { host: "evil.example" } });
  expect(rebound.status).toBe(400);
  const page = await fetch(
    `${callback}?error=x&error_description=${encodeURIComponent("<script>1</script>")}&state=${searchParams.get("state")}`,
  );
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(await page.text()).not.toContain("<script>");
  expect((await login.finished).code).toBe(1);
});

test.each([
  ["access_denied", "the issuer refused the login: The user denied the request."],
  ["missing_codex_entitlement", "Codex is not enabled for this account's workspace"],
])("a browser login that ends in %s says so in the browser and in the terminal", async (code, says) => {
  await using sandbox = await issuing();
  await sandbox.control({ authorize: code });
  const { start, run } = terminal(sandbox.url);
  const login = start(BROWSER);
  const page = await fetch(await address(login));
  expect([page.status, (await page.text()).replaceAll("&#39;", "'")]).toEqual([400, expect.stringContaining(says)]);
  const done = await login.finished;
  expect([done.code, done.stdout]).toEqual([1, ""]);
  expect(done.stderr).toContain(`codexd: ${says}`);
  expect((await run(["accounts", "--json"])).stdout).toBe("[]\n");
});

test("a cancelled browser login ends the command", async () => {
  await using sandbox = await issuing();
  const login = terminal(sandbox.url).start(BROWSER);
  const { origin } = new URL(new URL(await address(login)).searchParams.get("redirect_uri") ?? "");
  await fetch(`${origin}/cancel`);
  expect(await login.finished).toMatchObject({ code: 1, stderr: expect.stringContaining("cancelled in the browser") });
});

test("$BROWSER is opened with the address, but never over ssh", async () => {
  await using sandbox = await issuing();
  const { start, write, cwd } = terminal(sandbox.url);
  write("browser", `#!/bin/sh\nprintf %s "$1" > ${cwd}/opened\n`);
  Bun.spawnSync(["chmod", "+x", `${cwd}/browser`]);
  const far = start(BROWSER, { BROWSER: `${cwd}/browser`, SSH_TTY: "/dev/pts/1" });
  await address(far);
  far.kill();
  await far.finished;
  expect(readdirSync(cwd)).not.toContain("opened");
  const near = start(BROWSER, { BROWSER: `${cwd}/browser` });
  const url = await address(near);
  await near.printed(/Your browser opens/);
  for (const end = Date.now() + 5000; Date.now() < end && !readdirSync(cwd).includes("opened"); ) await Bun.sleep(20);
  await Bun.sleep(20);
  expect(readFileSync(join(cwd, "opened"), "utf8")).toBe(url);
  near.kill();
  await near.finished;
});

test("a device login shows address and code, waits, and is made", async () => {
  await using sandbox = await issuing();
  await sandbox.control({ device: { approve: "person", interval: 0.3 } });
  const { start, data } = terminal(sandbox.url);
  const login = start(["login", "--device", "--json"]);
  const [, url, code] = await login.printed(/open +(\S+)[\s\S]*enter the code +(\S+)/);
  expect(url).toBe(`${sandbox.url}/codex/device`);
  await sandbox.control({ approve: code });
  const done = await login.finished;
  expect(done.code).toBe(0);
  expect(JSON.parse(done.stdout)).toMatchObject({ name: "user1@sandbox.test", accountId: ID, renewable: true });
  clean(done);
  await works(sandbox, data, "user1@sandbox.test");
});

test("an issuer without device codes is told in one line", async () => {
  await using sandbox = await issuing();
  await sandbox.control({ device: { enabled: false } });
  const done = await terminal(sandbox.url).run(["login", "--device"]);
  expect([done.code, done.stderr]).toEqual([
    1,
    expect.stringMatching(/^codexd: .*does not offer device codes; log in with a browser\n$/),
  ]);
});

test("a login file is imported with a warning; tokens, keys and personal tokens too, from a file or standard input", async () => {
  await using sandbox = await issuing();
  const { run, write, data } = terminal(sandbox.url);
  const file = await sandbox.login();
  write("auth.json", JSON.stringify(file));
  const first = await run(["login", "--import", "auth.json"]);
  expect([first.code, first.stdout]).toEqual([
    0,
    expect.stringContaining(`user1@sandbox.test, plan plus, account ${ID}`),
  ]);
  expect(first.stderr).toContain("single use");
  clean(first);
  await works(sandbox, data, "user1@sandbox.test");
  const { tokens } = await sandbox.login();
  const pair = await run(["login", "--import", "-", "--name", "pair"], { stdin: `${tokens.access_token}\n${ID}` });
  expect([pair.code, pair.stdout]).toEqual([0, expect.stringContaining(`account ${ID}`)]);
  clean(pair);
  await works(sandbox, data, "pair");
  const { accounts } = (await (await fetch(`${sandbox.url}/sandbox/accounts`)).json()) as {
    accounts: { personalToken: string }[];
  };
  write("token", accounts[0]?.personalToken ?? "");
  const personal = await run(["login", "--import", "token", "--name", "personal"]);
  expect([personal.code, personal.stdout]).toEqual([0, expect.stringContaining("user1@sandbox.test, plan plus")]);
  clean(personal);
  await works(sandbox, data, "personal");
  const key = await run(["login", "--import", "-", "--json"], { stdin: "sk-a-key-for-the-api" });
  expect([key.code, JSON.parse(key.stdout)]).toEqual([0, expect.objectContaining({ name: "key", kind: "key" })]);
  expect(key.stderr).toContain("kind openai");
  clean(key);
  expect(JSON.parse((await run(["accounts", "--json"])).stdout)).toHaveLength(4);
});

test.each(["", "{", "hello", "{}", '{"auth_mode":"agentIdentity"}', "sk-one two three four"])(
  "what holds no credential (%j) is refused with what is legal, and not repeated",
  async (text) => {
    await using sandbox = await issuing();
    const done = await terminal(sandbox.url).run(["login", "--import", "-"], { stdin: text });
    expect([done.code, done.stdout]).toEqual([1, ""]);
    expect(done.stderr).toMatch(/^codexd: standard input holds [^\n]+\n$/);
    clean(done);
  },
);

test("two workspaces of one e-mail address are two accounts; the same one again replaces the first", async () => {
  await using sandbox = await issuing();
  const add = async (id: string, plan: string) => {
    const answer = await fetch(`${sandbox.url}/sandbox/accounts`, {
      method: "POST",
      body: JSON.stringify({ id, plan, email: "a@b.c" }),
    });
    return JSON.stringify(((await answer.json()) as { auth: unknown }).auth);
  };
  const { run, write } = terminal(sandbox.url);
  write("one.json", await add("acc1", "team"));
  write("two.json", await add("acc2", "plus"));
  const names: string[] = [];
  for (const file of ["one.json", "two.json", "one.json"])
    names.push(JSON.parse((await run(["login", "--import", file, "--json"])).stdout).name);
  expect(names).toEqual(["a@b.c", expect.stringMatching(/^a@b\.c-plus-[0-9a-f]{8}$/), "a@b.c"]);
  const taken = await run(["login", "--import", "two.json", "--name", "a@b.c"]);
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining("there is an account a@b.c already")]);
  expect(JSON.parse((await run(["accounts", "--json"])).stdout)).toHaveLength(2);
});

test("logout revokes and removes; it removes even when the issuer is away", async () => {
  await using sandbox = await issuing();
  const { run, write, cwd } = terminal(sandbox.url);
  const file = await sandbox.login();
  write("auth.json", JSON.stringify(file));
  await run(["login", "--import", "auth.json", "--name", "work"]);
  expect(await run(["logout", "work"])).toEqual({ code: 0, stdout: "work is removed and revoked.\n", stderr: "" });
  expect(await turn(sandbox.url, file.tokens.access_token)).toBe(401);
  const [asked] = await sandbox.asked("/oauth/revoke");
  expect(asked?.body).toMatchObject({ token_type_hint: "refresh_token", client_id: "app_EMoamEEZ73f0CkXaXp7hrann" });
  expect(await run(["logout", "work"])).toMatchObject({
    code: 1,
    stderr: "codexd: there is no account work; `codexd accounts` shows all\n",
  });
  write("auth.json", JSON.stringify(await sandbox.login()));
  await run(["login", "--import", "auth.json", "--name", "work"]);
  await sandbox[Symbol.asyncDispose]();
  const away = await run(["logout", "work"]);
  expect([away.code, away.stdout]).toEqual([0, "work is removed.\n"]);
  expect(away.stderr).toMatch(/^codexd: the login could not be revoked: http:\/\/\S+ could not be reached\n$/);
  const kept = readdirSync(join(cwd, "data"))
    .map((name) => readFileSync(join(cwd, "data", name), "latin1"))
    .join("");
  expect(kept.includes(file.tokens.refresh_token)).toBe(false);
});

test("an account is paused, resumed, renewed, freed of its cooldown and removed by hand", async () => {
  await using sandbox = await issuing();
  const { run, write, data } = terminal(sandbox.url);
  write("auth.json", JSON.stringify(await sandbox.login()));
  await run(["login", "--import", "auth.json", "--name", "work"]);
  const json = async (...args: string[]) => JSON.parse((await run(["accounts", ...args, "--json"])).stdout);
  expect(await json("pause", "work")).toMatchObject({ status: "paused", paused: true });
  expect(await json("resume", "work")).toMatchObject({ status: "active", paused: false });
  const store = await openStore(data);
  await store.accounts.change("work", {
    cooldownUntil: Date.now() + 3_600_000,
    cooldownReason: "usage_limit_reached",
    primary: { usedPercent: 42.4, minutes: 300, resetsAt: Math.floor(Date.now() / 1000) + 60 },
    lastError: "usage_limit_reached: The usage limit has been reached",
    lastErrorAt: Date.now(),
  });
  const before = store.accounts.get("work")?.tokens.access;
  expect((await run(["accounts"])).stdout).toMatch(
    /cooling down until \S+Z +42% of 5h, resets \S+.* usage_limit_reached: The/,
  );
  expect(await json("clear-cooldown", "work")).toMatchObject({ status: "active", cooldownUntil: null });
  expect(await json("refresh", "work")).toMatchObject({ status: "active" });
  expect(store.accounts.get("work")?.tokens.access).not.toBe(before ?? "");
  await sandbox.control({ refresh: { code: "refresh_token_invalidated" } });
  const refused = await run(["accounts", "refresh", "work"]);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/refresh_token_invalidated\); run `codexd login --name work`\n$/),
  ]);
  expect((await run(["accounts"])).stdout).toContain("log in again");
  expect((await run(["accounts", "remove", "work"])).code).toBe(0);
  expect(store.accounts.list()).toEqual([]);
  await store.close();
  for (const command of ["show", "pause", "resume", "refresh", "clear-cooldown", "remove"])
    expect(await run(["accounts", command, "nobody"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no account nobody"),
    });
});

test("accounts of the configuration are listed, and their environment need not be there", async () => {
  await using sandbox = await issuing();
  const { run, write } = terminal(sandbox.url);
  write(
    "codexd.yaml",
    "upstreams: { api: { kind: openai, accounts: [{ name: k, apiKey: '${NOT_SET_HERE}' }] }, codex: { kind: chatgpt, accounts: [{ authFile: a.json, refresh: true }] } }",
  );
  expect(JSON.parse((await run(["accounts", "--json"])).stdout)).toMatchObject([
    { name: "k", form: "apiKey", upstreams: ["api"], status: "active" },
    { name: "codex", form: "authFile", upstreams: ["codex"], status: expect.stringContaining("does not exist") },
  ]);
  write("a.json", JSON.stringify(await sandbox.login()));
  expect(JSON.parse((await run(["accounts", "show", "codex", "--json"])).stdout)).toMatchObject({
    email: "user1@sandbox.test",
    plan: "plus",
    status: "active",
  });
  expect(await run(["logout", "k"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("belongs to the configuration"),
  });
  write("auth.json", JSON.stringify(await sandbox.login()));
  const taken = await run(["login", "--import", "auth.json", "--name", "k"]);
  expect([taken.code, taken.stderr]).toEqual([
    1,
    expect.stringContaining("belongs to an account of the configuration"),
  ]);
});
