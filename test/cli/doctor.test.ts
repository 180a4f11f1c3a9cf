// An operator with a server that does not work must be told which part of it is wrong, and what to do.

import { afterAll, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { type ServedSandbox, serveSandbox } from "../../src/upstream/sandbox/serve.ts";
import { startGateway, startSandbox } from "../binary.ts";
import { type Place, place } from "./fixture.ts";

interface Finding {
  check: string;
  subject: string;
  result: string;
  found: string;
  remedy: string;
}

const sandbox: ServedSandbox = serveSandbox({ auth: true, tokenLifetime: 3600, accounts: 3 });
afterAll(() => sandbox.stop());

async function login(account: string): Promise<{ tokens: { access_token: string } }> {
  const answer = await fetch(`${sandbox.url}/sandbox/accounts/${account}/login`, { method: "POST", body: "{}" });
  return ((await answer.json()) as { auth: { tokens: { access_token: string } } }).auth;
}

async function control(fields: object): Promise<void> {
  await fetch(`${sandbox.url}/sandbox/control`, { method: "POST", body: JSON.stringify(fields) });
}

const configured = (origin: string, accounts: object[], rest: object = {}) =>
  JSON.stringify({
    upstreams: {
      up: {
        kind: "chatgpt",
        baseUrl: `${origin}/backend-api/codex`,
        chatgptUrl: `${origin}/backend-api`,
        issuer: origin,
        accounts,
      },
    },
    ...rest,
  });

async function doctor(at: Place, args: string[] = [], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await at.run(["doctor", "--json", ...args], env);
  expect(stdout, stderr).toStartWith("[");
  const findings = JSON.parse(stdout) as Finding[];
  const of = (check: string, subject?: string) =>
    findings.filter((one) => one.check === check && (subject === undefined || one.subject === subject));
  return { code, stdout, stderr, findings, of };
}

test("where everything is right, every check says so and the exit code is 0", async () => {
  const at = place();
  at.write("auth.json", JSON.stringify(await login("user1@sandbox.test")));
  chmodSync(join(at.cwd, "auth.json"), 0o600);
  at.write("codexd.yaml", configured(sandbox.url, [{ name: "work", authFile: "auth.json" }]));
  const { code, findings, of } = await doctor(at);
  expect(findings.filter(({ result }) => result !== "ok")).toEqual([]);
  expect(code).toBe(0);
  expect(of("token", "work")[0]?.found).toMatch(/^taken, plan plus, until \d{4}-/);
  expect(of("clock", "up")[0]?.found).toBe("right");
  expect(of("dialect").map(({ subject }) => subject)).toEqual(["responses", "chat", "messages", "gemini"]);
  const table = await at.run(["doctor"]);
  expect(table.code).toBe(0);
  expect(table.stdout).toMatch(/^result +check +of +found +what to do\nok +configuration/);
}, 30_000);

test("a revoked token fails with the way out, a paused account warns, and no token is shown", async () => {
  const at = place();
  const accounts: object[] = [];
  const tokens: string[] = [];
  for (const [index, name] of ["gone", "paused", "good"].entries()) {
    const { access_token } = (await login(`user${index + 1}@sandbox.test`)).tokens;
    tokens.push(access_token);
    accounts.push({ name, accessToken: access_token });
  }
  at.write("codexd.yaml", configured(sandbox.url, accounts));
  await control({ account: "user1@sandbox.test", revoked: true });
  await at.run(["keys", "create", "x"]);
  expect((await at.run(["accounts", "pause", "paused"])).code).toBe(0);
  const first = await doctor(at);
  expect(first.code).toBe(1);
  expect(first.stderr).toMatch(/^codexd: 1 of \d+ checks failed\n$/);
  expect(first.of("token").map(({ subject, result }) => [subject, result])).toEqual([
    ["gone", "fail"],
    ["paused", "warn"],
    ["good", "ok"],
  ]);
  expect(first.of("token", "gone")[0]?.remedy).toContain("log in again");
  expect(first.of("token", "paused")[0]?.remedy).toBe("`codexd accounts resume paused`");
  // One bad account is the server's problem: the dialects answer all the same.
  expect(first.of("dialect").every(({ result }) => result === "ok")).toBe(true);
  for (const token of tokens) expect(first.stdout + first.stderr).not.toContain(token);
}, 30_000);

test("without an account, the command that makes one is named", async () => {
  const at = place();
  at.write("codexd.yaml", configured(sandbox.url, []));
  const { code, of } = await doctor(at);
  expect(code).toBe(1);
  expect(of("token", "up")[0]).toMatchObject({ result: "fail", remedy: "`codexd login`" });
}, 30_000);

test("an upstream that cannot be reached, an edge's challenge and a wrong clock are told apart", async () => {
  const accounts = [{ name: "work", accessToken: "token", accountId: "account" }];
  const dead = place();
  dead.write("codexd.yaml", configured("http://127.0.0.1:1", accounts));
  const refused = await doctor(dead);
  expect(refused.code).toBe(1);
  expect(refused.of("upstream", "up")[0]).toMatchObject({ result: "fail" });
  expect(refused.of("upstream", "up")[0]?.found).toContain("refused");

  await using edge = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response("<!doctype html><title>Just a moment...</title>", {
        status: 403,
        headers: { "content-type": "text/html", date: new Date(Date.now() - 900_000).toUTCString() },
      }),
  });
  const challenged = place();
  challenged.write("codexd.yaml", configured(edge.url.origin, accounts));
  const { of, code } = await doctor(challenged);
  expect(code).toBe(1);
  expect(of("upstream", "up")[0]?.result).toBe("ok");
  expect(of("edge", "up")[0]).toMatchObject({ result: "fail", remedy: "use another network address, or HTTPS_PROXY" });
  expect(of("clock", "up")[0]).toMatchObject({ result: "fail", remedy: "set the clock, and keep it set (NTP)" });
  expect(of("clock", "up")[0]?.found).toMatch(/^(89[7-9]|90[0-3]) s fast$/);
}, 60_000);

test("secrets that others can read, too few files and a low cap are warned of, with the command that helps", async () => {
  const at = place();
  at.write("auth.json", JSON.stringify(await login("user2@sandbox.test")));
  chmodSync(join(at.cwd, "auth.json"), 0o644);
  at.write("codexd.yaml", configured(sandbox.url, [{ authFile: "auth.json" }], { limits: { streams: 60_000 } }));
  await at.run(["keys", "create", "x"]);
  chmodSync(at.data, 0o755);
  const { code, of } = await doctor(at, [], { BUN_CONFIG_MAX_HTTP_REQUESTS: "300" });
  expect(code).toBe(0);
  expect(of("data directory", at.data)[0]).toMatchObject({ result: "warn", remedy: `chmod 700 ${at.data}` });
  expect(of("data directory", join(at.data, "codexd.db"))[0]?.result).toBe("ok");
  expect(of("login file")[0]).toMatchObject({ result: "warn", found: "mode 644: others can get at its secrets" });
  expect(of("file descriptors")[0]?.remedy).toContain("ulimit -n 120064");
  expect(of("fetch cap")[0]).toMatchObject({
    result: "warn",
    found: "300 streams at once, and limits.streams is 60000",
  });
}, 30_000);

test("a bad configuration is a finding for each problem", async () => {
  const at = place();
  at.write("codexd.yaml", "server: { port: 99999 }\nstrict: maybe\nupstreams: { a: { kind: openai } }\n");
  const { code, findings } = await doctor(at);
  expect(code).toBe(1);
  expect(findings.map(({ check, result }) => `${check} ${result}`)).toEqual([
    "configuration fail",
    "configuration fail",
  ]);
}, 30_000);

test("a running server is asked in every dialect, with its licence", async () => {
  await using backend = await startSandbox();
  const key = "sk-codexd-doctor-licence";
  const upstream = { kind: "openai", baseUrl: `${backend.url}/v1`, accounts: [{ apiKey: "sk-upstream" }] };
  const plugins = [
    { auth: { keys: [{ id: "doctor", key, dialects: ["chat", "responses", "messages"] }] } },
    "translate",
  ];
  await using gateway = await startGateway({ config: { upstreams: { up: upstream }, plugins } });
  const at = place();
  const locked = await doctor(at, ["--url", gateway.base]);
  expect(locked.code).toBe(1);
  expect(locked.of("dialect")[0]).toMatchObject({ subject: "models", remedy: "give a licence: --key, or $CODEXD_KEY" });
  const let_in = await doctor(at, ["--url", gateway.url], { CODEXD_KEY: key });
  expect(let_in.code).toBe(0);
  expect(let_in.of("dialect").map(({ subject, result }) => [subject, result])).toEqual([
    ["responses", "ok"],
    ["chat", "ok"],
    ["messages", "ok"],
    ["gemini", "warn"],
  ]);
  const { code, stderr } = await at.run(["doctor", "--url", "127.0.0.1:8787"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("http://127.0.0.1:8787/codex")]);
}, 60_000);
