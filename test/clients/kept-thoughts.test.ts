// Multi-step tool use keeps its thought: whatever the dialect can carry, the upstream gets each reasoning item right before its call.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { aiSdks } from "./sdk/ai.ts";
import { anthropic } from "./sdk/anthropic.ts";
import { googleGenAi } from "./sdk/google-genai.ts";
import { langchain } from "./sdk/langchain.ts";
import { openaiChat, openaiResponses } from "./sdk/openai.ts";
import { openaiAgents } from "./sdk/openai-agents.ts";
import type { Sdk } from "./sdk/sdk.ts";
import { KEY, MODEL, type Setting, startSetting } from "./setting.ts";

/** A client that speaks Responses says itself, where the upstream lets it, what is stored there or sent along. */
const responses = [openaiResponses, ...[...aiSdks, ...langchain, ...openaiAgents].filter(speaksResponses)];
const others = [
  openaiChat,
  anthropic,
  googleGenAi,
  ...[...aiSdks, ...langchain, ...openaiAgents].filter(speaksAnother),
];
const rows = [
  ...[...responses, ...others].map((entry) => ({ kind: "chatgpt" as const, entry, name: entry.name })),
  ...others.map((entry) => ({ kind: "openai" as const, entry, name: entry.name })),
];

function speaksResponses({ name }: { name: string }): boolean {
  return name === "ai (openai)" || name.endsWith("(responses)");
}

function speaksAnother(entry: { name: string }): boolean {
  return !speaksResponses(entry);
}

const step = (city: string) => `CALL weather {"city":"${city}"}`;
const SCRIPT = `REASON One. ;; ${step("Oslo")} ;; THEN REASON Two. ;; ${step("Rome")} ;; REASON Three. ;; ${step("Kyiv")} ;; THEN SAY Done.`;

describe.each(rows)("$name before an upstream of kind $kind", ({ kind, entry }) => {
  let setting: Setting;
  let sdk: Sdk;
  beforeAll(async () => {
    setting = await startSetting("responses", { kind, retries: 0 });
    sdk = await entry.connect({ base: setting.base, key: KEY, model: MODEL });
  });
  afterAll(() => setting[Symbol.asyncDispose]());
  beforeEach(() => setting.forget());

  test("each step's reasoning goes up before its call, and stays where it was", async () => {
    expect((await sdk.reasoning(SCRIPT)).text).toBe("Done.");
    const inputs = (await setting.asked()).map(({ body }) => body.input ?? []);
    const steps = inputs.map((input) =>
      input
        .filter(({ type }) => type === "reasoning" || type === "function_call" || type === "function_call_output")
        .map((item) => (item.type === "reasoning" && item.encrypted_content === undefined ? "lost" : item.type)),
    );
    const one = ["reasoning", "function_call", "function_call_output"];
    const two = ["reasoning", "function_call", "reasoning", "function_call"];
    const answers = ["function_call_output", "function_call_output"];
    expect(steps).toEqual([[], one, [...one, ...two, ...answers]]);
    for (const [at, input] of inputs.entries())
      expect(JSON.stringify(inputs[at + 1]?.slice(0, input.length) ?? input)).toBe(JSON.stringify(input));
  });
});
