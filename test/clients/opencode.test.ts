// The real opencode, headless, through the binary, on both wires, with exactly what `codexd connect opencode` prints.
import { beforeAll, describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { client } from "./install.ts";
import { type Asked, asking, connect, Desk, type Outcome, startSetting, wires } from "./setting.ts";

/** Nothing of it but the model is to be asked for over the network. */
const OFFLINE = {
  OPENCODE_DISABLE_AUTOUPDATE: "1",
  OPENCODE_DISABLE_MODELS_FETCH: "1",
  OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
};

const providers = { "openai-compatible": "codexd", openai: "codexd-responses", anthropic: "codexd-messages" };
const rows = wires.flatMap((wire) => Object.entries(providers).map(([name, provider]) => ({ wire, name, provider })));

// A start of it is dear, so that one run shows both of what is asked.
describe.each(rows)("opencode ($name) on the $wire wire", ({ wire, provider }) => {
  let outcome: Outcome;
  let asked: Asked[];
  beforeAll(async () => {
    await using setting = await startSetting(wire);
    const [settings, command] = await connect("opencode", setting.base);
    const desk = new Desk([dirname((await client("opencode-ai")).bin("opencode"))], OFFLINE);
    desk.save(settings!);
    const filePath = desk.write("note.txt", "The secret is 4711.\n");
    const script = asking(command!.text, "opencode run").replace("codexd/", `${provider}/`);
    outcome = await desk.run(script, { PROMPT: `CALL read ${JSON.stringify({ filePath })} ;; THEN SAY good-morning` });
    asked = await setting.asked();
  }, 120_000);

  test("text: the last answer is printed", () => {
    expect(outcome.stdout.trim(), outcome.stderr).toBe("good-morning");
    expect(outcome.code).toBe(0);
  });

  test("tools: what read found reaches the model", () => {
    const results = asked.flatMap(({ body }): object[] =>
      wire === "responses"
        ? body.input!.filter(({ type }) => type === "function_call_output")
        : body.messages!.filter(({ role }) => role === "tool"),
    );
    expect(results).toHaveLength(1);
    expect(JSON.stringify(results)).toContain("The secret is 4711.");
  });
});
