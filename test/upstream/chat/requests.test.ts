// Every turn that a client can make has a Chat request that says the same, and tells by name what could not be said.
import { describe, expect, test } from "bun:test";
import type { Item, Turn } from "../../../src/core/turn.ts";
import { type ChatOptions, chatBody } from "../../../src/upstream/chat.ts";
import { captures } from "../setting.ts";
import { checkChatRequest } from "./chat-request.ts";
import { HAS_DATA, type Json, turnOf } from "./material.ts";

const COMPATIBLE: ChatOptions = { kind: "compatible" };
const OPENAI: ChatOptions = { kind: "openai" };

function ask(more: Partial<Turn>, options = COMPATIBLE): { body: Json; dropped: string[] } {
  const { body, dropped } = chatBody(turnOf(more), options);
  checkChatRequest(body);
  return { body, dropped };
}

const messages = (input: Item[], options = COMPATIBLE) => ask({ input }, options).body.messages as Json[];
const user = (content: unknown): Item => ({ type: "message", role: "user", content });
const assistant = (text: string): Item => ({
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text }],
});
const thought = (text: string): Item => ({
  type: "reasoning",
  summary: [{ type: "summary_text", text }],
  encrypted_content: "x",
});
const call = (id: string, name = "f", args = "{}"): Item => ({
  type: "function_call",
  call_id: id,
  name,
  arguments: args,
});
const output = (id: string, value: unknown = "ok"): Item => ({
  type: "function_call_output",
  call_id: id,
  output: value,
});

describe.skipIf(!HAS_DATA)("requests of the real Codex CLI", () => {
  test("there are enough of them", () => expect(captures().length).toBeGreaterThan(40));

  test.each(HAS_DATA ? captures().map((one) => [one.file, one.body as Turn] as const) : [])("%s", (_, turn) => {
    for (const options of [COMPATIBLE, OPENAI, { ...COMPATIBLE, reasoningField: "reasoning_content" } as const]) {
      const { body, dropped, undo } = chatBody(turn, options);
      checkChatRequest(body as Json);
      expect(dropped.every((path) => DROPPED.some((one) => one.test(path)))).toBe(true);
      const text = JSON.stringify(body);
      for (const secret of [turn.prompt_cache_key, (turn.client_metadata as Json)?.session_id]) {
        if (options.kind !== "openai" && typeof secret === "string") expect(text).not.toContain(secret);
      }
      for (const tool of declared(turn)) expect(undo.find(tool.wire) as unknown).toEqual(tool.is);
      expect(said(body as Json)).toEqual(saidByTurn(turn));
    }
  });
});

/** All that the CLI sends and Chat has no place for. */
const DROPPED = [/^tools\[\d+\]$/, /^text\.verbosity$/, /^service_tier$/, /^input\[\d+\]$/];

function declared(turn: Turn): { wire: string; is: Json }[] {
  const lists = [turn.tools ?? [], ...turn.input.map((item) => (item.type === "additional_tools" ? item.tools : []))];
  return (lists.flat() as Json[]).flatMap((tool) => {
    if (tool.type === "namespace") {
      return tool.tools.map((inner: Json) => ({
        wire: `${tool.name}__${inner.name}`,
        is: { name: inner.name, kind: inner.type, namespace: tool.name },
      }));
    }
    if (tool.type === "tool_search") return [{ wire: "tool_search", is: { name: "tool_search", kind: "search" } }];
    return tool.name ? [{ wire: tool.name, is: { name: tool.name, kind: tool.type } }] : [];
  });
}

/** Texts and calls in order, as the turn has them; the leading developer messages as one text. */
function saidByTurn(turn: Turn): string[] {
  const items = turn.input.filter((item) => item.type !== "additional_tools");
  const first = items.findIndex((item) => item.type !== "message" || item.role !== "developer");
  const leading = items.slice(0, first).map((item) => (item.content as Json[]).map((part) => part.text).join("\n\n"));
  const rest = items.slice(first).flatMap((item) => {
    if (item.type === "message" && item.role === "developer")
      return [(item.content as Json[]).map((part) => part.text).join("\n\n")];
    if (item.type === "message") return (item.content as Json[]).flatMap((part) => part.text ?? part.image_url);
    if (item.type === "function_call") return [`${item.call_id} ${item.arguments}`];
    if (item.type === "custom_tool_call") return [`${item.call_id} ${JSON.stringify({ input: item.input })}`];
    if (!item.type?.endsWith("_output")) return [];
    return Array.isArray(item.output)
      ? [(item.output as Json[]).map((part) => part.text).join("\n")]
      : [item.output as string];
  });
  return leading.length > 0 ? [leading.join("\n\n"), ...rest] : rest;
}

function said(body: Json): string[] {
  return (body.messages as Json[]).flatMap((message) => {
    const parts = Array.isArray(message.content) ? message.content : [{ text: message.content }];
    const texts = parts.map((part: Json) => part.text ?? part.image_url?.url);
    const calls = ((message.tool_calls ?? []) as Json[]).map((one) => `${one.id} ${one.function.arguments}`);
    return [...texts.filter((text: unknown) => typeof text === "string"), ...calls];
  });
}

describe("messages", () => {
  test("instructions and leading developer messages are one system message, later ones stay in place", () => {
    const { body } = ask({
      instructions: "be brief",
      input: [
        { type: "message", role: "developer", content: [{ type: "input_text", text: "be brief" }] },
        { type: "message", role: "developer", content: "and kind" },
        user("hi"),
        { type: "message", role: "system", content: "now in French" },
      ],
    });
    expect(body.messages).toEqual([
      { role: "system", content: "be brief\n\nand kind" },
      { role: "user", content: "hi" },
      { role: "system", content: "now in French" },
    ]);
  });

  test("what the assistant did at once is one message: reasoning, text, calls", () => {
    const input = [
      user("hi"),
      thought("hm"),
      assistant("let me see"),
      call("a"),
      call("b"),
      output("a"),
      output("b"),
      thought("so"),
      assistant("done"),
    ];
    expect(messages(input, { ...COMPATIBLE, reasoningField: "reasoning_content" })).toEqual([
      { role: "user", content: "hi" },
      {
        ...{ role: "assistant", content: "let me see", reasoning_content: "hm" },
        tool_calls: ["a", "b"].map((id) => ({ id, type: "function", function: { name: "f", arguments: "{}" } })),
      },
      { role: "tool", tool_call_id: "a", content: "ok" },
      { role: "tool", tool_call_id: "b", content: "ok" },
      { role: "assistant", content: "done", reasoning_content: "so" },
    ]);
    expect(JSON.stringify(messages(input))).not.toContain("hm");
  });

  test("steps of one turn stay steps: a thought after a call opens the next message", () => {
    const input = [user("hi"), thought("1"), call("a"), output("a"), thought("2"), call("b"), output("b")];
    const roles = messages(input, { ...COMPATIBLE, reasoningField: "reasoning" }).map((one) => [
      one.role,
      one.reasoning,
    ]);
    expect(roles).toEqual([
      ["user", undefined],
      ["assistant", "1"],
      ["tool", undefined],
      ["assistant", "2"],
      ["tool", undefined],
    ]);
  });

  test("a call after an output is the next step, not a parallel one", () => {
    const told = messages([user("hi"), assistant("x"), call("a"), output("a"), call("b"), output("b")]);
    expect(told.map((one) => one.role)).toEqual(["user", "assistant", "tool", "assistant", "tool"]);
  });

  test("outputs follow their calls wherever they stood; missing ones are empty, lonely ones are the user's", () => {
    const input = [
      user("hi"),
      call("a"),
      call("b"),
      user("wait"),
      output("b"),
      output("a", "late"),
      output("gone", "lonely"),
      call("c"),
    ];
    const told = messages(input);
    expect(told.map((one) => one.role)).toEqual([
      "user",
      "assistant",
      "tool",
      "tool",
      "user",
      "user",
      "assistant",
      "tool",
    ]);
    expect(told.filter((one) => one.role === "tool").map((one) => one.content)).toEqual(["late", "ok", ""]);
    expect(JSON.stringify(told[5])).toContain("lonely");
  });

  test("calls and outputs without ids find each other", () => {
    const bare = { type: "function_call", name: "f", arguments: "" };
    const told = messages([user("hi"), bare, { type: "function_call_output", output: "x" }]);
    expect(told[2]).toMatchObject({ role: "tool", content: "x", tool_call_id: told[1]?.tool_calls[0].id });
    expect(told[1]?.tool_calls[0].function.arguments).toBe("{}");
  });

  test("pictures in outputs follow in a user message; other values are JSON", () => {
    const image = { type: "input_image", image_url: "data:image/png;base64,QQ==", detail: "original" };
    const input = [
      user("hi"),
      call("a"),
      call("b"),
      output("a", [{ type: "input_text", text: "seen" }, image]),
      output("b", { x: 1 }),
    ];
    expect(messages(input).slice(2)).toEqual([
      { role: "tool", tool_call_id: "a", content: "seen" },
      { role: "tool", tool_call_id: "b", content: '{"x":1}' },
      {
        role: "user",
        content: [{ type: "image_url", image_url: { url: "data:image/png;base64,QQ==", detail: "high" } }],
      },
    ]);
  });

  test("parts of every kind, and the paths of those that Chat cannot carry", () => {
    const content = [
      { type: "input_text", text: "a" },
      { type: "input_image", image_url: "https://a.example/x.png", detail: "low" },
      { type: "input_audio", input_audio: { data: "QQ==", format: "mp3" } },
      { type: "input_audio", audio_url: "data:audio/wav;base64,QQ==" },
      { type: "input_file", file_id: "file_1" },
      { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,QQ==" },
      { type: "input_image", file_id: "file_2" },
      { type: "input_file", file_url: "https://a.example/a.pdf" },
      { type: "moonbeam" },
    ];
    const { body, dropped } = ask({ input: [user(content)] });
    expect(body.messages[0].content).toEqual([
      { type: "text", text: "a" },
      { type: "image_url", image_url: { url: "https://a.example/x.png", detail: "low" } },
      { type: "input_audio", input_audio: { data: "QQ==", format: "mp3" } },
      { type: "input_audio", input_audio: { data: "QQ==", format: "wav" } },
      { type: "file", file: { file_id: "file_1" } },
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,QQ==" } },
    ]);
    expect(dropped).toEqual(["input[0].content[6]", "input[0].content[7]", "input[0].content[8]"]);
  });

  test("items that nobody else can read are told; agents' messages and made pictures are shown", () => {
    const { body, dropped } = ask({
      input: [
        user("hi"),
        { type: "compaction", encrypted_content: "x" },
        { type: "web_search_call", status: "completed", action: { type: "search", query: "q" } },
        {
          type: "agent_message",
          author: "planner",
          recipient: "worker",
          content: [{ type: "input_text", text: "go" }],
        },
        { type: "image_generation_call", id: "ig_1", status: "completed", result: "QQ==" },
        { type: "moonbeam_call", lumens: 7 },
      ],
    });
    expect(dropped).toEqual(["input[1]", "input[2]", "input[5]"]);
    expect(body.messages[1].content).toEqual([
      { type: "text", text: "Message from planner to worker:" },
      { type: "text", text: "go" },
    ]);
    expect(body.messages[2].content[0].image_url.url).toBe("data:image/png;base64,QQ==");
  });

  test("refusals keep their field where the provider has it", () => {
    const refused: Item = { type: "message", role: "assistant", content: [{ type: "refusal", refusal: "no" }] };
    expect(messages([user("hi"), refused], OPENAI)[1]).toEqual({ role: "assistant", content: null, refusal: "no" });
    expect(messages([user("hi"), refused])[1]).toEqual({ role: "assistant", content: "no" });
  });
});

describe("tools", () => {
  const tools = [
    {
      type: "function",
      name: "read",
      description: "reads",
      parameters: { type: "object", properties: {}, $schema: "x" },
      strict: false,
    },
    {
      type: "custom",
      name: "patch",
      description: "patches",
      format: { type: "grammar", syntax: "lark", definition: "start: A" },
    },
    { type: "namespace", name: "mcp__git", tools: [{ type: "function", name: "log", parameters: null }] },
    { type: "web_search", search_context_size: "low", user_location: { type: "approximate", country: "CH" } },
    { type: "image_generation" },
    { type: "local_shell" },
  ];

  test("become functions; hosted ones only where the provider has them", () => {
    const { body, dropped } = ask({ tools });
    expect(body.tools.map((tool: Json) => tool.function.name)).toEqual(["read", "patch", "mcp__git__log"]);
    expect(body.tools[0].function).toEqual({
      name: "read",
      description: "reads",
      parameters: { type: "object", properties: {} },
    });
    expect(body.tools[1].function.parameters.required).toEqual(["input"]);
    expect(body.tools[1].function.description).toContain("start: A");
    expect(dropped).toEqual(["tools[3]", "tools[4]", "tools[5]"]);
    const openai = ask({ tools }, OPENAI);
    expect(openai.body.web_search_options).toEqual({
      search_context_size: "low",
      user_location: { type: "approximate", approximate: { country: "CH" } },
    });
    expect(openai.dropped).toEqual(["tools[4]", "tools[5]"]);
  });

  test("with names that Chat refuses, or that meet after cleaning, stay apart and come back", () => {
    const long = `mcp__a_server_with_a_very_long_name_indeed__${"tool_".repeat(6)}`;
    const names = ["a.b", "a_b", "ünï", long, `${long}x`, "n".repeat(80), `${"n".repeat(80)}2`];
    const { body, undo } = chatBody(turnOf({ tools: names.map((name) => ({ type: "function", name })) }), COMPATIBLE);
    checkChatRequest(body as Json);
    const wire = (body.tools as Json[]).map((tool) => tool.function.name as string);
    expect(wire.map((name) => undo.find(name)?.name)).toEqual(names);
    expect(wire[3]).toBe(`mcp__${"tool_".repeat(6)}`);
  });

  test("found by a search are offered, and the search itself is a call like any other", () => {
    const { body } = ask({
      tools: [
        {
          type: "tool_search",
          execution: "client",
          description: "finds",
          parameters: { type: "object", properties: {} },
        },
      ],
      input: [
        user("hi"),
        { type: "tool_search_call", call_id: "s", execution: "client", arguments: { query: "git" } },
        { type: "tool_search_output", call_id: "s", execution: "client", status: "completed", tools: [tools[2]] },
      ],
    });
    expect(body.tools.map((tool: Json) => tool.function.name)).toEqual(["tool_search", "mcp__git__log"]);
    expect(body.messages[1].tool_calls[0].function).toEqual({ name: "tool_search", arguments: '{"query":"git"}' });
    expect(body.messages[2].content).toBe('{"tools":["mcp__git__log"]}');
  });

  test("choices in all their forms", () => {
    const choose = (tool_choice: unknown, options = COMPATIBLE) => ask({ tools, tool_choice }, options);
    expect(choose("required").body.tool_choice).toBe("required");
    const named = { type: "function", function: { name: "patch" } };
    expect(choose({ type: "custom", name: "patch" }).body.tool_choice).toEqual(named);
    expect(choose({ type: "function", name: "log" }).body.tool_choice.function.name).toBe("mcp__git__log");
    const allowed = { type: "allowed_tools", mode: "required", tools: [{ type: "custom", name: "patch" }] };
    expect(choose(allowed, OPENAI).body.tool_choice).toEqual({
      type: "allowed_tools",
      allowed_tools: { mode: "required", tools: [named] },
    });
    const cut = choose(allowed).body;
    expect([cut.tool_choice, cut.tools.length]).toEqual(["required", 1]);
    expect(choose({ type: "image_generation" }).dropped).toContain("tool_choice");
    expect(ask({ tools: [], tool_choice: "auto", parallel_tool_calls: true }).body.tool_choice).toBeUndefined();
  });
});

describe("settings", () => {
  const more: Partial<Turn> = {
    ...{ max_output_tokens: 100, temperature: 0.5, top_p: 0.9, seed: 7, stop: ["x"], user: "u" },
    ...{ reasoning: { effort: "low", summary: "auto" }, text: { verbosity: "low" }, service_tier: "priority" },
    ...{
      prompt_cache_key: "k",
      store: false,
      include: ["reasoning.encrypted_content"],
      client_metadata: { session_id: "s" },
    },
    ...{ session_id: "s", truncation: "auto", previous_response_id: null, top_k: 40 },
  };

  test("of a compatible provider: what all of them know, and its own", () => {
    const { body, dropped } = ask(more);
    expect(body).toMatchObject({
      max_tokens: 100,
      temperature: 0.5,
      seed: 7,
      stop: ["x"],
      reasoning_effort: "low",
      top_k: 40,
    });
    expect(Object.keys(body)).not.toContain("prompt_cache_key");
    expect(dropped.sort()).toEqual(["service_tier", "text.verbosity"]);
  });

  test("of OpenAI: all that is public, nothing else", () => {
    const { body, dropped } = ask(more, OPENAI);
    expect(body).toMatchObject({
      max_completion_tokens: 100,
      verbosity: "low",
      service_tier: "priority",
      prompt_cache_key: "k",
    });
    expect(dropped).toEqual(["top_k"]);
  });

  test("structured output keeps name, schema and strict", () => {
    const format = { type: "json_schema", name: "out", strict: true, schema: { type: "object" }, description: null };
    expect(ask({ text: { format } }).body.response_format).toEqual({
      type: "json_schema",
      json_schema: { name: "out", strict: true, schema: { type: "object" } },
    });
    expect(ask({ text: { format: { type: "json_object" } } }).body.response_format).toEqual({ type: "json_object" });
    expect(ask({ text: { format: { type: "text" } } }).body.response_format).toBeUndefined();
  });
});
