// The real Codex CLI, current and old, through the binary, with exactly the settings that `codexd connect codex` prints.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { client } from "./install.ts";
import { asking, type Block, connect, Desk, type Outcome, type Setting, startSetting, wires } from "./setting.ts";
import versions from "./versions.json";

/** How it presents itself: the blocks of `connect` to save and to run. */
const logins = {
  env_key: { settings: 0, command: 1 },
  "a ChatGPT login": { settings: 2, command: 3 },
  "an API key login": { settings: 2, command: 4 },
} as const;
type Login = keyof typeof logins;

const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
/** Unsigned: the CLI reads the claims and leaves the signature to the server. */
const token = `${segment({ alg: "none", typ: "JWT" })}.${segment({
  email: "somebody@example.com",
  exp: Math.floor(Date.now() / 1000) + 86_400,
  "https://api.openai.com/auth": { chatgpt_plan_type: "pro", chatgpt_user_id: "user", chatgpt_account_id: "account" },
})}.c2ln`;
const chatGptLogin = JSON.stringify({
  auth_mode: "chatgpt",
  OPENAI_API_KEY: null,
  tokens: { id_token: token, access_token: token, refresh_token: "rt_none", account_id: "account" },
  last_refresh: new Date().toISOString(),
});

/** 0.98 asks its maker for models whatever the provider, again and again where there is no internet. */
const isOld = (version: string) => version.startsWith("0.98.");
const offline = (version: string) => (isOld(version) ? "-c features.remote_models=false " : "");
/** The CLI's own sandbox wants privileges that a test may not have. */
const UNCONFINED = "--sandbox danger-full-access";

const deskFor = async (version: string) => new Desk([dirname((await client("@openai/codex", version)).bin("codex"))]);

/** The last thing the model said: what `codex exec` writes to its standard output. */
const finalText = ({ stdout }: Outcome): string => stdout.replace(/^Successfully logged in\n/, "").trim();

const pairs = versions["@openai/codex"].versions.flatMap((version) => wires.map((wire) => ({ version, wire })));

describe.each(pairs)("Codex CLI $version on the $wire wire", ({ version, wire }) => {
  let setting: Setting;
  let blocks: Block[];
  beforeAll(async () => {
    setting = await startSetting(wire);
    blocks = await connect("codex", setting.base);
  });
  afterAll(() => setting[Symbol.asyncDispose]());
  beforeEach(() => setting.forget());

  async function start(prompt: string, login: Login = "env_key", flags = "") {
    const desk = await deskFor(version);
    desk.save(blocks[logins[login].settings]!);
    if (login === "a ChatGPT login") desk.write("~/.codex/auth.json", chatGptLogin);
    const script = asking(blocks[logins[login].command]!.text, "codex exec", `${offline(version)}${flags}`);
    return { desk, script, env: { PROMPT: prompt } };
  }
  async function exec(...how: Parameters<typeof start>): Promise<Outcome> {
    const { desk, script, env } = await start(...how);
    return await desk.run(script, env);
  }

  // How it logs in is nothing to the upstream's wire: one way is enough on the second.
  const ways = wire === "responses" ? (["env_key", "a ChatGPT login"] as const) : (["env_key"] as const);
  const allWays = wire === "responses" ? (Object.keys(logins) as Login[]) : ways;

  test.each(allWays)("text: the final text is the model's, with %s", async (login) => {
    const outcome = await exec("SAY Good morning from codexd.", login);
    expect(finalText(outcome)).toBe("Good morning from codexd.");
    expect(outcome.code).toBe(0);
    expect(await setting.stats()).toMatchObject({ requests: 1, finished: 1 });
  });

  test.each(ways)("tools: a command's real output returns, with %s", async (login) => {
    const outcome = await exec('CALL exec_command {"cmd":"echo $((6 * 7)) of $(basename $PWD)"}', login, UNCONFINED);
    expect(finalText(outcome)).toStartWith("tool said:");
    expect(finalText(outcome)).toContain("42 of project");
    const [first, second, ...more] = await setting.asked();
    expect(more).toEqual([]);
    expect(first!.body.tools!.map((tool) => tool.name ?? tool.function?.name)).toContain("exec_command");
    if (wire === "responses") expect(second!.body.input!.map(({ type }) => type)).toContain("function_call_output");
    else expect(second!.body.messages!.map(({ role }) => role)).toContain("tool");
  });

  const sealed = wire === "responses"; // nothing of a Chat provider is
  const reasoning = sealed ? "sealed reasoning" : "reasoning";
  test.each(ways)(`${reasoning}: it is shown, with %s`, async (login) => {
    const steps = ["REASON First I look around.", 'CALL exec_command {"cmd":"echo found"}', "THEN SAY I looked."];
    const outcome = await exec(steps.join(" ;; "), login, `${UNCONFINED} -c model_reasoning_summary=auto`);
    expect(finalText(outcome)).toBe("I looked.");
    expect(outcome.stderr).toContain("First I look around.");
    const replayed = (await setting.asked()).at(-1)!.body.input?.find(({ type }) => type === "reasoning");
    expect(typeof replayed?.encrypted_content).toBe(sealed ? "string" : "undefined");
  });

  test.each([
    ["a usage limit", "FAIL usage_limit_reached", /hit your usage limit.* try again at/, 1],
    ["too long an input", "FAIL context_length_exceeded", /ran out of room|exceeds the context window/, 1],
    // The old version asks again where the current one tells the user.
    [
      "an overload in the stream",
      "FAIL server_is_overloaded during 2",
      /at capacity|overloaded/,
      isOld(version) ? 6 : 1,
    ],
  ])(
    "errors: %s is told as such, and asked no more often than it makes sense",
    async (_, prompt, message, requests) => {
      const outcome = await exec(prompt);
      expect(outcome.stderr).toMatch(message);
      expect(outcome.code).toBe(1);
      expect((await setting.stats()).requests).toBe(requests);
    },
  );

  test("abort: an interrupt cancels the upstream's work", async () => {
    const { desk, script, env } = await start("SLOW 100 ;; LONG 2000");
    const running = desk.start(script, env);
    await setting.until(({ open }) => open === 1);
    running.signal("SIGINT");
    expect(await setting.until(({ open }) => open === 0)).toMatchObject({ requests: 1, cancelled: 1, finished: 0 });
    running.signal("SIGKILL");
    await running.outcome;
  });
});

describe.each(versions["@openai/codex"].versions)("Codex CLI %s on the responses wire", (version) => {
  test("models: they are decoded and cached, in the server's order", async () => {
    await using setting = await startSetting("responses", { licence: false });
    const blocks = await connect("codex", setting.base, null);
    const desk = await deskFor(version);
    desk.write("~/.codex/auth.json", chatGptLogin);
    const { settings, command } = logins["a ChatGPT login"];
    // The old version asks no provider for models but the built-in one.
    if (!isOld(version)) desk.save(blocks[settings]!);
    const script = isOld(version) ? blocks.at(-1)! : blocks[command]!;
    const outcome = await desk.run(asking(script.text, "codex exec"), { PROMPT: "SAY hi" });
    expect(finalText(outcome)).toBe("hi");

    const cache = readFileSync(join(desk.home, ".codex", "models_cache.json"), "utf8");
    const answer = await fetch(`${setting.base}/models?client_version=${version}`);
    const slugs = (text: string) => (JSON.parse(text) as { models: { slug: string }[] }).models.map(({ slug }) => slug);
    expect(slugs(cache)).toEqual(slugs(await answer.text()));
    expect(slugs(cache).length).toBeGreaterThan(3);
  });
});
