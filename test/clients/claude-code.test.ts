// The real Claude Code, headless, through the binary, on both wires, with exactly what `codexd connect claude-code` prints.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { client } from "./install.ts";
import { asking, connect, Desk, type Outcome, type Setting, startSetting, wires } from "./setting.ts";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

interface Content {
  type: string;
  text?: string;
  thinking?: string;
  name?: string;
  content?: unknown;
}
/** A line of `--output-format stream-json`. */
interface Line {
  type: string;
  message?: { content: Content[] };
  result?: string;
  is_error?: boolean;
  api_error_status?: number | null;
  structured_output?: unknown;
}

describe.each(wires.map((wire) => ({ wire })))("Claude Code on the $wire wire", ({ wire }) => {
  let setting: Setting;
  let desk: Desk;
  let printed: string;
  beforeAll(async () => {
    setting = await startSetting(wire);
    printed = (await connect("claude-code", setting.base))[0]!.text;
    desk = new Desk([dirname((await client("@anthropic-ai/claude-code")).bin("claude"))]);
    desk.write("note.txt", "The secret is 4711.\n");
    desk.write("other.txt", "The other is 0815.\n");
    desk.write("dot.png", Buffer.from(PNG, "base64"));
  });
  afterAll(() => setting[Symbol.asyncDispose]());
  beforeEach(() => setting.forget());

  const claude = (prompt: string, flags = ""): Promise<Outcome> =>
    desk.run(asking(printed, "claude -p", flags), { PROMPT: prompt });
  async function ask(prompt: string, flags = "") {
    const { stdout, stderr } = await claude(prompt, `--output-format stream-json --verbose ${flags}`);
    const lines = stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Line);
    const last = lines.findLast(({ type }) => type === "result");
    if (!last) throw new Error(`no result:\n${stdout}${stderr}`);
    return { last, contents: lines.flatMap(({ message }) => (Array.isArray(message?.content) ? message.content : [])) };
  }
  const read = (file: string) => `CALL Read ${JSON.stringify({ file_path: join(desk.project, file) })}`;

  test("text: the answer is printed", async () => {
    const { code, stdout } = await claude("SAY Good morning from codexd.");
    expect(stdout.trim()).toBe("Good morning from codexd.");
    expect(code).toBe(0);
  });

  test("tools: what Read found comes back to the model", async () => {
    const { last, contents } = await ask(read("note.txt"));
    expect(contents.filter(({ type }) => type === "tool_use")).toMatchObject([{ name: "Read" }]);
    expect(last.is_error).toBe(false);
    expect(last.result).toStartWith("tool said:");
    expect(last.result).toContain("The secret is 4711.");
    expect((await setting.stats()).requests).toBe(2);
  });

  test("parallel tools: both results come back in one turn", async () => {
    const { last, contents } = await ask(`${read("note.txt")}\n${read("other.txt")}\nINTERLEAVE`);
    expect(contents.filter(({ type }) => type === "tool_use")).toHaveLength(2);
    expect(last.result).toContain("4711");
    expect(last.result).toContain("0815");
    expect((await setting.stats()).requests).toBe(2);
  });

  const sealed = wire === "responses"; // nothing of a Chat provider is
  test(`${sealed ? "sealed reasoning" : "reasoning"}: it is shown, and the tool's result continues it`, async () => {
    const { last, contents } = await ask(`REASON I have to look first. ;; ${read("note.txt")} ;; THEN SAY I looked.`);
    expect(contents.find(({ type }) => type === "thinking")?.thinking).toBe("I have to look first.");
    expect(last.result).toBe("I looked.");
    const replayed = (await setting.asked()).at(-1)!.body.input?.find(({ type }) => type === "reasoning");
    expect(typeof replayed?.encrypted_content).toBe(sealed ? "string" : "undefined");
  });

  test("images: what Read sees of a picture reaches the model", async () => {
    const { last } = await ask(read("dot.png"));
    expect(last.is_error).toBe(false);
    expect(JSON.stringify(await setting.asked())).toContain(`data:image/png;base64,${PNG}`);
    // A tool's result is text on the Chat wire, where the picture follows as the user's.
    if (wire === "responses") expect(last.result).toBe("tool said: [input_image]");
  });

  test("structured output: --json-schema yields the object", async () => {
    const schema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
    const prompt = 'CALL StructuredOutput {"name":"Oslo"} ;; THEN SAY done';
    const { last } = await ask(prompt, `--json-schema '${JSON.stringify(schema)}'`);
    expect(last.structured_output).toEqual({ name: "Oslo" });
  });

  test("token counts: /context counts tools and messages without asking the upstream", async () => {
    const { stdout } = await claude("/context");
    const tokens = (category: string) => {
      const [, number, unit] = stdout.match(new RegExp(`\\| ${category} \\| ([\\d.]+)(k?)`)) ?? [];
      return Number(number) * (unit ? 1000 : 1);
    };
    expect(tokens("System tools")).toBeWithin(2000, 20_000);
    expect(tokens("Messages")).toBeGreaterThan(0);
    expect((await setting.stats()).requests).toBe(0);
  });

  test("errors: a usage limit ends the run at once", async () => {
    const { last } = await ask("FAIL usage_limit_reached");
    expect(last).toMatchObject({ is_error: true, api_error_status: 429 });
    expect((await setting.stats()).requests).toBe(1);
  });

  test("abort: an interrupt cancels the upstream's work", async () => {
    const running = desk.start(asking(printed, "claude -p"), { PROMPT: "SLOW 50 ;; LONG 4000" });
    await setting.until(({ open }) => open === 1);
    running.signal("SIGINT");
    expect(await setting.until(({ open }) => open === 0)).toMatchObject({ cancelled: 1, finished: 0 });
    running.signal("SIGKILL");
    await running.outcome;
  });
});
