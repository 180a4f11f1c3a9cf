// Every gemini vector of the shared list, under its own name.

import { expect, test } from "bun:test";
import { callsOf, decode, events, type Form, hasData, lines, partsOf, stream, textOf } from "./play.ts";

interface Vector {
  id: string;
  description: string;
  // biome-ignore lint/suspicious/noExplicitAny: each vector has a shape of its own.
  input: any;
}

const checks: Record<string, (vector: Vector) => void> = {
  "gem-req-001": ({ input }) => {
    const items = decode(input).turn.input;
    expect(items[0]).toEqual({ type: "message", role: "developer", content: [{ type: "input_text", text: "S" }] });
    expect(items[2]).toEqual({ type: "message", role: "assistant", content: [{ type: "output_text", text: "m" }] });
    expect(items).toHaveLength(3);
  },
  "gem-req-003": ({ input }) => {
    expect(decode(input).turn.input).toEqual([
      {
        type: "message",
        role: "user",
        content: [
          { type: "input_image", image_url: "data:image/png;base64,QQ==" },
          { type: "input_audio", input_audio: { data: "QQ==", format: "wav" } },
          { type: "input_file", filename: "file.pdf", file_data: "data:application/pdf;base64,QQ==" },
          { type: "input_file", file_url: "https://a/x.pdf" },
        ],
      },
    ]);
  },
  "gem-req-006": ({ input }) => {
    const tools = [
      { type: "function", name: "f" },
      { type: "function", name: "g" },
    ];
    expect(decode(input).turn.tool_choice).toEqual({ type: "allowed_tools", mode: "required", tools });
    const mode = (config: object) =>
      decode({ ...input, toolConfig: { functionCallingConfig: config } }).turn.tool_choice;
    expect(mode({ mode: "NONE" })).toBe("none");
    expect(mode({ mode: "AUTO" })).toBe("auto");
    expect(mode({ mode: "ANY" })).toBe("required");
    expect(mode({ mode: "ANY", allowedFunctionNames: ["f"] })).toEqual({ type: "function", name: "f" });
  },
  "gem-req-008": ({ input }) => {
    const { turn } = decode(input);
    expect(turn.text?.format?.type).toBe("json_schema");
    expect(turn.text?.format?.schema).toMatchObject({ type: "object", properties: { a: { type: "string" } } });
    expect(turn.tools).toEqual([{ type: "web_search" }]);
  },
  "gem-res-001": ({ input }) => {
    for (const form of ["sse", "array"] as Form[]) {
      const last = stream(events(...input.events), form).at(-1);
      expect(last?.candidates[0]?.finishReason).toBe("STOP");
      expect(last?.usageMetadata).toEqual({
        promptTokenCount: 9,
        candidatesTokenCount: 3,
        thoughtsTokenCount: 2,
        cachedContentTokenCount: 4,
        totalTokenCount: 14,
      });
      const ended = (reason: string) => {
        const response = { status: "incomplete", incomplete_details: { reason } };
        return stream(events(input.events[0], { type: "response.incomplete", response }), form).at(-1)?.candidates[0]
          ?.finishReason;
      };
      expect([ended("max_output_tokens"), ended("content_filter"), ended("never_heard_of")]).toEqual([
        "MAX_TOKENS",
        "SAFETY",
        "OTHER",
      ]);
    }
  },
  "gem-res-002": ({ input }) => {
    const calls = callsOf(partsOf(stream(events(...input.events), "sse")));
    expect(calls).toEqual([
      { id: "a", name: "f", args: { p: 1 } },
      { id: "b", name: "g", args: { p: 2 } },
    ]);
  },
  "gem-res-004": ({ input }) => {
    expect(textOf(partsOf(stream(events(...input.events), "sse")))).toBe("ok");
    const image = (result: string) => ({
      type: "response.output_item.done",
      output_index: 0,
      item: { type: "image_generation_call", id: "ig_1", result, output_format: "webp" },
    });
    const partial = {
      type: "response.image_generation_call.partial_image",
      output_index: 0,
      item_id: "ig_1",
      partial_image_b64: "QQ==",
    };
    const parts = partsOf(
      stream(events(partial, partial, image("QQ=="), { type: "response.completed", response: {} }), "sse"),
    );
    expect(parts.filter((part) => part.inlineData)).toEqual([{ inlineData: { mimeType: "image/webp", data: "QQ==" } }]);
  },
};

const vectors = lines<Vector>("vectors.jsonl").filter((vector) => vector.id.startsWith("gem-"));

for (const vector of vectors) {
  test(`${vector.id}: ${vector.description}`, () => {
    expect(Object.keys(checks)).toContain(vector.id);
    checks[vector.id]?.(vector);
  });
}

test.skipIf(!hasData)("every vector of the list has a check, and every check its vector", () => {
  expect(vectors.map((vector) => vector.id).sort()).toEqual(Object.keys(checks).sort());
});
