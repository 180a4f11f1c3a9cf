// The real Codex CLI, current and old, outgrows its limit: it compacts in its own way, whatever the upstream has, and remembers.
import { describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { client } from "./install.ts";
import { Desk, KEY, type Outcome, type Setting, startSetting } from "./setting.ts";

/** How each of them asks: by the endpoint, by the trigger, or, for a provider of another name, with a prompt of its own. */
const clients = [
  { version: "0.169.0", name: "OpenAI", asks: "trigger" },
  { version: "0.169.0", name: "codexd", asks: "prompt" },
  { version: "0.130.0", name: "OpenAI", asks: "endpoint" },
  { version: "0.130.0", name: "codexd", asks: "prompt" },
  { version: "0.80.0", name: "OpenAI", asks: "endpoint" },
  { version: "0.80.0", name: "codexd", asks: "prompt" },
] as const;
const upstreams = [
  { on: "an upstream with the endpoint", wire: "responses", compaction: "endpoint" },
  { on: "an upstream with the trigger only", wire: "responses", compaction: "trigger" },
  { on: "the chat wire", wire: "chat", compaction: "none" },
] as const;

const settingFor = ({ wire, compaction }: (typeof upstreams)[number], kind: "openai" | "chatgpt" = "openai") =>
  startSetting(wire, { kind, compact: { summarise: true }, sandboxArgs: ["--compaction", compaction] });

/** More than any first prompt, less than what the answers claim to have used. */
const LIMIT = 60_000;
const FULL = "USAGE 70000 0 10 0";

function settings(base: string, name: string): string {
  return `model = "gpt-5.5"
model_provider = "gateway"
model_auto_compact_token_limit = ${LIMIT}
check_for_update_on_startup = false
chatgpt_base_url = ${JSON.stringify(base)}

[features]
apps = false
plugins = false

[model_providers.gateway]
name = ${JSON.stringify(name)}
base_url = ${JSON.stringify(base)}
wire_api = "responses"
env_key = "CODEXD_KEY"
`;
}

async function start(setting: Setting, { version, name }: { version: string; name: string }) {
  const desk = new Desk([dirname((await client("@openai/codex", version)).bin("codex"))], { CODEXD_KEY: KEY });
  desk.write("~/.codex/config.toml", settings(setting.base, name));
  const exec = async (prompt: string, resume = true): Promise<string> => {
    const command = `codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox ${resume ? "resume --last" : ""}`;
    const outcome: Outcome = await desk.run(`${command} "$PROMPT"`, { PROMPT: prompt });
    if (outcome.code !== 0) throw new Error(`codex ended with ${outcome.code}:\n${outcome.stdout}${outcome.stderr}`);
    return outcome.stdout.trim();
  };
  return exec;
}

describe.each(upstreams)("on $on", (upstream) => {
  test.each(clients)("Codex CLI $version with a provider named $name compacts and goes on", async (cli) => {
    await using setting = await settingFor(upstream);
    const exec = await start(setting, cli);
    // Only the model said it, so only a compaction that worked can have kept it.
    expect(await exec(`LONG 40 ;; ${FULL}`, false)).toEndWith("word39 word40");
    await setting.forget();
    expect(await exec("SAY second")).toBe("second");
    const asked = (await setting.asked()).map(({ path, body }) => [path, JSON.stringify(body)] as const);
    const has = (words: string) => asked.some(([, body]) => body.includes(words));
    // It asked in its own way, and the upstream was asked in the one that it has.
    if (cli.asks === "prompt") expect(has("CONTEXT CHECKPOINT COMPACTION")).toBe(true);
    else if (upstream.wire === "chat") expect(has("Summarise this conversation")).toBe(true);
    else if (upstream.compaction === "trigger") expect(has("compaction_trigger")).toBe(true);
    else expect(asked.some(([path]) => path.endsWith("/responses/compact"))).toBe(true);
    expect(has("LONG 40")).toBe(true);
    expect(asked.at(-1)?.[1]).not.toContain('"text":"word1 word2');
    expect(await exec("RECALL word39")).toBe("recalled: word39");
    expect(await exec("RECALL word41")).toBe("not recalled: word41");
  });
});

describe.each(upstreams.slice(0, 2))("in the middle of a turn, on $on", (upstream) => {
  test.each([clients[0], clients[2]])("Codex CLI $version keeps what its tool found", async (cli) => {
    await using setting = await settingFor(upstream);
    const exec = await start(setting, cli);
    const steps = ['CALL exec_command {"cmd":"echo found $((41 * 101))"}', FULL, "THEN SAY done"];
    expect(await exec(steps.join(" ;; "), false)).toBe("done");
    expect(await exec("SAY second")).toBe("second");
    expect(await exec("RECALL 4141")).toBe("recalled: 4141");
  });
});

test("with a ChatGPT backend behind it the current one compacts as its maker has it", async () => {
  await using setting = await settingFor(upstreams[1], "chatgpt");
  const exec = await start(setting, clients[0]);
  expect(await exec(`LONG 40 ;; ${FULL}`, false)).toEndWith("word40");
  expect(await exec(`SAY second ;; ${FULL}`)).toBe("second");
  // Once more: the second compaction holds what the first one did.
  expect(await exec("SAY third")).toBe("third");
  expect(await exec("RECALL word39")).toBe("recalled: word39");
});
