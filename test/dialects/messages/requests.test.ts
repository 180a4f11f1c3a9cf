// Request forms that no capture has: every kind of content, thinking and tool, and what is refused by name.

import { expect, test } from "bun:test";
import { type Exchange, Failure, type Item, seal, type Turn } from "codexd/plugin";
import { prepare } from "../../../src/upstream/prepare.ts";
import { opened } from "../../../src/upstream/sealed.ts";
import type { Json } from "./data.ts";
import { type Block, decode } from "./exchange.ts";

const user = (...content: Json[]) => ({ messages: [{ role: "user", content }] });
const parts = (...content: Json[]) => decode(user(...content)).turn.input[0]?.content as Block[];
const assistant = (...content: Json[]) => decode({ messages: [{ role: "assistant", content }] });
const refusal = (body: Json): Failure => {
  try {
    decode(body);
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error("nothing was refused");
};

/** The body as the ChatGPT backend would get it. */
const prepared = (body: Json) => {
  const { turn, wants } = decode(body);
  const exchange = { turn, wants, headers: new Headers(), codexClient: false, session: { id: "s", source: "native" } };
  return prepare(exchange as unknown as Exchange, { kind: "chatgpt", instructions: "line" });
};

test("documents of every source keep their content, title and context", () => {
  const text = {
    type: "document",
    title: "T",
    context: "C",
    source: { type: "text", media_type: "text/plain", data: "D" },
  };
  expect(parts(text).map((part) => part.text)).toEqual(["T", "C", "D"]);
  expect(parts({ type: "document", source: { type: "url", url: "https://a.example/x.pdf" } })).toEqual([
    { type: "input_file", file_url: "https://a.example/x.pdf" },
  ]);
  const nested = [
    { type: "text", text: "in" },
    { type: "image", source: { type: "url", url: "https://a.example/i.png" } },
  ];
  expect(parts({ type: "document", source: { type: "content", content: nested } })).toEqual([
    { type: "input_text", text: "in" },
    { type: "input_image", image_url: "https://a.example/i.png" },
  ]);
  const named = {
    type: "document",
    title: "report",
    source: { type: "base64", media_type: "application/pdf", data: "JVBE" },
  };
  expect(parts(named)[0]?.filename).toBe("report.pdf");
});

test("a search result is readable text with its source", () => {
  const result = {
    type: "search_result",
    title: "T",
    source: "https://a.example",
    content: [{ type: "text", text: "found" }],
  };
  expect(parts(result)).toEqual([{ type: "input_text", text: "T\nhttps://a.example\n\nfound" }]);
});

test("a block that nobody knows is told, and its text is kept where it has one", () => {
  expect(parts({ type: "novel", text: "words" })).toEqual([{ type: "input_text", text: "words" }]);
  expect(decode(user({ type: "text", text: "a" }, { type: "container_upload", file_id: "f" })).dropped).toEqual([
    "messages[0].content[1]",
  ]);
});

test("a field that nobody knows is told, never refused", () => {
  expect(decode({ top_k: 4, container: "c", novel: 1, inference_geo: null }).dropped).toEqual([
    "top_k",
    "container",
    "novel",
  ]);
  expect(decode({ output_config: { effort: "low", task_budget: 9 } }).dropped).toEqual(["output_config.task_budget"]);
});

test("an edit of the context that keeps everything is no loss, another one is told", () => {
  const edits = [{ type: "clear_thinking_20251015", keep: "all" }, { type: "clear_tool_uses_20250919" }];
  expect(decode({ context_management: { edits } }).dropped).toEqual(["context_management.edits[1]"]);
});

test("server tool history of a web search becomes its call, of any other tool text", () => {
  const { turn, dropped } = assistant(
    { type: "server_tool_use", id: "srvtoolu_ws_1", name: "web_search", input: { query: "q" } },
    {
      type: "web_search_tool_result",
      tool_use_id: "srvtoolu_ws_1",
      content: [{ type: "web_search_result", url: "u" }],
    },
    { type: "server_tool_use", id: "srvtoolu_2", name: "code_execution", input: { code: "1+1" } },
    { type: "code_execution_tool_result", tool_use_id: "srvtoolu_2", content: { stdout: "2" } },
  );
  expect(turn.input[0]).toEqual({
    type: "web_search_call",
    id: "ws_1",
    status: "completed",
    action: { type: "search", query: "q" },
  });
  const texts = ((turn.input[1] as Item).content as Block[]).map((part) => part.text);
  expect(texts).toEqual([
    '[server_tool_use code_execution] {"code":"1+1"}',
    '[code_execution_tool_result] {"stdout":"2"}',
  ]);
  expect(dropped).toEqual(["messages[0].content[1].content"]);
});

test("an error with pictures says so before them", () => {
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "QQ==" } };
  const { turn } = decode(user({ type: "tool_result", tool_use_id: "t", is_error: true, content: [image] }));
  expect(((turn.input[0] as Item).output as Block[])[0]).toEqual({ type: "input_text", text: "Error:" });
});

test("budgets become efforts, an explicit effort wins, and the latest message has the last word", () => {
  const effort = (body: Json) => decode(body).turn.reasoning?.effort;
  const budget = (budget_tokens: number) => effort({ thinking: { type: "enabled", budget_tokens } });
  expect([512, 513, 1024, 8192, 24_576, 24_577].map(budget)).toEqual([
    "minimal",
    "low",
    "low",
    "medium",
    "high",
    "xhigh",
  ]);
  expect(effort({ thinking: { type: "adaptive" } })).toBeUndefined();
  expect(effort({ thinking: { type: "disabled" } })).toBe("none");
  expect(effort({ thinking: { type: "enabled", budget_tokens: 99 }, output_config: { effort: "max" } })).toBe("max");
  const messages = [
    { role: "user", content: "a" },
    { role: "system", content: "b", output_config: { effort: "high" } },
  ];
  expect(effort({ messages, output_config: { effort: "low" } })).toBe("high");
  expect(decode({ output_config: { effort: "ultra" } }).lenientEffort).toBe(true);
  expect(decode({})).not.toHaveProperty("lenientEffort");
});

test("thinking is sealed and kept only where the client wants it", () => {
  expect(decode({ thinking: { type: "adaptive" } }).turn.include).toEqual(["reasoning.encrypted_content"]);
  expect(decode({}).turn).not.toHaveProperty("include");
  expect(decode({}).turn.store).toBe(false);
});

test("the client's own built-in tools become functions it can run", () => {
  const tools = [
    { type: "bash_20250124", name: "bash" },
    { type: "text_editor_20250728", name: "str_replace_based_edit_tool" },
    { type: "memory_20250818", name: "memory" },
    { type: "computer_20250124", name: "computer", display_width_px: 800, display_height_px: 600 },
  ];
  const decoded = decode({ tools }).turn.tools ?? [];
  expect(decoded.map((tool) => [tool.type, tool.name])).toEqual(tools.map((tool) => ["function", tool.name]));
  for (const tool of decoded) expect(Object.keys((tool.parameters as Json).properties as Json)).not.toEqual([]);
});

test("a server tool that runs only at Anthropic is refused by its name", () => {
  const failure = refusal({ tools: [{ type: "code_execution_20250825", name: "code_execution" }] });
  expect(failure.status).toBe(400);
  expect(failure.param).toBe("tools[0].type");
  expect(failure.message).toContain("code_execution_20250825");
  expect(refusal({ mcp_servers: [{ name: "files", url: "https://a.example" }] }).message).toContain("files");
});

test("with Anthropic's own tool search every deferred tool is shown", () => {
  const tools = [
    { type: "tool_search_tool_regex_20251119", name: "find" },
    { name: "late", defer_loading: true, input_schema: { type: "object", properties: {} } },
  ];
  const { turn, dropped } = decode({ tools });
  expect(turn.tools?.map((tool) => tool.name)).toEqual(["late"]);
  expect(dropped).toEqual(["tools[0]"]);
});

test("one call at a time is asked for where the client asks for it", () => {
  const tools = [{ name: "t", input_schema: { type: "object" } }];
  expect(decode({ tools, tool_choice: { type: "auto", disable_parallel_tool_use: true } }).turn).toMatchObject({
    tool_choice: "auto",
    parallel_tool_calls: false,
  });
});

test.each([
  [{ messages: "x" }, "messages"],
  [{ messages: [] }, "messages"],
  [{ messages: [null] }, "messages[0]"],
  [{ messages: [{ role: "robot", content: "x" }] }, "messages[0].role"],
  [{ messages: [{ role: "user", content: 4 }] }, "messages[0].content"],
  [user({ type: "image" }), "messages[0].content[0].source"],
  [user({ type: "image", source: { type: "floppy" } }), "messages[0].content[0].source.type"],
  [{ model: 5 }, "model"],
  [{ tools: {} }, "tools"],
  [{ tools: [{ input_schema: {} }] }, "tools[0].name"],
  [{ thinking: { type: "sometimes" } }, "thinking.type"],
  [{ output_config: { effort: "turbo" } }, "output_config.effort"],
  [{ output_config: { format: { type: "xml" } } }, "output_config.format.type"],
  [{ stop_sequences: "END" }, "stop_sequences"],
  [{ temperature: "hot" }, "temperature"],
] as [Json, string][])("a wrong body names the field at fault: %j", (body, param) => {
  expect(refusal(body)).toMatchObject({ kind: "invalid_request", param });
});

test("what the upstream kind forbids is told in the client's own words", () => {
  const { dropped, body } = prepared({ max_tokens: 9, temperature: 0.5, metadata: { user_id: "somebody" } });
  expect(dropped.sort()).toEqual(["max_tokens", "metadata.user_id", "temperature"]);
  expect(body).not.toHaveProperty("max_output_tokens");
});

test("long ids and names fit the wire, the same in call, result, tool and choice (anth-req-005, anth-req-006)", () => {
  const name = `mcp__${"srv".repeat(21)}__search`;
  const id = `toolu_${"a".repeat(70)}`;
  const { body } = prepared({
    tools: [{ name, input_schema: { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object" } }],
    tool_choice: { type: "tool", name },
    messages: [
      { role: "assistant", content: [{ type: "tool_use", id, name, input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: "ok" }] },
    ],
  }) as unknown as { body: Turn & { tool_choice: Item } };
  const [call, output] = body.input as [Item, Item];
  expect(output.call_id).toBe(call.call_id);
  expect(String(call.call_id).length).toBeLessThanOrEqual(64);
  expect(body.tool_choice.name).toBe(body.tools?.[0]?.name);
  expect(call.name).toBe(body.tools?.[0]?.name);
  expect(String(call.name).length).toBeLessThanOrEqual(64);
  expect(body.tools?.[0]?.parameters).toEqual({ type: "object", properties: {} });
});

test("sealed thinking goes back to the account that made it, with its id, and to no other", () => {
  const thinking = { type: "thinking", thinking: "shown", signature: seal("gAAAA-cipher", "work", "rs_1") };
  const { body } = prepared({ messages: [{ role: "assistant", content: [thinking, { type: "text", text: "said" }] }] });
  const types = (account: string) => (opened(body, account).input as Item[]).map((item) => item.type);
  expect((opened(body, "work").input as Item[])[0]).toMatchObject({
    type: "reasoning",
    id: "rs_1",
    encrypted_content: "gAAAA-cipher",
  });
  expect(types("work")).toEqual(["reasoning", "message"]);
  expect(types("other")).toEqual(["message"]);
});
