// Whatever way a provider cuts and mixes parallel calls, every call arrives whole, in order, and undone to what was declared.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Turn } from "../../../src/core/turn.ts";
import { chatBody } from "../../../src/upstream/chat.ts";
import { hearAsCodex } from "./codex-client.ts";
import { checkLifeCycle } from "./life-cycle.ts";
import { delta, type Json, readBytes, readChunks, readerFor, saidByResponse, turnOf } from "./material.ts";

const turn: Turn = turnOf({
  tools: [
    { type: "function", name: "read", parameters: {} },
    { type: "custom", name: "apply_patch" },
    {
      type: "namespace",
      name: "functions",
      tools: [
        { type: "custom", name: "exec" },
        { type: "function", name: "wait" },
      ],
    },
  ],
});
const wireNames = (chatBody(turn, { kind: "compatible" }).body.tools as Json[]).map(
  (tool) => tool.function.name as string,
);

interface Call {
  id: string;
  tool: number;
  content: string;
}

const call = fc.record({ tool: fc.nat(3), content: fc.string({ unit: "grapheme", maxLength: 40 }) });
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
const isCustom = (one: Call) => one.tool === 1 || one.tool === 2;

/** What the model writes for this call; custom ones with escapes of any kind. */
function written(one: Call, escaped: boolean): string {
  const json = JSON.stringify(isCustom(one) ? { input: one.content } : { path: one.content, deep: [{ "}": "]" }] });
  if (!escaped) return json;
  return json.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function cut(text: string, sizes: number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, turnOf = 0; at < text.length; turnOf++) {
    const size = sizes[turnOf % sizes.length] as number;
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

type Style = "first" | "repeated" | "no-index";

/** The fragments of all calls, each call's own in order, mixed by `picks`. */
function fragments(calls: Call[], sizes: number[], picks: number[], style: Style, escaped: boolean): Json[] {
  const queues = calls.map((one, index) => {
    const pieces = ["", ...cut(written(one, escaped), sizes)];
    return pieces.map((piece, at) => ({
      ...(style === "no-index" ? {} : { index }),
      ...(at === 0 || style !== "first" ? { id: one.id } : {}),
      function: {
        ...(at === 0 || style === "repeated" ? { name: wireNames[one.tool] } : {}),
        arguments: at === 0 ? null : piece,
      },
    }));
  });
  const out: Json[] = [];
  for (let step = 0; queues.some((queue) => queue.length > 0); step++) {
    const started = queues.findIndex(
      (queue, at) => queue.length > 0 && queue.length === cut(written(calls[at] as Call, escaped), sizes).length + 1,
    );
    const open = queues.filter((queue, at) => queue.length > 0 && (started === -1 || at <= started));
    const queue = open[(picks[step % picks.length] as number) % open.length] as Json[];
    out.push(queue.shift() as Json);
  }
  return out;
}

const scene = fc.record({
  calls: fc.array(call, { minLength: 1, maxLength: 4 }),
  sizes: cuts,
  picks: fc.array(fc.nat(3), { minLength: 1, maxLength: 12 }),
  style: fc.constantFrom<Style>("first", "repeated", "no-index"),
  escaped: fc.boolean(),
  together: fc.integer({ min: 1, max: 3 }),
  text: fc.string({ maxLength: 20 }),
  reasoning: fc.string({ maxLength: 20 }),
});

describe("parallel calls", () => {
  test("keep content and order in any mixture", () => {
    fc.assert(
      fc.property(scene, ({ calls, sizes, picks, style, escaped, together, text, reasoning }) => {
        const made = calls.map((one, index) => ({ ...one, id: `call_${index}x` }));
        const parts = fragments(made, sizes, picks, style, escaped);
        const chunks = [
          delta({ role: "assistant", content: null, reasoning_content: reasoning }),
          delta({ content: text }),
        ];
        for (let at = 0; at < parts.length; at += together)
          chunks.push(delta({ tool_calls: parts.slice(at, at + together) }));
        chunks.push(delta({}, "tool_calls"));
        const events = readChunks(chunks, readerFor(turn));
        const said = saidByResponse(checkLifeCycle(events));
        expect(said.text).toBe(text);
        expect(said.reasoning).toBe(reasoning);
        expect(said.calls.map(({ id, arguments: args }) => [id, args])).toEqual(
          made.map((one) => [one.id, isCustom(one) ? one.content : JSON.parse(written(one, false))]),
        );
        const heard = hearAsCodex(events).items.filter((item) => item.type.endsWith("_call"));
        expect(heard.map((item) => [item.type, item.namespace, item.name])).toEqual(
          made.map((one) => [
            isCustom(one) ? "custom_tool_call" : "function_call",
            one.tool >= 2 ? "functions" : undefined,
            ["read", "apply_patch", "exec", "wait"][one.tool],
          ]),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("say the same however the bytes are cut", () => {
    fc.assert(
      fc.property(scene, fc.integer({ min: 1, max: 50 }), ({ calls, sizes, picks, style, escaped }, size) => {
        const made = calls.map((one, index) => ({ ...one, id: `call_${index}x` }));
        const chunks = fragments(made, sizes, picks, style, escaped).map((part) => delta({ tool_calls: [part] }));
        const lines = [...chunks, delta({}, "tool_calls")].map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`);
        const bytes = new TextEncoder().encode(`: hello\n\n${lines.join("")}data: [DONE]\n\n`);
        expect(readBytes(bytes, size, readerFor(turn))).toEqual(readBytes(bytes, bytes.length, readerFor(turn)));
      }),
      { numRuns: 60 },
    );
  });
});
