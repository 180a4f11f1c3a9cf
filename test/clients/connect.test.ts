// What `codexd connect` prints for libraries and curl runs as it stands and gets an answer.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { client } from "./install.ts";
import { connect, Desk, type Setting, startSetting } from "./setting.ts";

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting("responses");
});
afterAll(() => setting[Symbol.asyncDispose]());

const own = resolve(import.meta.dir, "../..");
const libraries: [string, () => Promise<string>, number][] = [
  ["openai", async () => own, 2],
  ["anthropic", async () => own, 1],
  ["google-genai", async () => (await client("@google/genai")).folder, 1],
  ["ai-sdk", async () => (await client("ai")).folder, 1],
  ["langchain", async () => (await client("@langchain/openai")).folder, 1],
  ["openai-agents", async () => (await client("@openai/agents")).folder, 1],
];

describe("what connect prints", () => {
  test.each(libraries)("%s: the program is answered", async (name, folder, answers) => {
    const desk = new Desk([]);
    symlinkSync(join(await folder(), "node_modules"), join(desk.project, "node_modules"));
    const blocks = await connect(name, setting.base);
    desk.save(blocks.find(({ file }) => file === "hello.mjs")!);
    // Its first line installs what is there already.
    const [install, run] = blocks.at(-1)!.text.split("\n");
    expect(install).toStartWith("npm install ");
    const { code, stdout, stderr } = await desk.run(run!);
    expect(stdout.match(/Say hello\./g), stderr).toHaveLength(answers);
    expect(code).toBe(0);
  });

  test("openai, anthropic: the environment alone is enough", async () => {
    for (const [name, program] of [
      ["openai", 'import OpenAI from "openai"; console.log((await new OpenAI().models.retrieve("gpt-5.5")).id);'],
      ["anthropic", 'import A from "@anthropic-ai/sdk"; console.log((await new A().models.retrieve("gpt-5.5")).id);'],
    ] as const) {
      const desk = new Desk([]);
      symlinkSync(join(own, "node_modules"), join(desk.project, "node_modules"));
      desk.write("ask.mjs", program);
      const [environment] = await connect(name, setting.base);
      const { stdout, stderr } = await desk.run(`${environment!.text}\nnode ask.mjs`);
      expect(stdout.trim(), stderr).toBe("gpt-5.5");
    }
  });

  test("curl: every command is answered", async () => {
    const lines = (await connect("curl", setting.base)).flatMap(({ text }) => text.split("\n"));
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) {
      const { code, stdout, stderr } = await new Desk([]).run(line);
      expect(stdout, stderr).toMatch(/Say hello\.|gpt-5\.5/);
      expect(code).toBe(0);
    }
  });
});
