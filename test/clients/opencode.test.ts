// The real opencode, headless, through the binary, on both wires, with exactly what `codexd connect opencode` prints.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { client } from "./install.ts";
import { asking, connect, Desk, type Setting, startSetting, wires } from "./setting.ts";

/** Nothing of it but the model is to be asked for over the network. */
const OFFLINE = {
  OPENCODE_DISABLE_AUTOUPDATE: "1",
  OPENCODE_DISABLE_MODELS_FETCH: "1",
  OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
};

describe.each(wires.map((wire) => ({ wire })))("opencode on the $wire wire", ({ wire }) => {
  let setting: Setting;
  let desk: Desk;
  let printed: string;
  beforeAll(async () => {
    setting = await startSetting(wire);
    const [settings, command] = await connect("opencode", setting.base);
    desk = new Desk([dirname((await client("opencode-ai")).bin("opencode"))], OFFLINE);
    desk.save(settings!);
    desk.write("note.txt", "The secret is 4711.\n");
    printed = command!.text;
  });
  afterAll(() => setting[Symbol.asyncDispose]());

  const ask = (provider: string, prompt: string) =>
    desk.run(asking(printed, "opencode run").replace("codexd/", `${provider}/`), { PROMPT: prompt });

  test("text: the answer is printed", async () => {
    const { code, stdout } = await ask("codexd", "SAY good-morning");
    expect(stdout.trim()).toBe("good-morning");
    expect(code).toBe(0);
  });

  test.each(["codexd", "codexd-messages", "codexd-responses"])(
    "tools: what read found comes back, with %s",
    async (provider) => {
      const { code, stdout, stderr } = await ask(
        provider,
        `CALL read ${JSON.stringify({ filePath: join(desk.project, "note.txt") })}`,
      );
      expect(stdout, stderr).toStartWith("tool said:");
      expect(stdout).toContain("The secret is 4711.");
      expect(code).toBe(0);
    },
  );
});
