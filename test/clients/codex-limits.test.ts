// The real Codex CLI must understand what codexd tells it of limits, at both places where it looks, or /status shows nothing.

import { expect, test } from "bun:test";
import { dirname } from "node:path";
import { startGateway, startSandbox } from "../binary.ts";
import { client } from "./install.ts";
import { Desk } from "./setting.ts";

// biome-ignore lint/suspicious/noExplicitAny: read by path
type Json = Record<string, any>;

const settings = (base: string, chatgpt: string) => `model = "gpt-5.5"
model_provider = "codexd"
chatgpt_base_url = "${chatgpt}"
approval_policy = "never"
[model_providers.codexd]
name = "codexd"
base_url = "${base}"
wire_api = "responses"
requires_openai_auth = true
[features]
apps = false
plugins = false
[analytics]
enabled = false
`;

test.each(["", "/backend-api"])(
  "with chatgpt_base_url = BASE%s",
  async (below) => {
    await using sandbox = await startSandbox({ args: ["--auth"] });
    const post = async (path: string, body: unknown): Promise<Json> =>
      (await (await fetch(sandbox.url + path, { method: "POST", body: JSON.stringify(body) })).json()) as Json;
    const { auth } = await post("/sandbox/accounts/user1@sandbox.test/login", {});
    const window = { usedPercent: 37, windowMinutes: 300, resetsIn: 3600 };
    await post("/sandbox/control", { usage: { primary: window, perTurn: 0 } });
    const upstream = {
      kind: "chatgpt",
      baseUrl: `${sandbox.url}/backend-api/codex`,
      accounts: [{ accessToken: auth.tokens.access_token }],
    };
    await using gateway = await startGateway({ config: { upstreams: { up: upstream } } });
    const body = JSON.stringify({ model: "gpt-5.5", input: "SAY hi" });
    await (await fetch(`${gateway.base}/v1/responses`, { method: "POST", body })).text();

    const desk = new Desk([dirname((await client("@openai/codex")).bin("codex"))], {});
    desk.write("~/.codex/config.toml", settings(gateway.base, gateway.base + below));
    desk.write("~/.codex/auth.json", JSON.stringify(auth));
    const { rateLimits } = await readLimits(desk);
    expect(rateLimits).toMatchObject({
      planType: "plus",
      primary: { usedPercent: 37, windowDurationMins: 300 },
      secondary: { usedPercent: 0, windowDurationMins: 10_080 },
    });
    expect(Math.abs(rateLimits.primary.resetsAt - Date.now() / 1000 - 3600)).toBeLessThan(120);
  },
  60_000,
);

test("a plan and windows that nobody knows yet are no error", async () => {
  await using sandbox = await startSandbox();
  const login = await fetch(`${sandbox.url}/sandbox/accounts/user1@sandbox.test/login`, { method: "POST", body: "{}" });
  const { auth } = (await login.json()) as Json;
  const accounts = [{ accessToken: "says-nothing", accountId: "account" }];
  const upstream = { kind: "chatgpt", baseUrl: `${sandbox.url}/backend-api/codex`, accounts };
  await using gateway = await startGateway({ config: { upstreams: { up: upstream } } });
  const desk = new Desk([dirname((await client("@openai/codex")).bin("codex"))], {});
  desk.write("~/.codex/config.toml", settings(gateway.base, gateway.base));
  desk.write("~/.codex/auth.json", JSON.stringify(auth));
  const { rateLimits } = await readLimits(desk);
  expect(rateLimits).toMatchObject({ planType: "unknown", primary: null, secondary: null, credits: null });
}, 60_000);

/** What `/status` shows, asked as an editor's plugin asks for it. */
async function readLimits(desk: Desk): Promise<Json> {
  const child = Bun.spawn(["codex", "app-server"], {
    cwd: desk.project,
    env: { HOME: desk.home, PATH: [...desk.commands, process.env.PATH ?? ""].join(":"), ...desk.environment },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  try {
    for (const message of [
      { id: 1, method: "initialize", params: { clientInfo: { name: "test", version: "1" } } },
      { method: "initialized" },
      { id: 2, method: "account/rateLimits/read" },
    ])
      child.stdin.write(`${JSON.stringify(message)}\n`);
    child.stdin.flush();
    let text = "";
    for await (const chunk of child.stdout) {
      text += Buffer.from(chunk).toString();
      const messages = text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Json);
      const answer = messages.find(({ id }) => id === 2);
      if (answer?.error) throw new Error(JSON.stringify(answer.error));
      if (answer) return answer.result;
    }
    throw new Error(`the app server ended:\n${text}`);
  } finally {
    child.stdin.end();
    await child.exited;
  }
}
