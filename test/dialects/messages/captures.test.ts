// What Claude Code and Anthropic's SDK really sent: each request decodes to the items it holds, and nothing in it is lost unnoticed.

import { expect, test } from "bun:test";
import type { Decoded, Item } from "codexd/plugin";
import { messages } from "../../../plugins/translate/messages/index.ts";
import { files, HAS_DATA, type Json, json } from "./data.ts";
import { decode } from "./exchange.ts";

type Captured = { body: Json; headers: Record<string, string>; path: string };

/** The only request fields of all captures that have no effect anywhere. */
const WITHOUT_EFFECT = new Set(["top_k"]);

/** `message` is written as its role, so that a line shows the conversation. */
const EXPECTED: Record<string, string> = {
  "claude-code/01-oneshot": "developer user developer",
  "claude-code/02-tool-read": "developer user developer",
  "claude-code/03-tool-read": "developer user developer assistant function_call function_call_output",
  "claude-code/04-reason-tool-model": "developer user developer",
  "claude-code/05-reason-tool-model":
    "developer user developer function_call function_call function_call_output function_call_output",
  "claude-code/06-jsonschema": "developer user developer",
  "claude-code/07-jsonschema": "developer user developer assistant user",
  "claude-code/08-image-read": "developer user developer",
  "claude-code/09-image-read": "developer user developer function_call function_call_output",
  "claude-code/10-system-prompt": "developer user developer",
  "claude-code/11-context-cmd": "user",
  "claude-code/12-context-cmd": "user",
};

function captured(folder: string): [string, Captured][] {
  return files(`captures/${folder}`, /(?:messages|count_tokens)\.json$/).map((path) => [
    path.replace(/^captures\//, "").replace(/-(?:messages|count_tokens)\.json$/, ""),
    json(path) as unknown as Captured,
  ]);
}

const kinds = ({ turn }: Decoded) =>
  turn.input.map((item) => (item.type === "message" ? item.role : item.type)).join(" ");

/** Every string that a person or a tool wrote, as the client sent it. */
function written(body: Json): string[] {
  const out: string[] = [];
  const walk = (value: unknown) => {
    if (typeof value === "string") out.push(value);
    else if (Array.isArray(value)) for (const entry of value) walk(entry);
    else if (typeof value === "object" && value !== null) {
      const block = value as Json;
      // Not sent before it is referenced, so not read either.
      if (block.defer_loading === true) return;
      if (block.type === "thinking" || block.type === "redacted_thinking") return;
      for (const field of ["text", "content", "data", "description", "messages", "system", "tools", "source"])
        walk(block[field]);
    }
  };
  walk(body);
  return out.filter((text) => !text.startsWith("x-anthropic-billing-header"));
}

for (const [name, { body, headers }] of [...captured("claude-code"), ...captured("anthropic-sdk")]) {
  test(`${name} decodes without loss`, () => {
    const decoded = decode(structuredClone(body), headers);
    if (EXPECTED[name] !== undefined) expect(kinds(decoded)).toBe(EXPECTED[name]);
    expect((decoded.dropped ?? []).filter((path) => !WITHOUT_EFFECT.has(path))).toEqual([]);
    const sent = JSON.stringify(decoded.turn);
    for (const text of written(body)) expect(sent).toContain(JSON.stringify(text).slice(1, -1));
    expect(decoded.stream).toBe(body.stream === true);
  });
}

test.skipIf(!HAS_DATA)("the cache is not spoilt by Claude Code's billing header, in any capture", () => {
  for (const [, { body, headers }] of captured("claude-code")) {
    expect(JSON.stringify(decode(body, headers).turn)).not.toContain("x-anthropic-billing-header");
  }
});

test.skipIf(!HAS_DATA)("Claude Code's session is found in its header, and in its metadata without one", () => {
  const [, { body, headers }] = captured("claude-code")[0] as [string, Captured];
  const session = headers["x-claude-code-session-id"] as string;
  expect(decode(body, headers).session).toBe(session);
  expect(decode(body).session).toBe(session);
});

test.skipIf(!HAS_DATA)("an image that the Read tool returned stays inside its output", () => {
  const [, { body, headers }] = captured("claude-code").find(([name]) => name.includes("09-image")) as [
    string,
    Captured,
  ];
  const output = decode(body, headers).turn.input.find((item) => item.type === "function_call_output") as Item;
  expect(output.output).toMatchObject([{ type: "input_image" }]);
});

test.skipIf(!HAS_DATA)("a failed tool's output says that it failed, and an empty one is empty", () => {
  const of = (name: string) => captured("anthropic-sdk").find(([key]) => key.includes(name)) as [string, Captured];
  const outputs = (name: string) =>
    decode(of(name)[1].body)
      .turn.input.filter((item) => item.type === "function_call_output")
      .map((item) => item.output);
  expect(outputs("09-tools-parallel")[0]).toBe("Error: boom failed");
  expect(outputs("10-tool-result-empty")).toEqual([""]);
});

test.skipIf(!HAS_DATA)("a deferred tool stays away until it was referenced", () => {
  const [, { body }] = captured("anthropic-sdk").find(([name]) => name.includes("22-")) as [string, Captured];
  expect(decode(body).turn.tools?.map((tool) => tool.name)).toEqual(["get_weather"]);
  const reference = [
    {
      type: "tool_result",
      tool_use_id: "t",
      content: [{ type: "tool_reference", tool_name: "DeferredToolPlaceholder" }],
    },
  ];
  const loaded = { ...body, messages: [...(body.messages as Json[]), { role: "user", content: reference }] };
  expect(decode(loaded).turn.tools).toHaveLength(2);
});

test.skipIf(!HAS_DATA)("sampling fields go on under the turn's own names, and are told by the client's", () => {
  const [, { body }] = captured("anthropic-sdk").find(([name]) => name.includes("21-sampling")) as [string, Captured];
  const { turn, wants, dropped, session } = decode(body);
  expect(turn).toMatchObject({ max_output_tokens: 10, temperature: 0.3, top_p: 0.9 });
  expect(wants).toMatchObject({ names: { max_output_tokens: "max_tokens" }, stop: ["END"] });
  expect(dropped).toEqual(["top_k"]);
  expect(session).toBe("y");
});

test.skipIf(!HAS_DATA)("Claude Code's parallel counts answer with tokens", async () => {
  const counts = captured("claude-code").filter(([name]) => name.includes("context-cmd"));
  for (const [, { body, headers }] of counts) {
    expect(await messages.count?.(decode(body, headers))).toEqual({ input_tokens: expect.any(Number) });
  }
});
