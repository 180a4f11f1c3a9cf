// The real Codex CLI must log in, refresh and log out at the sandbox, or nothing that is proved there holds for the real issuer.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ServedSandbox, serveSandbox } from "../../src/upstream/sandbox/serve.ts";
import { chromium, startBrowser } from "./browser.ts";
import { client } from "./install.ts";
import { Desk } from "./setting.ts";

// biome-ignore lint/suspicious/noExplicitAny: read by path
type Json = Record<string, any>;

let sandbox: ServedSandbox;
let desk: Desk;
beforeEach(async () => {
  sandbox = serveSandbox({ auth: true, accounts: 2 });
  const { url } = sandbox;
  desk = new Desk([dirname((await client("@openai/codex")).bin("codex"))], {
    CODEX_REFRESH_TOKEN_URL_OVERRIDE: `${url}/oauth/token`,
    CODEX_REVOKE_TOKEN_URL_OVERRIDE: `${url}/oauth/revoke`,
    CODEX_APP_SERVER_LOGIN_ISSUER: url,
  });
  desk.write("~/.codex/config.toml", settings(url));
});
afterEach(() => sandbox.stop());

/** Plain http and ChatGPT's login go together for a provider whose address does not look like ChatGPT's own. */
function settings(url: string): string {
  return `model = "gpt-5.5"
model_provider = "sandbox"
chatgpt_base_url = "${url}/backend-api"
approval_policy = "never"
[model_providers.sandbox]
name = "sandbox"
base_url = "${url}/v1"
wire_api = "responses"
requires_openai_auth = true
[features]
apps = false
plugins = false
[analytics]
enabled = false
`;
}

async function call(path: string, body?: Json): Promise<Json> {
  const init = body && { method: "POST", body: JSON.stringify(body) };
  return (await (await fetch(sandbox.url + path, init)).json()) as Json;
}
const stats = async (): Promise<Json> => (await call("/sandbox/stats")).auth;
const login = (): Json => JSON.parse(readFileSync(join(desk.home, ".codex/auth.json"), "utf8")) as Json;
const exec = (prompt: string) =>
  desk.run(`codex exec --skip-git-repo-check --sandbox danger-full-access "$PROMPT"`, { PROMPT: prompt });

/** A login file as the sandbox writes it, in the CLI's home. */
async function planted(): Promise<Json> {
  const { account, auth } = await call("/sandbox/accounts", {});
  desk.write("~/.codex/auth.json", JSON.stringify(auth));
  return account;
}

describe("login", () => {
  test("by device code, then a turn, then a logout that revokes", async () => {
    await call("/sandbox/control", { device: { approve: "auto", after: 1 } });
    const { code, stderr } = await desk.run(`codex login --device-auth --experimental_issuer ${sandbox.url}`);
    expect(code, stderr).toBe(0);
    expect(login().tokens.oauth_provenance.issuer).toBe(sandbox.url);
    expect((await exec("SAY logged in by code")).stdout).toContain("logged in by code");
    expect(await stats()).toMatchObject({ logins: 1, turns: 1, refreshes: 0, unauthorized: 0 });
    expect((await desk.run("codex logout")).code).toBe(0);
    expect(await stats()).toMatchObject({ revoked: 1 });
  });

  test.skipIf(!chromium())("by browser: a real one shows the page and presses the button", async () => {
    await using browser = await startBrowser(chromium() ?? "");
    await using server = appServer();
    const authUrl = await server.login();
    await browser.open(authUrl);
    expect(await browser.evaluate("document.title")).toStartWith("Log in");
    await browser.press("Log in as user2@sandbox.test");
    expect(new URL(await browser.address()).pathname).toBe("/success");
    await server.completed();
    expect(login().OPENAI_API_KEY).toStartWith("sk-sandbox-");
    expect((await exec("SAY logged in by browser")).stdout).toContain("logged in by browser");
    const { accounts } = await stats();
    expect(accounts.map(({ turns }: Json) => turns)).toEqual([0, 1]);
  });

  test.skipIf(!chromium())("by device code typed into the page", async () => {
    await using browser = await startBrowser(chromium() ?? "");
    const { outcome } = desk.start(`codex login --device-auth --experimental_issuer ${sandbox.url}`);
    const userCode = await shownCode();
    await browser.open(`${sandbox.url}/codex/device?user_code=${userCode}`);
    await browser.press("Log in as user2@sandbox.test");
    expect(await browser.evaluate("document.title")).toStartWith("You are logged in");
    expect((await outcome).code).toBe(0);
    expect(login().tokens.account_id).toEndWith("2");
  });
});

describe("refresh", () => {
  test("before the token expires: once, and the new tokens are kept", async () => {
    await call("/sandbox/control", { tokenLifetime: "2m" });
    await planted();
    await call("/sandbox/control", { tokenLifetime: "1h" });
    const before = login();
    expect((await exec("SAY still here")).stdout).toContain("still here");
    expect(await stats()).toMatchObject({ refreshes: 1, reused: 0, unauthorized: 0 });
    expect(login().tokens.refresh_token).not.toBe(before.tokens.refresh_token);
    expect(await reasons()).toEqual(["proactive_expiry"]);
  });

  test("after a 401: once, and the turn succeeds", async () => {
    const account = await planted();
    await call("/sandbox/control", { account: account.id, expired: true });
    expect((await exec("SAY recovered")).stdout).toContain("recovered");
    expect(await stats()).toMatchObject({ refreshes: 1, reused: 0 });
    expect(await reasons()).toEqual(["unauthorized_recovery"]);
  });

  test.each([
    ["refresh_token_expired", "has expired"],
    ["refresh_token_reused", "was already used"],
    ["refresh_token_invalidated", "was revoked"],
    ["invalid_grant", "could not be refreshed"],
  ])("%s is understood, and not tried again", async (code, words) => {
    const account = await planted();
    await call("/sandbox/control", { account: account.id, expired: true, refresh: { code } });
    const { stdout, stderr } = await exec("SAY never said");
    expect(stdout + stderr).toContain(words);
    expect(await stats()).toMatchObject({ refreshes: 0, refused: 1 });
  });

  test("a server error is tried again until it is over", async () => {
    const account = await planted();
    await call("/sandbox/control", { account: account.id, expired: true, refresh: { code: "500", times: 2 } });
    expect((await exec("SAY back again")).stdout).toContain("back again");
    expect(await stats()).toMatchObject({ refreshes: 1, refused: 2 });
  });
});

async function reasons(): Promise<string[]> {
  const requests = (await call("/sandbox/requests?side=auth")) as Json[];
  return requests.filter(({ path }) => path === "/oauth/token").map(({ body }) => body.refresh_reason);
}

/** The CLI asks for its code and then polls with it: that is where a test reads it. */
async function shownCode(): Promise<string> {
  for (;;) {
    const requests = (await call("/sandbox/requests?side=auth")) as Json[];
    const poll = requests.find(({ path }) => String(path).endsWith("/deviceauth/token"));
    if (poll) return poll.body.user_code;
    await Bun.sleep(50);
  }
}

/** The CLI's own server, which logs in by browser and takes the issuer from its environment. */
function appServer() {
  const child = Bun.spawn(["codex", "app-server"], {
    cwd: desk.project,
    env: { HOME: desk.home, PATH: [...desk.commands, process.env.PATH ?? ""].join(":"), ...desk.environment },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const send = (message: Json) => {
    child.stdin.write(`${JSON.stringify(message)}\n`);
    child.stdin.flush();
  };
  const lines = linesOf(child.stdout);
  async function until(holds: (message: Json) => boolean): Promise<Json> {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error("the app server ended");
      const message = JSON.parse(value) as Json;
      if (holds(message)) return message;
    }
  }
  return {
    async login(): Promise<string> {
      send({ id: 1, method: "initialize", params: { clientInfo: { name: "test", version: "1" } } });
      send({ method: "initialized" });
      send({ id: 2, method: "account/login/start", params: { type: "chatgpt" } });
      return (await until(({ id }) => id === 2)).result.authUrl;
    },
    async completed(): Promise<void> {
      const { params } = await until(({ method }) => method === "account/login/completed");
      // The login is done and saved by then; what it wants next is a backend on https, which a loopback issuer has not.
      expect(params.error ?? "").toMatch(/^$|HTTPS origin/);
    },
    async [Symbol.asyncDispose]() {
      // It ends with its input; killed, it would leave the program behind that it started.
      child.stdin.end();
      await child.exited;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts.filter((line) => line !== "");
  }
}
