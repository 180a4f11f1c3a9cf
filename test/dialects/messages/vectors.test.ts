// Every Anthropic case of the translation vectors, under its own id; a vector that the contract overrules says so.

import { describe, expect, test } from "bun:test";
import { type Event, Failure, type Item, seal, type Turn } from "codexd/plugin";
import { messages } from "../../../plugins/translate/messages/index.ts";
import { HAS_DATA, type Json, lines } from "./data.ts";
import { accumulate, type Block, checkLife, context, decode, encode, events, frames } from "./exchange.ts";

const vectors = new Map(lines("vectors.jsonl").map((vector) => [vector.id as string, vector]));
const input = (id: string) => vectors.get(id)?.input as Json;

/** Version byte, time, IV, 16 bytes of ciphertext, MAC: what an upstream's ciphertext looks like. */
const FERNET = Buffer.concat([Buffer.from([0x80, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0]), Buffer.alloc(64, 7)]).toString(
  "base64url",
);

const run = (list: readonly Event[], of = context()) => {
  const all = frames(encode(list, of));
  checkLife(all);
  return { all, ...accumulate(all) };
};
const finish: Json = { type: "response.completed", response: {} };
const replayed = (id: string) => run(events(input(id).events as Json[]));
const signatures = (content: Block[]) => content.map((block) => block.signature);
const types = (turn: Turn) => turn.input.map((item) => item.type);

/** Which vectors have a test here; the last test compares it with the file. */
const held = new Set<string>();
const vector = (id: string, body: () => void) => {
  held.add(id);
  test.skipIf(!HAS_DATA)(id, body);
};

describe("requests", () => {
  vector("anth-req-004", () => {
    const tiers = (input("anth-req-004").cases as Json[]).map((fields) => decode(fields).turn.service_tier);
    expect(tiers).toEqual(["priority", "priority", "priority", "priority", undefined, undefined, undefined]);
  });

  // Over 64 characters is mended for every dialect at once by the upstream's side: here both keep the same id.
  vector("anth-req-005", () => {
    const [call, output] = decode(input("anth-req-005")).turn.input as [Item, Item];
    expect(call.type).toBe("function_call");
    expect(output.call_id).toBe(call.call_id);
  });

  vector("anth-req-006", () => {
    const { turn } = decode(input("anth-req-006"));
    expect(turn.tool_choice).toEqual({ type: "function", name: turn.tools?.[0]?.name });
    const choose = (type: string) => decode({ ...input("anth-req-006"), tool_choice: { type } }).turn.tool_choice;
    expect(["any", "none", "auto", "whatever"].map(choose)).toEqual(["required", "none", "auto", "auto"]);
  });

  vector("anth-req-007", () => {
    const { turn, dropped } = decode(input("anth-req-007"));
    expect(turn.tools).toEqual([
      {
        type: "web_search",
        filters: { allowed_domains: ["example.com"] },
        user_location: { type: "approximate", city: "Oslo" },
      },
    ]);
    expect(turn.tool_choice).toEqual({ type: "web_search" });
    expect(dropped).toEqual(["tools[0].blocked_domains"]);
  });

  vector("anth-req-008", () => {
    const { turn } = decode(input("anth-req-008"));
    expect(turn.tools?.map((tool) => tool.type)).toEqual(["web_search", "function"]);
    expect(turn.tool_choice).toEqual({ type: "function", name: "web_search" });
  });

  vector("anth-req-009", () => {
    const body = JSON.parse(JSON.stringify(input("anth-req-009")).replace(/gAAAAA-valid[^"]*/g, FERNET)) as Json;
    const { turn } = decode(body);
    expect(turn.input[0]).toEqual({ type: "reasoning", summary: [], encrypted_content: FERNET });
    expect(turn.input[1]).toEqual({
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: "answer" }],
    });
    expect(JSON.stringify(turn)).not.toContain("secret summary");
  });

  vector("anth-req-010", () => {
    expect(types(decode(input("anth-req-010")).turn)).toEqual(["message"]);
    const inUser = [
      {
        role: "user",
        content: [
          { type: "thinking", thinking: "x", signature: FERNET },
          { type: "text", text: "a" },
        ],
      },
    ];
    expect(types(decode({ messages: inUser }).turn)).toEqual(["message"]);
  });

  vector("anth-req-011", () => {
    const body = JSON.parse(JSON.stringify(input("anth-req-011")).replace(/gAAAAA-valid[^"]*/g, FERNET)) as Json;
    const { turn } = decode(body);
    const kinds = "message,message,reasoning,message,function_call,message,function_call_output,message";
    expect(types(turn).join()).toBe(kinds);
    const output = turn.input[6]?.output as Block[];
    expect(output[0]).toEqual({ type: "input_text", text: "out" });
    expect(output[1]).toEqual({ type: "input_image", image_url: "data:image/png;base64,QQ==" });
  });

  vector("anth-req-012", () => {
    const parts = decode(input("anth-req-012")).turn.input[0]?.content as Block[];
    expect(parts.map((part) => part.type)).toEqual(["input_text", "input_file", "input_text"]);
    expect(parts[1]).toMatchObject({ filename: "document.pdf", file_data: "data:application/pdf;base64,JVBE" });
  });

  vector("anth-req-014", () => {
    const body = input("anth-req-014");
    const schema = ((body.output_config as Json).format as Json).schema;
    expect(decode(body).turn.text?.format).toEqual({ type: "json_schema", name: "output", schema, strict: true });
  });

  vector("anth-req-017", () => {
    expect(decode(input("anth-req-017")).turn.reasoning).toEqual({ effort: "medium", summary: "auto" });
    const hidden = decode({ thinking: { type: "adaptive", display: "omitted" } });
    expect(hidden.turn.reasoning).toBeUndefined();
    expect(hidden.wants?.thinking).toBe(true);
  });

  // The key itself is made from the session by the server; the dialect has to tell the sessions apart.
  vector("anth-req-018", () => {
    const { headers, metadata } = input("anth-req-018") as { headers: Record<string, string>; metadata: Json };
    const session = decode({ metadata }, headers).session;
    expect(session).toBe(decode({ metadata }, headers).session as string);
    expect(decode({ metadata }, { ...headers, "X-Claude-Code-Agent-Id": "a2" }).session).not.toBe(session);
    expect(decode({ metadata }).session).toBe("0a1b-2c");
    expect(decode({ metadata: { user_id: '{"device_id":"d","session_id":"s9"}' } }).session).toBe("s9");
    expect(decode({ metadata: { user_id: "somebody" } })).not.toHaveProperty("session");
  });
});

describe("streams", () => {
  vector("anth-res-002", () => {
    const { content, stop_reason } = replayed("anth-res-002");
    expect(content).toEqual([
      { type: "tool_use", id: "ca", name: "Read", input: { p: 1 } },
      { type: "tool_use", id: "cb", name: "Read", input: { p: 2 } },
    ]);
    expect(stop_reason).toBe("tool_use");
  });

  vector("anth-res-004", () => {
    const { all, content } = run([...events(input("anth-res-004").events as Json[]), ...events([finish])]);
    expect(content).toEqual([{ type: "thinking", thinking: "A\n\nB", signature: seal("final", undefined, undefined) }]);
    expect(JSON.stringify(all).match(/signature_delta/g)).toHaveLength(1);
    expect(JSON.stringify(all)).not.toContain("pre");
  });

  vector("anth-res-005", () => {
    const { all, content } = run([...events(input("anth-res-005").events as Json[]), ...events([finish])]);
    expect(content).toEqual([
      { type: "thinking", thinking: "", signature: seal("only", undefined, undefined) },
      { type: "text", text: "ok" },
    ]);
    expect(JSON.stringify(all)).not.toContain("thinking_delta");
  });

  vector("anth-res-006", () => {
    const item = (id: string, encrypted?: string) => ({
      item: { type: "reasoning", id, ...(encrypted === undefined ? {} : { encrypted_content: encrypted }) },
    });
    const list = [
      { type: "response.output_item.added", output_index: 0, ...item("rs_1", "early") },
      { type: "response.output_item.done", output_index: 0, ...item("rs_1") },
      { type: "response.output_item.added", output_index: 1, ...item("rs_2") },
      { type: "response.reasoning_summary_text.delta", output_index: 1, delta: "thought" },
      { type: "response.output_item.done", output_index: 1, ...item("rs_2") },
      { type: "response.output_item.done", output_index: 2, ...item("rs_3", "third") },
      finish,
    ];
    expect(signatures(run(events(list)).content)).toEqual([
      seal("early", undefined, "rs_1"),
      "",
      seal("third", undefined, "rs_3"),
    ]);
  });

  vector("anth-res-007", () => {
    const { content, stop_reason } = replayed("anth-res-007");
    expect(content).toEqual([]);
    expect(stop_reason).toBe("end_turn");
    const named = { type: "function_call", call_id: "h", name: "late", arguments: '{"a":1}' };
    const list = [
      { type: "response.output_item.added", output_index: 1, item: { type: "function_call", call_id: "h" } },
      { type: "response.function_call_arguments.delta", output_index: 1, delta: '{"a"' },
      { type: "response.output_item.done", output_index: 1, item: named },
      finish,
    ];
    expect(run(events(list)).content).toEqual([{ type: "tool_use", id: "h", name: "late", input: { a: 1 } }]);
  });

  vector("anth-res-009", () => {
    expect(replayed("anth-res-009").content).toEqual([{ type: "text", text: "ok" }]);
  });

  // The id is `srvtoolu_ws`, not `ws`: Anthropic's schema, which its clients check, demands the prefix.
  vector("anth-res-010", () => {
    const { content, stop_reason, usage } = replayed("anth-res-010");
    expect(content).toEqual([
      { type: "server_tool_use", id: "srvtoolu_ws", name: "web_search", input: { query: "w" } },
      { type: "web_search_tool_result", tool_use_id: "srvtoolu_ws", content: [] },
    ]);
    expect(stop_reason).toBe("end_turn");
    expect(usage.server_tool_use).toMatchObject({ web_search_requests: 1 });
    const opened = { id: "ws2", type: "web_search_call", action: { type: "open_page", url: "https://a.example" } };
    expect(run(events([{ type: "response.output_item.done", item: opened }, finish])).content).toEqual([]);
  });

  // Our events have no `stop_reason`; a stop sequence is one that we found in the text ourselves.
  vector("anth-res-011", () => {
    const stop = (response: Json, wants: Json = {}) => {
      const message = messages.reply(response, context(wants)) as Json;
      return [message.stop_reason, message.stop_sequence];
    };
    const cases = input("anth-res-011").cases as Json[];
    const text = (said: string) => ({ output: [{ type: "message", content: [{ type: "output_text", text: said }] }] });
    expect(stop(text("done"))).toEqual(["end_turn", null]);
    expect(stop(cases[1] as Json)).toEqual(["max_tokens", null]);
    expect(stop(cases[2] as Json)).toEqual(["tool_use", null]);
    expect(stop(cases[3] as Json)).toEqual(["refusal", null]);
    expect(stop(text("a\nENDb"), { stop: ["\nEND"] })).toEqual(["stop_sequence", "\nEND"]);
  });

  vector("anth-res-013", () => {
    const { content } = messages.reply(input("anth-res-013").response as Json, context()) as { content: Block[] };
    expect(content[0]?.input).toEqual({});
    expect(content[0]?.id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  vector("anth-res-014", () => {
    const { error } = (input("anth-res-014").events as { error: { code: string; message: string } }[])[0] as {
      error: Json;
    };
    const failure = new Failure("upstream_api", { code: String(error.code), message: String(error.message) });
    const [frame] = frames(String(messages.encoder(context()).fail(failure)));
    expect(frame).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error", message: "flagged", code: "cyber_policy" },
    });
  });
});

test.skipIf(!HAS_DATA)("no Anthropic vector is left without a test", () => {
  const named = [...vectors.keys()].filter((id) => id.startsWith("anth-"));
  expect([...held].sort()).toEqual(named.sort());
});
