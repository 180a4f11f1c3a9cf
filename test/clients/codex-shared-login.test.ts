// The real Codex CLI and codexd use one login file at the same time: neither logs the other out, and only who may renews it.
import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Server, startGateway, startSandbox } from "../binary.ts";
import { client } from "./install.ts";
import { Desk, MODEL } from "./setting.ts";

// biome-ignore lint/suspicious/noExplicitAny: read by path
type Json = Record<string, any>;

/** How long both go on asking; two minutes is the full size. */
const SECONDS = Number(process.env.CODEXD_SHARED_SECONDS ?? 15);

const settings = (url: string) => `model = "${MODEL}"
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

/** Both in front of one sandbox whose access tokens live 310 s: the CLI wants another one after ten seconds. */
async function share(refresh: boolean) {
  const sandbox = await startSandbox({ args: ["--auth", "--token-lifetime", "310s"] });
  const call = async (path: string, body?: Json): Promise<Json> => {
    const init = body && { method: "POST", body: JSON.stringify(body) };
    return (await (await fetch(sandbox.url + path, init)).json()) as Json;
  };
  const desk = new Desk([dirname((await client("@openai/codex")).bin("codex"))], {
    CODEX_REFRESH_TOKEN_URL_OVERRIDE: `${sandbox.url}/oauth/token`,
  });
  desk.write("~/.codex/config.toml", settings(sandbox.url));
  const { accounts } = await call("/sandbox/control", {});
  const planted = async () => {
    const { auth } = await call(`/sandbox/accounts/${accounts[0].id}/login`, {});
    return desk.write("~/.codex/auth.json", JSON.stringify(auth));
  };
  const authFile = await planted();
  const gateway: Server = await startGateway({
    config: {
      models: { default: MODEL },
      upstreams: {
        up: {
          kind: "chatgpt",
          baseUrl: `${sandbox.url}/backend-api/codex`,
          chatgptUrl: `${sandbox.url}/backend-api`,
          issuer: sandbox.url,
          accounts: [{ name: "shared", authFile, refresh }],
        },
      },
    },
  });
  return {
    planted,
    control: (fields: Json) => call("/sandbox/control", fields),
    counts: async (): Promise<Json> => (await call("/sandbox/stats")).auth,
    /** Who asked for new tokens. */
    async renewals() {
      const asked = (await call("/sandbox/requests?n=1000&side=auth")) as Json[];
      const tokens = asked.filter(({ path }) => path === "/oauth/token");
      const ours = tokens.filter(({ headers }) => String(headers["user-agent"]).endsWith(" codexd"));
      return { ours: ours.length, cli: tokens.length - ours.length };
    },
    file: () => ({ ...JSON.parse(readFileSync(authFile, "utf8")), mode: statSync(authFile).mode & 0o777 }) as Json,
    async cli(): Promise<string> {
      const flags = "--skip-git-repo-check --sandbox danger-full-access";
      const { code, stdout, stderr } = await desk.run(`codex exec ${flags} "$PROMPT"`, { PROMPT: "SAY by the CLI" });
      return code === 0 && stdout.includes("by the CLI") ? "ok" : `${code}: ${stderr}`;
    },
    async ours(): Promise<string> {
      const body = JSON.stringify({ model: MODEL, input: "SAY by codexd" });
      const answer = await fetch(`${gateway.base}/v1/responses`, { method: "POST", body });
      const text = await answer.text();
      return answer.ok && text.includes("by codexd") ? "ok" : `${answer.status}: ${text}`;
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

/** Asks again and again until the time is over: how it ended, and how often. */
async function whileTime(ask: () => Promise<string>, pause: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (const end = Date.now() + SECONDS * 1000; Date.now() < end; await Bun.sleep(pause)) {
    const outcome = await ask();
    seen[outcome] = (seen[outcome] ?? 0) + 1;
  }
  return seen;
}

test.each([true, false])(
  "turns on both sides over expiry after expiry, `refresh: %p`",
  async (refresh) => {
    await using both = await share(refresh);
    const [cli, ours] = await Promise.all([whileTime(both.cli, 0), whileTime(both.ours, 50)]);
    expect([Object.keys(cli), Object.keys(ours)]).toEqual([["ok"], ["ok"]]);
    expect(cli.ok).toBeGreaterThan(SECONDS / 10);
    expect(ours.ok).toBeGreaterThan(SECONDS);
    expect(await both.counts()).toMatchObject({ reused: 0, refused: 0, unauthorized: 0 });
    const renewals = await both.renewals();
    expect(renewals.cli).toBeGreaterThanOrEqual(Math.max(1, Math.floor(SECONDS / 30)));
    if (!refresh) expect(renewals.ours).toBe(0);
    expect(both.file()).toMatchObject({ mode: 0o600, tokens: { refresh_token: expect.any(String) } });
  },
  SECONDS * 1000 + 60_000,
);

test("while the CLI rests codexd renews, and the CLI goes on with what it wrote", async () => {
  await using both = await share(true);
  await both.control({ tokenLifetime: "20s" });
  await both.planted();
  const before = both.file();
  await both.control({ tokenLifetime: "1h" });
  await Bun.sleep(10_500);
  expect(await both.ours()).toBe("ok");
  for (const end = Date.now() + 5000; both.file().last_refresh === before.last_refresh && Date.now() < end; )
    await Bun.sleep(20);
  const after = both.file();
  expect(after.tokens.refresh_token).not.toBe(before.tokens.refresh_token);
  expect(Object.keys(after)).toEqual(Object.keys(before));
  expect(await both.cli()).toBe("ok");
  expect(await both.renewals()).toEqual({ ours: 1, cli: 0 });
  expect(await both.counts()).toMatchObject({ reused: 0, refused: 0, unauthorized: 0 });
}, 60_000);

test("with `refresh: false` an expired login is told, and left to the CLI that renews it", async () => {
  await using both = await share(false);
  await both.control({ tokenLifetime: "1s" });
  await both.planted();
  await both.control({ tokenLifetime: "1h" });
  await Bun.sleep(1200);
  expect(await both.ours()).toContain("upstream_auth_failed");
  expect(await both.renewals()).toEqual({ ours: 0, cli: 0 });
  expect(await both.cli()).toBe("ok");
  expect(await both.ours()).toBe("ok");
  expect(await both.renewals()).toEqual({ ours: 0, cli: 1 });
}, 60_000);
