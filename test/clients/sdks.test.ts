// Every SDK does the same things on both wires: the rows of the README's table, each cell a test.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { aiSdks } from "./sdk/ai.ts";
import { anthropic } from "./sdk/anthropic.ts";
import { googleGenAi } from "./sdk/google-genai.ts";
import { langchain } from "./sdk/langchain.ts";
import { openaiChat, openaiResponses } from "./sdk/openai.ts";
import { openaiAgents } from "./sdk/openai-agents.ts";
import type { Entry, Sdk } from "./sdk/sdk.ts";
import { KEY, MODEL, type Setting, startSetting, wires } from "./setting.ts";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const sdks: Entry[] = [openaiChat, openaiResponses, anthropic, googleGenAi, ...aiSdks, ...langchain, ...openaiAgents];
const rows = wires.flatMap((wire) => sdks.map((entry) => ({ wire, entry, name: entry.name })));

describe.each(rows)("$name on the $wire wire", ({ wire, entry }) => {
  let setting: Setting;
  let sdk: Sdk;
  const connection = () => ({ base: setting.base, key: KEY, model: MODEL });
  beforeAll(async () => {
    setting = await startSetting(wire, { retries: 0 });
    sdk = await entry.connect(connection());
  });
  afterAll(() => setting[Symbol.asyncDispose]());
  beforeEach(() => setting.forget());

  test("text: the answer arrives whole", async () => {
    expect(await sdk.text("SAY Good morning.")).toBe("Good morning.");
  });

  test("stream: the pieces make the text", async () => {
    const pieces = await sdk.stream("SLOW 2 ;; LONG 40");
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join("").split(" ").length).toBeGreaterThanOrEqual(40);
    expect(await setting.stats()).toMatchObject({ requests: 1, finished: 1 });
  });

  test("tools: a call runs, and its result comes back", async () => {
    expect(await sdk.tools('CALL weather {"city":"Oslo"}')).toContain("sunny in Oslo");
    expect(await setting.stats()).toMatchObject({ requests: 2, finished: 2 });
  });

  test("parallel tools: two calls in one turn run, and both results come back", async () => {
    const text = await sdk.tools('CALL weather {"city":"Oslo"}\nCALL weather {"city":"Rome"}\nINTERLEAVE');
    expect(text).toContain("sunny in Oslo");
    expect(text).toContain("sunny in Rome");
    expect((await setting.stats()).requests).toBe(2);
  });

  test("structured output: it parses into its type", async () => {
    expect(await sdk.structured()).toEqual({ name: "Oslo", people: 700_000 });
  });

  test("images: they reach the model", async () => {
    expect(await sdk.image("SAY seen", PNG)).toBe("seen");
    expect(JSON.stringify(await setting.asked())).toContain(`data:image/png;base64,${PNG}`);
  });

  // What the SDK drops by itself is remembered here; and a Chat provider seals nothing.
  const sealed = wire === "responses";
  if (entry.reasoning !== "unread") {
    test(`${sealed ? "sealed reasoning" : "reasoning"}: it is shown, and the tool's result continues it`, async () => {
      const prompt = 'REASON First a look. ;; CALL weather {"city":"Oslo"} ;; THEN SAY Done.';
      expect(await sdk.reasoning(prompt)).toEqual({ shown: "First a look.", text: "Done." });
      const replayed = (await setting.asked()).at(-1)!.body.input?.find(({ type }) => type === "reasoning");
      expect(typeof replayed?.encrypted_content).toBe(sealed ? "string" : "undefined");
    });
  }

  test("errors: each status is the SDK's own error", async () => {
    const caught = async (asked: Promise<unknown>) =>
      sdk.errorOf(
        await asked.then(
          () => {
            throw new Error("an answer instead of an error");
          },
          (error: unknown) => error,
        ),
      );
    const stranger = await entry.connect({ ...connection(), key: "sk-wrong" });
    const [badRequest, authentication, limit, overload] = entry.errors;
    expect(await caught(sdk.text("FAIL invalid_prompt"))).toEqual({ type: badRequest, status: 400 });
    expect(await caught(stranger.text("SAY hi"))).toEqual({ type: authentication, status: 401 });
    expect(await caught(sdk.text("FAIL usage_limit_reached"))).toEqual({ type: limit, status: 429 });
    expect(await caught(sdk.text("FAIL server_is_overloaded"))).toEqual({
      type: overload,
      status: entry.overload ?? 503,
    });
  });

  test("abort: the upstream's work is cancelled", async () => {
    const controller = new AbortController();
    const outcome = sdk.abort("SLOW 20 ;; LONG 3000", controller.signal).catch((error: unknown) => error);
    await setting.until(({ open }) => open === 1);
    controller.abort();
    expect(await setting.until(({ open }) => open === 0)).toMatchObject({ cancelled: 1, finished: 0 });
    await outcome;
  });
});
