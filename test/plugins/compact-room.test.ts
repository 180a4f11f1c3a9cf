// What is larger than it seemed, or than any window: a conversation that can go on does, and one that cannot is told so at once.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { excerptOf } from "../../plugins/compact/excerpt.ts";
import { type ServedSandbox, serveSandbox } from "../../src/upstream/sandbox/serve.ts";
import { type Gateway, startFromSource } from "../recordings/gateway.ts";
import type { Json } from "./histories.ts";

const WINDOW = 2000;

const said = (role: string, text: string): Json => ({ type: "message", role, content: text });
const words = (tokens: number): string => "plum tree ".repeat(tokens / 2.5);
const first = said("user", "REMEMBER the word is plum");

describe.each([
  { on: "the endpoint", options: { compaction: "endpoint" } },
  { on: "the trigger", options: { compaction: "trigger" } },
  { on: "neither form", options: { compaction: "none" } },
  { on: "the chat wire", options: { wire: "chat" } },
] as const)("with $on", ({ options }) => {
  let sandbox: ServedSandbox;
  let gateway: Gateway;
  beforeAll(async () => {
    sandbox = serveSandbox({ ...options, windows: { "*": WINDOW } });
    const wire = "wire" in options ? options : {};
    const up = { kind: "openai", ...wire, baseUrl: `${sandbox.url}/v1`, accounts: [{ apiKey: "sk-test" }] };
    gateway = await startFromSource({
      limits: { retries: 0 },
      upstreams: { up },
      plugins: ["auth", "model-effort", "translate", "usage-log", { compact: { auto: true } }],
    });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await sandbox.stop();
  });

  const ask = async (input: Json[]): Promise<[number, string]> => {
    const answer = await gateway.post("/v1/responses", { model: "gpt-5.5", store: false, input });
    const body = (await answer.json()) as Json;
    return [answer.status, body.output?.at(-1).content[0].text ?? body.error.code];
  };
  const asked = async (): Promise<number> => {
    const all = (await (await fetch(`${sandbox.url}/sandbox/requests`)).json()) as Json[];
    await fetch(`${sandbox.url}/sandbox/stats`, { method: "DELETE" });
    return all.filter(({ body }) => body !== null).length;
  };

  test("a turn whose end costs more than it seems is compacted until it is taken, not once and then refused", async () => {
    const prose = Array.from({ length: 60 }, (_, at) => said(at % 2 ? "assistant" : "user", words(50)));
    // To a tokenizer they are next to nothing; to who counts what is sent, ten times as much.
    const dense = Array.from({ length: 40 }, (_, at) => {
      const id = `call_${at}${"_".repeat(50)}`;
      const call = { type: "function_call", call_id: id, name: "look", arguments: "{}" };
      return [call, { type: "function_call_output", call_id: id, output: "ok" }];
    });
    expect(await ask([first, ...prose, ...dense.flat(), said("user", "RECALL plum")])).toEqual([200, "recalled: plum"]);
  });

  test("what no window holds is no end of the conversation that it stands in, whoever said it", async () => {
    const long = words(3 * WINDOW);
    const call = { type: "function_call", call_id: "call_1", name: "look", arguments: JSON.stringify({ long }) };
    const output = { type: "function_call_output", call_id: "call_1", output: long };
    const thought = { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: long }] };
    for (const giant of [[said("user", long)], [said("assistant", long)], [call, output], [thought]]) {
      expect(await ask([first, ...giant, said("user", "RECALL plum")])).toEqual([200, "recalled: plum"]);
    }
  });

  test("a newest turn that leaves no room for what was said before it is asked with the compaction alone", async () => {
    const before = Array.from({ length: 40 }, (_, at) => said("user", `${at} ${words(20)}`));
    const last = said("user", `SAY fine\n${words(WINDOW * 0.75)}`);
    expect(await ask([first, ...before, last])).toEqual([200, "fine"]);
  });

  test("a newest turn that no window holds gets the upstream's refusal, and is not tried in vain for ever", async () => {
    const last = said("user", words(3 * WINDOW));
    await asked();
    expect(await ask([last])).toEqual([400, "context_length_exceeded"]);
    expect(await asked()).toBe(1);
    expect(await ask([first, said("user", "SAY noted"), last])).toEqual([400, "context_length_exceeded"]);
    expect(await asked()).toBeLessThanOrEqual(6);
  });
});

test("an excerpt is an item as before: arguments are JSON, no character is cut in two, pictures are named", () => {
  const call = { type: "function_call", call_id: "c", name: "f", arguments: JSON.stringify({ a: "🙂".repeat(500) }) };
  const short = excerptOf(call, 101);
  expect(JSON.parse(short.arguments as string).excerpt).toMatch(/^\{"a":.*\n\[\d+ characters left out\]\n.*"\}$/u);
  expect(JSON.stringify(short)).not.toMatch(/\\ud[89a-f]/i);
  const content = [
    { type: "input_text", text: "see" },
    { type: "input_image", image_url: "data:image/png;base64,AAAA" },
  ];
  expect(excerptOf({ type: "message", role: "user", content }, 100).content).toEqual([
    { type: "input_text", text: "see" },
    { type: "input_text", text: "[input_image left out]" },
  ]);
  expect(excerptOf({ type: "message", role: "user", content: "short" }, 100).content).toBe("short");
});
