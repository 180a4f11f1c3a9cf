// The real Gemini CLI, headless, through the binary, on both wires, with exactly what `codexd connect gemini-cli` prints.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { client } from "./install.ts";
import { asking, connect, Desk, MODEL, type Setting, startSetting, wires } from "./setting.ts";

describe.each(wires.map((wire) => ({ wire })))("Gemini CLI on the $wire wire", ({ wire }) => {
  let setting: Setting;
  let desk: Desk;
  let printed: string;
  beforeAll(async () => {
    setting = await startSetting(wire);
    const [settings, command] = await connect("gemini-cli", setting.base);
    desk = new Desk([dirname((await client("@google/gemini-cli")).bin("gemini"))]);
    desk.save(settings!);
    desk.write("note.txt", "The secret is 4711.\n");
    printed = command!.text;
  });
  afterAll(() => setting[Symbol.asyncDispose]());
  beforeEach(() => setting.forget());

  async function ask(prompt: string, flags = "") {
    const script = asking(printed, `gemini -m ${MODEL}`, `-o json ${flags}`);
    const { code, stdout, stderr } = await desk.run(script, { PROMPT: prompt });
    if (code !== 0) throw new Error(`gemini ended with ${code}:\n${stdout}${stderr}`);
    return JSON.parse(stdout) as { response: string; stats: { tools: { totalSuccess: number } } };
  }

  test("text: the answer is printed", async () => {
    expect((await ask("SAY Good morning from codexd.")).response).toBe("Good morning from codexd.");
    expect(await setting.stats()).toMatchObject({ requests: 1, finished: 1 });
  });

  test("parallel tools: what both of them found comes back to the model in one turn", async () => {
    const calls = ['CALL read_file {"file_path":"note.txt"}', 'CALL list_directory {"dir_path":"."}'];
    const { response, stats } = await ask(["REASON A look.", ...calls].join("\n"), "--yolo");
    expect(response).toStartWith("tool said:");
    expect(response).toContain("The secret is 4711.");
    expect(response).toContain("note.txt");
    expect(stats.tools.totalSuccess).toBe(2);
    expect(await setting.stats()).toMatchObject({ requests: 2, finished: 2 });
  });
});
