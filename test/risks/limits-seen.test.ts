// Nobody should have to guess how much is left: clients, scrapes and the Codex CLI's /status are told of the account that serves them.

import { expect, test } from "bun:test";
import { type Server, startGateway, startSandbox } from "../binary.ts";

const HOUR = 3600;

interface Pool extends AsyncDisposable {
  gateway: Server;
  control(account: number, fields: object): Promise<unknown>;
  turn(session: string, headers?: Record<string, string>): Promise<Response>;
}

async function pool(accounts: number, plugins?: unknown): Promise<Pool> {
  const sandbox = await startSandbox({ args: ["--auth", "--accounts", String(accounts)] });
  const post = async (path: string, body: unknown) =>
    (await fetch(sandbox.url + path, { method: "POST", body: JSON.stringify(body) })).json();
  const logins = Array.from({ length: accounts }, async (_, at) => {
    const { auth } = await post(`/sandbox/accounts/user${at + 1}@sandbox.test/login`, {});
    return { name: `account-${at + 1}`, accessToken: auth.tokens.access_token };
  });
  const upstream = {
    kind: "chatgpt",
    baseUrl: `${sandbox.url}/backend-api/codex`,
    chatgptUrl: `${sandbox.url}/backend-api`,
    accounts: await Promise.all(logins),
  };
  const gateway = await startGateway({ config: { upstreams: { up: upstream }, ...(plugins ? { plugins } : {}) } });
  return {
    gateway,
    control: (account, fields) => post("/sandbox/control", { account: `user${account}@sandbox.test`, ...fields }),
    async turn(session, headers = {}) {
      const body = JSON.stringify({ model: "gpt-5.5", input: "SAY hi", session_id: session });
      const answer = await fetch(`${gateway.base}/v1/responses`, { method: "POST", body, headers });
      expect(answer.status).toBe(200);
      await answer.text();
      return answer;
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

const window = (usedPercent: number) => ({ usedPercent, windowMinutes: 300, resetsIn: HOUR });

// biome-ignore lint/suspicious/noExplicitAny: read by path
async function limits(gateway: Server, path: string, headers: Record<string, string> = {}): Promise<any> {
  const answer = await fetch(gateway.base + path, { headers });
  expect([path, answer.status]).toEqual([path, 200]);
  return await answer.json();
}

test("the usage answer is that of the caller's session, else of the licence's last turn", async () => {
  const key = (id: string) => ({ id, key: `sk-codexd-licence-${id}` });
  const plugins = [{ auth: { keys: [key("one"), key("two")] } }, "model-effort", "translate", "usage-log", "compact"];
  await using setting = await pool(2, plugins);
  const { gateway, control, turn } = setting;
  const of = (id: string) => ({ authorization: `Bearer sk-codexd-licence-${id}` });
  await control(1, { usage: { primary: window(11), secondary: null, perTurn: 0 } });
  await control(2, { usage: { primary: window(66), secondary: null, perTurn: 0 } });

  const percents = new Map<number, string>();
  for (let session = 0; percents.size < 2; session++) {
    const answer = await turn(`s${session}`, of("one"));
    percents.set(Number(answer.headers.get("x-codex-primary-used-percent")), `s${session}`);
  }
  const last = [...percents].at(-1) as [number, string];
  for (const path of ["/api/codex/usage", "/backend-api/wham/usage"]) {
    for (const [percent, session] of percents) {
      const named = await limits(gateway, path, { ...of("one"), "x-session-id": session });
      expect(named.rate_limit.primary_window.used_percent).toBe(percent);
    }
    const unnamed = await limits(gateway, path, of("one"));
    expect(unnamed.rate_limit.primary_window.used_percent).toBe(last[0]);
    expect(unnamed).toMatchObject({
      plan_type: last[0] === 11 ? "plus" : "pro",
      rate_limit: { allowed: true, limit_reached: false, secondary_window: null },
      credits: { has_credits: false, unlimited: false, balance: "0" },
    });
    const { limit_window_seconds, reset_after_seconds, reset_at } = unnamed.rate_limit.primary_window;
    expect(limit_window_seconds).toBe(300 * 60);
    expect(reset_after_seconds).toBeWithin(HOUR - 60, HOUR + 5);
    expect(Math.abs(reset_at - Date.now() / 1000 - HOUR)).toBeLessThan(60);
    // Another licence has not been served: it is told of the account that it would get, the less used one.
    expect((await limits(gateway, path, of("two"))).rate_limit.primary_window.used_percent).toBe(11);
  }
  expect((await fetch(`${gateway.base}/api/codex/usage`)).status).toBe(401);
}, 30_000);

test("a limit that was reached shows, with headers and error alike", async () => {
  await using setting = await pool(1);
  const { gateway, control, turn } = setting;
  await turn("s");
  await control(1, { limited: 600 });
  const body = JSON.stringify({ model: "gpt-5.5", input: "SAY hi", session_id: "s" });
  const refused = await fetch(`${gateway.base}/v1/responses`, { method: "POST", body });
  expect(refused.status).toBe(429);
  const { rate_limit } = await limits(gateway, "/api/codex/usage");
  expect(rate_limit).toMatchObject({ allowed: false, limit_reached: true, primary_window: { used_percent: 100 } });
}, 30_000);

test("without an account of a ChatGPT login the question has no answer, and says why", async () => {
  await using sandbox = await startSandbox();
  const upstream = { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ apiKey: "sk-upstream" }] };
  await using gateway = await startGateway({ config: { upstreams: { up: upstream } } });
  const answer = await fetch(`${gateway.base}/api/codex/usage`);
  expect(answer.status).toBe(501);
  expect(await answer.text()).toContain("kind chatgpt");
}, 30_000);

test("answers tell what is known of the account's limits when the upstream says nothing", async () => {
  await using sandbox = await startSandbox({ args: ["--auth"] });
  const login = await fetch(`${sandbox.url}/sandbox/accounts/user1@sandbox.test/login`, { method: "POST", body: "{}" });
  const { auth } = (await login.json()) as { auth: { tokens: { access_token: string } } };
  let silent = false;
  await using between = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const { headers, method } = request;
      const body = method === "GET" ? {} : { body: await request.arrayBuffer() };
      const answer = await fetch(sandbox.url + pathname + search, { method, headers, ...body });
      const kept = [...answer.headers].filter(([name]) => !silent || !name.startsWith("x-codex-"));
      return new Response(answer.body, { status: answer.status, headers: kept });
    },
  });
  const account = { name: "one", accessToken: auth.tokens.access_token };
  const upstream = { kind: "chatgpt", baseUrl: `${between.url.origin}/backend-api/codex`, accounts: [account] };
  await using gateway = await startGateway({ config: { upstreams: { up: upstream } } });
  const turn = async (stream: boolean) => {
    const body = JSON.stringify({ model: "gpt-5.5", input: "SAY hi", session_id: "s", stream });
    const answer = await fetch(`${gateway.base}/v1/responses`, { method: "POST", body });
    await answer.text();
    return Object.fromEntries(
      [...answer.headers].filter(([name]) => /^x-codex-(primary|secondary|credits)/.test(name)),
    );
  };
  const told = await turn(false);
  expect(Object.keys(told)).toHaveLength(9);
  silent = true;
  expect(await turn(false)).toEqual(told);
  expect(await turn(true)).toEqual(told);
}, 30_000);

test("every account is shown to Prometheus: windows, rest, state", async () => {
  await using setting = await pool(2);
  const { gateway, control, turn } = setting;
  await control(2, { usage: { primary: window(42), perTurn: 0 } });
  for (let session = 0; session < 12; session++) await turn(`s${session}`);
  await control(1, { limited: 600 });
  for (let session = 0; session < 12; session++) await turn(`s${session}`);
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const labels = (account: number) => `upstream="up",account="account-${account}"`;
  expect(text).toContain(`codexd_account_used_percent{${labels(2)},window="primary"} 42\n`);
  expect(text).toContain(`codexd_account_used_percent{${labels(1)},window="primary"} 100\n`);
  expect(text).toContain(`codexd_account_state{${labels(1)},state="cooldown"} 1\n`);
  expect(text).toContain(`codexd_account_state{${labels(1)},state="usable"} 0\n`);
  expect(text).toContain(`codexd_account_state{${labels(2)},state="usable"} 1\n`);
  expect(text).toContain(`codexd_account_cooldown_seconds{${labels(2)}} 0\n`);
  const rest = new RegExp(`codexd_account_cooldown_seconds\\{${labels(1)}\\} (\\d+)`).exec(text)?.[1];
  expect(Number(rest)).toBeWithin(500, 601);
}, 30_000);
