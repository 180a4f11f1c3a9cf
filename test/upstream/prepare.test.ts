// What is sent: only what the kind of upstream takes, with everything a client could not know to be wrong put right.

import { describe, expect, test } from "bun:test";
import { Failure } from "../../src/core/failure.ts";
import type { Turn } from "../../src/core/turn.ts";
import type { Kind } from "../../src/upstream/allowed.ts";
import { type Prepared, prepare } from "../../src/upstream/prepare.ts";
import { captures, codexExchange, exchangeOf, HAS_DATA, thrownBy } from "./setting.ts";

const INSTRUCTIONS = "Be helpful.";

function sent(turn: Record<string, unknown>, kind: Kind = "chatgpt", over = {}): Prepared {
  return prepare(exchangeOf(turn as Partial<Turn>, over), { kind, instructions: INSTRUCTIONS });
}

async function refusal(turn: Record<string, unknown>, kind: Kind = "chatgpt"): Promise<Failure> {
  const thrown = await thrownBy(() => sent(turn, kind));
  expect(thrown).toBeInstanceOf(Failure);
  return thrown as Failure;
}

describe.skipIf(!HAS_DATA)("the Codex CLI's own requests", () => {
  for (const kind of ["chatgpt", "openai", "compatible"] as const) {
    test(`go to kind ${kind} as they came, key for key`, () => {
      const all = captures();
      expect(all.length).toBeGreaterThan(40);
      for (const capture of all) {
        const { body, dropped, restore } = prepare(codexExchange(capture), { kind, instructions: INSTRUCTIONS });
        const lite = capture.body.tools === undefined;
        const { instructions, ...rest } = body;
        expect(JSON.stringify(rest), capture.file).toBe(JSON.stringify(capture.body));
        expect(instructions, capture.file).toBe(kind === "chatgpt" && !lite ? INSTRUCTIONS : undefined);
        expect(dropped).toEqual([]);
        expect(restore).toBeUndefined();
      }
    });
  }
});

describe("fields", () => {
  test("that the ChatGPT backend refuses are dropped and told", () => {
    const { body, dropped } = sent({
      ...{ store: true, stream: false, temperature: 1, top_p: 1, max_output_tokens: 5, truncation: "auto", user: "u" },
      ...{ context_management: [{ type: "compaction" }], prompt_cache_retention: "24h", safety_identifier: "s" },
      ...{
        service_tier: "default",
        prompt_cache_options: {},
        generate: false,
        include: ["message.output_text.logprobs"],
      },
      parallel_tool_calls: false,
    });
    expect(Object.keys(body).sort()).toEqual(
      [...["include", "instructions", "model", "parallel_tool_calls", "prompt_cache_key", "store", "stream"]].sort(),
    );
    expect(body).toMatchObject({ store: false, stream: true, parallel_tool_calls: false });
    expect(body.include).toEqual(["message.output_text.logprobs", "reasoning.encrypted_content"]);
    expect(dropped.sort()).toEqual(
      [
        ...["context_management", "generate", "max_output_tokens", "prompt_cache_options", "prompt_cache_retention"],
        ...["safety_identifier", "store", "temperature", "top_p", "truncation", "user"],
      ].sort(),
    );
  });

  test("pass to the OpenAI API when they are public, and to other providers whatever they are", () => {
    const turn = { temperature: 0.5, max_output_tokens: 5, metadata: { a: "b" }, top_k: 4, store: true };
    const openai = sent(turn, "openai");
    expect(openai.body).toMatchObject({ temperature: 0.5, max_output_tokens: 5, metadata: { a: "b" }, store: true });
    expect(openai.body).not.toHaveProperty("top_k");
    expect(openai.dropped).toEqual(["top_k"]);
    expect(openai.body).not.toHaveProperty("instructions");
    const other = sent(turn, "compatible");
    expect(other.body).toMatchObject({ top_k: 4, temperature: 0.5 });
    expect(other.dropped).toEqual([]);
  });

  test("are dropped inside objects too", () => {
    const { body, dropped } = sent({
      stream_options: { include_obfuscation: false, reasoning_summary_delivery: "sequential_cutoff" },
      text: { verbosity: "low", colour: "red" },
      reasoning: { effort: "low", generate: 1 },
    });
    expect(body.stream_options).toEqual({ reasoning_summary_delivery: "sequential_cutoff" });
    expect(body.text).toEqual({ verbosity: "low" });
    expect(body.reasoning).toEqual({ effort: "low" });
    expect(dropped).toEqual(["stream_options.include_obfuscation", "text.colour", "reasoning.generate"]);
    expect(sent({ stream_options: { include_obfuscation: false } }).body).not.toHaveProperty("stream_options");
  });

  test("are told in the client's own words", () => {
    const wants = { names: { max_output_tokens: "max_completion_tokens", text: "response" } };
    const { dropped } = sent({ max_output_tokens: 5, text: { colour: "red" } }, "chatgpt", { wants });
    expect(dropped).toEqual(["max_completion_tokens", "response.colour"]);
  });

  test("that are null are absent", () => {
    const { body, dropped } = sent({ temperature: null, tools: null, reasoning: null, text: null, include: null });
    for (const name of ["temperature", "tools", "reasoning", "text"]) expect(body).not.toHaveProperty(name);
    expect(body.include).toEqual(["reasoning.encrypted_content"]);
    expect(dropped).toEqual([]);
  });

  test("a speed tier passes, the ordinary one is silence", () => {
    expect(sent({ service_tier: "priority" }).body.service_tier).toBe("priority");
    for (const service_tier of ["auto", "default"]) {
      const { body, dropped } = sent({ service_tier });
      expect(body).not.toHaveProperty("service_tier");
      expect(dropped).toEqual([]);
    }
    expect(sent({ service_tier: "scale" }).dropped).toEqual(["service_tier"]);
    expect(sent({ service_tier: "auto" }, "openai").body.service_tier).toBe("auto");
  });

  test("of an earlier answer are refused, not left out", async () => {
    expect(await refusal({ previous_response_id: "resp_1" })).toMatchObject({
      param: "previous_response_id",
      status: 400,
    });
    expect(await refusal({ conversation: "conv_1" })).toMatchObject({ param: "conversation" });
    expect(await refusal({ background: true })).toMatchObject({ param: "background" });
    expect(await refusal({ input: [{ type: "item_reference", id: "rs_1" }] })).toMatchObject({
      param: "input[0].id",
    });
  });
});

describe("instructions and session", () => {
  test("are sent as they are, or one constant line where the backend demands some", () => {
    expect(sent({ instructions: "Mine." }).body.instructions).toBe("Mine.");
    expect(sent({ instructions: "" }).body.instructions).toBe(INSTRUCTIONS);
    expect(sent({}).body.instructions).toBe(INSTRUCTIONS);
    const lite = { input: [{ type: "additional_tools", role: "developer", tools: [] }] };
    expect(sent(lite).body).not.toHaveProperty("instructions");
    const headers = new Headers({ "x-openai-internal-codex-responses-lite": "true" });
    expect(sent({}, "chatgpt", { headers }).body).not.toHaveProperty("instructions");
  });

  test("the session is the cache key, never a field", () => {
    const { body, dropped } = sent({ session_id: "s", prompt_cache_key: "mine" });
    expect(body.prompt_cache_key).toBe("session-1");
    expect(body).not.toHaveProperty("session_id");
    expect(dropped).toEqual([]);
    const session = { id: "x".repeat(200), source: "body" as const };
    expect(String(sent({}, "chatgpt", { session }).body.prompt_cache_key)).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("reasoning.summary", () => {
  test("is read in every form, and refused when it is none of them", async () => {
    expect(sent({ reasoning: { summary: "auto" } }).body.reasoning).toEqual({ summary: "auto" });
    expect(sent({ reasoning: { summary: { type: "detailed" } } }).body.reasoning).toEqual({ summary: "detailed" });
    expect(sent({ reasoning: { summary: { mode: "concise" } } }).body.reasoning).toEqual({ summary: "concise" });
    expect(sent({ reasoning: { effort: "low", summary: "none" } }).body.reasoning).toEqual({ effort: "low" });
    expect(await refusal({ reasoning: { summary: "loud" } })).toMatchObject({
      param: "reasoning.summary",
      status: 400,
    });
    expect(await refusal({ reasoning: { summary: {} } })).toMatchObject({ param: "reasoning.summary" });
  });
});

describe("items", () => {
  test("a string is one user message", () => {
    const content = [{ type: "input_text", text: "hi" }];
    expect(sent({ input: "hi" }).body.input).toEqual([{ type: "message", role: "user", content }]);
  });

  test("a system message is a developer message on every kind", () => {
    const input = [
      { type: "message", role: "system", content: "a" },
      { role: "user", content: "b" },
      { role: "system", content: "c" },
    ];
    for (const kind of ["chatgpt", "openai", "compatible"] as const) {
      const items = sent({ input }, kind).body.input as { role: string }[];
      expect(items.map((item) => item.role)).toEqual(["developer", "user", "developer"]);
    }
  });

  test("cache breakpoints are removed and told, the rest of the part stays", () => {
    const part = { type: "input_text", text: "s", prompt_cache_breakpoint: { mode: "explicit" } };
    const { body, dropped } = sent({ input: [{ role: "system", content: [part] }] });
    expect(body.input).toEqual([{ role: "developer", content: [{ type: "input_text", text: "s" }] }]);
    expect(dropped).toEqual(["input[].content[].prompt_cache_breakpoint"]);
  });

  test("ids that the wire refuses are repaired, always the same way", () => {
    const input = [
      { id: "x".repeat(80), type: "message", role: "user", content: "h" },
      { id: null, type: "message", role: "user", content: "h" },
      { id: "item_7", type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { id: "msg_9", type: "function_call_output", call_id: "c", output: "" },
      { id: "msg_fine", type: "message", role: "user", content: "h" },
      { id: "y".repeat(80), type: "reasoning", summary: [], encrypted_content: "gAAAAAxyz" },
    ];
    const items = sent({ input }).body.input as { id?: string }[];
    const ids = items.map((item) => item.id);
    expect(ids).toEqual([expect.stringMatching(/^msg_.{1,60}$/), undefined, "fc_item_7", "fco_msg_9", "msg_fine"]);
    expect(Object.keys(items[1] ?? {})).not.toContain("id");
    expect(sent({ input }).body.input).toEqual(items);
  });

  test("reasoning that the backend could only look up is reduced to what can be read", () => {
    const input = [
      { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "t" }] },
      { type: "reasoning", id: "rs_2", summary: [] },
      { type: "reasoning", id: "rs_3", summary: [], content: null, encrypted_content: "gAAAAAx" },
    ];
    expect(sent({ input }).body.input).toEqual([
      { type: "reasoning", summary: [{ type: "summary_text", text: "t" }] },
      { type: "reasoning", id: "rs_3", summary: [], content: null, encrypted_content: "gAAAAAx" },
    ]);
    expect(sent({ input }, "openai").body.input).toEqual(input);
  });

  test("an input that is no list of objects is named", async () => {
    expect(await refusal({ input: 5 })).toMatchObject({ param: "input" });
    expect(await refusal({ input: ["a"] })).toMatchObject({ param: "input[0]" });
  });
});

describe("tools", () => {
  const fn = (name: string, extra = {}) => ({
    type: "function",
    name,
    parameters: { type: "object", properties: {} },
    ...extra,
  });

  test("a long name is shortened alike in tools, history and choice", () => {
    const name = `${"alpha_".repeat(11)}tool`;
    const { body, restore } = sent({
      tools: [fn(name)],
      tool_choice: { type: "function", name },
      input: [
        { type: "function_call", call_id: "call_long", name, arguments: "{}" },
        { type: "function_call_output", call_id: "call_long", output: "ok" },
      ],
    });
    const [tool] = body.tools as { name: string }[];
    const [call] = body.input as { name: string; call_id: string }[];
    expect(tool?.name.length).toBeLessThanOrEqual(64);
    expect(call).toMatchObject({ name: tool?.name, call_id: "call_long" });
    expect(body.tool_choice).toEqual({ type: "function", name: tool?.name });
    expect(restore?.item({ name: tool?.name })).toEqual({ name });
  });

  test("mcp names keep their prefix and the tool, and stay different", () => {
    const names = ["a", "b"].map((letter) => `mcp__${letter.repeat(60)}__run`);
    const { body } = sent({ tools: names.map((name) => fn(name)) });
    expect((body.tools as { name: string }[]).map((tool) => tool.name)).toEqual(["mcp__run", "mcp__run_1"]);
  });

  test("a cleaned name never takes that of another tool", () => {
    const { body, restore } = sent({ tools: [fn("a.b"), fn("a_b")] });
    expect((body.tools as { name: string }[]).map((tool) => tool.name)).toEqual(["a_b_1", "a_b"]);
    expect(restore?.item({ name: "a_b_1" })).toEqual({ name: "a.b" });
    expect(restore?.item({ name: "a_b" })).toEqual({ name: "a_b" });
  });

  test("namespaces have names of their own", () => {
    const tools = [{ type: "namespace", name: "my space", tools: [fn("run it")] }, fn("run_it")];
    const { body, restore } = sent({ tools });
    expect(body.tools).toMatchObject([{ name: "my_space", tools: [{ name: "run_it" }] }, { name: "run_it" }]);
    expect(restore?.item({ name: "run_it", namespace: "my_space" })).toEqual({ name: "run it", namespace: "my space" });
    expect(restore?.item({ name: "run_it" })).toEqual({ name: "run_it" });
  });

  test("a schema gets an object at its root, whatever form it had", () => {
    const root = (parameters: unknown) =>
      (sent({ tools: [fn("f", { parameters })] }).body.tools as { parameters: unknown }[])[0]?.parameters;
    const empty = { type: "object", properties: {} };
    for (const parameters of [undefined, null, {}, { type: "object" }]) expect(root(parameters)).toEqual(empty);
    const a = { type: "object", properties: { a: { type: "string" }, k: {} }, required: ["a", "k"] };
    const b = { type: "object", properties: { b: { type: "string" }, k: {} }, required: ["b", "k"] };
    expect(root({ anyOf: [a, b] })).toEqual({
      type: "object",
      properties: { a: { type: "string" }, k: {}, b: { type: "string" } },
      required: ["k"],
    });
    expect(root({ $ref: "#/$defs/A", $defs: { A: a } })).toMatchObject(a);
  });

  test("keys of the schema's document go, a property of that name stays", () => {
    const parameters = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: {
        $schema: { type: "string", $comment: "c" },
        list: { type: "array", items: { $id: "x", type: "number" } },
      },
    };
    const [tool] = sent({ tools: [fn("f", { parameters })] }).body.tools as { parameters: unknown }[];
    expect(tool?.parameters).toEqual({
      type: "object",
      properties: { $schema: { type: "string" }, list: { type: "array", items: { type: "number" } } },
    });
  });

  test("strict stays where it can hold, and is told where it cannot", () => {
    const closed = {
      type: "object",
      properties: { a: { type: "string" } },
      required: ["a"],
      additionalProperties: false,
    };
    const open = { ...closed, required: [] };
    const { body, dropped } = sent({
      tools: [fn("f", { strict: true, parameters: closed }), fn("g", { strict: true, parameters: open })],
      text: {
        format: {
          type: "json_schema",
          name: "my format",
          strict: true,
          schema: { ...closed, properties: { a: open } },
        },
      },
    });
    expect(body.tools).toMatchObject([{ strict: true }, { strict: false }]);
    expect(body.text).toMatchObject({ format: { name: "my_format", strict: false } });
    expect(dropped).toEqual(["tools[1].strict", "text.format.strict"]);
  });

  test("what is right stays the same object", () => {
    const tools = [fn("f"), { type: "web_search" }];
    const turn = { tools, input: [{ type: "message", role: "user", content: "h" }] };
    const { body } = sent(turn);
    expect(body.tools).toBe(tools);
    expect((body.input as unknown[])[0]).toBe(turn.input[0]);
  });
});
