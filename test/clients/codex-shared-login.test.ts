// The real Codex CLI and codexd on one login file whose tokens want renewal every ten seconds: neither logs the other out.
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AuthFileContent, issuing } from "../account/setting.ts";
import { type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { client } from "./install.ts";

/** `CODEXD_SOAK=1` for the full two minutes. */
const BOTH_MS = process.env.CODEXD_SOAK ? 120_000 : 20_000;
/** Longer than codexd leaves to a CLI that is in use. */
const ALONE_MS = 30_000;

interface Side {
  sandbox: Server;
  gateway: Server;
  file: string;
  counts(): Promise<Record<string, number>>;
  /** One turn of the CLI, straight at the backend: its exit code and what it said. */
  cli(): Promise<string>;
  /** One turn through codexd. */
  turn(): Promise<string>;
}

async function setting(refresh: boolean): Promise<Side> {
  const sandbox = await startSandbox({ args: ["--auth", "--token-lifetime", "310s"] });
  const issuer = await issuing({ url: sandbox.url });
  const home = temporary();
  mkdirSync(join(home, ".codex"));
  const file = join(home, ".codex", "auth.json");
  writeFileSync(file, JSON.stringify(await issuer.login(), undefined, 2), { mode: 0o600 });
  const backend = `${sandbox.url}/backend-api`;
  writeFileSync(
    join(home, ".codex", "config.toml"),
    `model = "gpt-5.5"
model_provider = "direct"
chatgpt_base_url = "${backend}"
check_for_update_on_startup = false
[model_providers.direct]
name = "direct"
base_url = "${sandbox.url}/v1"
wire_api = "responses"
requires_openai_auth = true
[analytics]
enabled = false
[features]
apps = false
plugins = false
`,
  );
  const config = {
    upstreams: {
      codex: {
        kind: "chatgpt",
        baseUrl: `${backend}/codex`,
        issuer: sandbox.url,
        chatgptUrl: backend,
        accounts: [{ name: "work", authFile: file, refresh }],
      },
    },
  };
  const gateway = await startGateway({ config });
  const codex = (await client("@openai/codex")).bin("codex");
  return {
    sandbox,
    gateway,
    file,
    counts: issuer.counts,
    async cli() {
      const child = Bun.spawn([codex, "exec", "--skip-git-repo-check", "SAY hello from the CLI"], {
        cwd: home,
        env: {
          PATH: process.env.PATH ?? "",
          HOME: home,
          CODEX_REFRESH_TOKEN_URL_OVERRIDE: `${sandbox.url}/oauth/token`,
        },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [code, out, err] = await Promise.all([
        child.exited,
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return code === 0 ? out.trim() : `${code}: ${err}`;
    },
    async turn() {
      const answer = await fetch(`${gateway.base}/v1/responses`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "gpt-5.5", input: "hi there" }),
      });
      return answer.status === 200 ? "200" : `${answer.status}: ${await answer.text()}`;
    },
  };
}

/** What came of turn after turn, each kind once. */
async function repeated(turn: () => Promise<string>, ms: number, pause: number): Promise<Set<string>> {
  const seen = new Set<string>();
  for (const end = Date.now() + ms; Date.now() < end; await Bun.sleep(pause)) seen.add(await turn());
  return seen;
}

const login = (file: string) => JSON.parse(readFileSync(file, "utf8")) as AuthFileContent;

test("with `refresh: true` both renew it, and both go on", async () => {
  const { sandbox, gateway, file, counts, cli, turn } = await setting(true);
  await using _ = sandbox;
  await using __ = gateway;
  const [ours, theirs] = await Promise.all([repeated(turn, BOTH_MS, 100), repeated(cli, BOTH_MS, 300)]);
  expect([...theirs]).toEqual(["hello from the CLI"]);
  expect([...ours]).toEqual(["200"]);
  const together = await counts();
  expect(together).toMatchObject({ reused: 0, refused: 0 });
  expect(together.refreshes).toBeGreaterThanOrEqual(1);
  expect([...(await repeated(turn, ALONE_MS, 250))]).toEqual(["200"]);
  expect((await counts()).refreshes).toBeGreaterThan(together.refreshes ?? 0);
  expect(gateway.stderr()).toContain("a login was renewed");
  expect(await cli()).toBe("hello from the CLI");
  expect(await counts()).toMatchObject({ reused: 0, refused: 0 });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(Object.keys(login(file).tokens).sort()).toEqual(
    ["access_token", "account_id", "id_token", "login_owner_id", "oauth_provenance", "refresh_token"].sort(),
  );
}, 300_000);

test("with `refresh: false` codexd never does", async () => {
  const { sandbox, gateway, file, counts, cli, turn } = await setting(false);
  await using _ = sandbox;
  await using __ = gateway;
  const before = login(file);
  expect([...(await repeated(turn, 14_000, 250))]).toEqual(["200"]);
  expect(await counts()).toMatchObject({ refreshes: 0, refused: 0 });
  expect(login(file)).toEqual(before);
  expect(await cli()).toBe("hello from the CLI");
  expect((await counts()).refreshes).toBe(1);
  expect(await turn()).toBe("200");
}, 120_000);
