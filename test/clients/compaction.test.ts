// Real clients that know nothing of the upstream's window, in conversations three times as long: with `auto` they never notice.
import { describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import OpenAI from "openai";
import { client } from "./install.ts";
import { asking, connect, Desk, KEY, MODEL, type Setting, startSetting, type Wire, wires } from "./setting.ts";

/** Some 90 KB of words: within what one argument of a command may be. A quarter as many tokens, as the sandbox counts. */
const words = (from: number) => Array.from({ length: 11_000 }, (_, at) => `n${from}w${at}`).join(" ");
/** Room for what a client sends with every turn, and for one such text. */
const WINDOW = 60_000;
const noted = (turn: number) => `SAY noted ${turn}\n${words(turn)}`;

const settingFor = (wire: Wire) =>
  startSetting(wire, { compact: { auto: true }, sandboxArgs: ["--window", String(WINDOW)] });

/** Says one fact, fills three windows, and asks for the fact; `ask` answers with the last thing the model said. */
async function converse(setting: Setting, ask: (prompt: string, first: boolean) => Promise<string>) {
  expect(await ask("REMEMBER the word is heliotrope", true)).toBe("remembered: the word is heliotrope");
  let bytes = 0;
  for (let turn = 1; bytes < 3 * WINDOW * 4; turn++) {
    bytes += noted(turn).length;
    expect(await ask(noted(turn), false)).toBe(`noted ${turn}`);
  }
  expect(await ask("RECALL heliotrope", false)).toBe("recalled: heliotrope");
  expect(await ask("RECALL jacaranda", false)).toBe("not recalled: jacaranda");
  const asked = JSON.stringify(await setting.asked());
  expect(asked.includes("compaction_trigger") || asked.includes("Summarise this conversation")).toBe(true);
}

describe.each(wires.map((wire) => ({ wire })))("on the $wire wire", ({ wire }) => {
  test("Claude Code", async () => {
    await using setting = await settingFor(wire);
    const printed = (await connect("claude-code", setting.base))[0]!.text;
    const desk = new Desk([dirname((await client("@anthropic-ai/claude-code")).bin("claude"))]);
    await converse(setting, async (prompt, first) => {
      const { code, stdout, stderr } = await desk.run(asking(printed, "claude -p", first ? "" : "--continue"), {
        PROMPT: prompt,
      });
      if (code !== 0) throw new Error(`claude ended with ${code}:\n${stdout.slice(0, 2000)}${stderr}`);
      return stdout.trim();
    });
  }, 240_000);

  // Each of its starts takes seconds, and its dialect is the same on every wire.
  test.if(wire === "responses")(
    "Gemini CLI",
    async () => {
      await using setting = await settingFor(wire);
      const [settings, command] = await connect("gemini-cli", setting.base);
      const desk = new Desk([dirname((await client("@google/gemini-cli")).bin("gemini"))]);
      desk.save(settings!);
      await converse(setting, async (prompt, first) => {
        const flags = `-o json ${first ? "" : "--resume latest"}`;
        const script = asking(command!.text, `gemini -m ${MODEL}`, flags);
        const { code, stdout, stderr } = await desk.run(script, { PROMPT: prompt });
        if (code !== 0) throw new Error(`gemini ended with ${code}:\n${stdout.slice(0, 2000)}${stderr}`);
        return (JSON.parse(stdout) as { response: string }).response.trim();
      });
    },
    240_000,
  );

  test("the OpenAI SDK, by chat, streamed", async () => {
    await using setting = await settingFor(wire);
    const openai = new OpenAI({ baseURL: `${setting.base}/v1`, apiKey: KEY, maxRetries: 0 });
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "system", content: "Be brief." }];
    await converse(setting, async (content) => {
      messages.push({ role: "user", content });
      const answer = await openai.chat.completions.stream({ model: MODEL, messages }).finalChatCompletion();
      messages.push({ role: "assistant", content: answer.choices[0]!.message.content });
      return answer.choices[0]!.message.content ?? "";
    });
  }, 60_000);

  test("the OpenAI SDK, by responses, whole", async () => {
    await using setting = await settingFor(wire);
    const openai = new OpenAI({ baseURL: `${setting.base}/v1`, apiKey: KEY, maxRetries: 0 });
    const input: OpenAI.Responses.ResponseInput = [];
    await converse(setting, async (content) => {
      input.push({ role: "user", content });
      const answer = await openai.responses.create({ model: MODEL, input, store: false });
      input.push(...(answer.output as OpenAI.Responses.ResponseInput));
      return answer.output_text;
    });
  }, 60_000);
});
