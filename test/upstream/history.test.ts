// Any history, however a client cut it, becomes one that the strictest backend takes: nothing without its other half, no illegal id.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Item, Turn } from "../../src/core/turn.ts";
import { prepare } from "../../src/upstream/prepare.ts";
import { refuseAsChatgpt } from "../../src/upstream/sandbox/refuse.ts";
import { exchangeOf } from "./setting.ts";

const target = { kind: "chatgpt", instructions: "Be helpful." } as const;
const prepared = (turn: Partial<Turn>) => prepare(exchangeOf(turn), target);
const sent = (input: Item[]) => prepared({ input }).body.input as Item[];

const call = (call_id: string | undefined, name = "f", extra: Item = {}): Item => ({
  type: "function_call",
  name,
  arguments: "{}",
  ...(call_id === undefined ? {} : { call_id }),
  ...extra,
});
const output = (call_id: string | undefined, text = "ok", extra: Item = {}): Item => ({
  type: "function_call_output",
  output: text,
  ...(call_id === undefined ? {} : { call_id }),
  ...extra,
});

describe("calls and outputs", () => {
  test("that pair up stay as they are", () => {
    const input = [call("a"), call("b"), output("b"), output("a")];
    expect(sent(input)).toEqual(input);
  });

  test("a call without output gets an empty one", () => {
    expect(sent([call("a"), call("b"), output("b")])).toEqual([call("a"), output("a", ""), call("b"), output("b")]);
    const custom = { type: "custom_tool_call", call_id: "c", name: "f", input: "x" };
    expect(sent([custom])).toEqual([custom, { type: "custom_tool_call_output", call_id: "c", output: "" }]);
  });

  test("an output without call is still read, its image too", () => {
    const image = { type: "input_image", image_url: "data:image/png;base64,AA" };
    const [first, second] = sent([
      output("gone", "it said this"),
      { type: "custom_tool_call_output", call_id: "x", output: [{ type: "output_text", text: "t" }, image] },
    ]);
    expect(first).toMatchObject({ type: "message", role: "user" });
    expect(JSON.stringify(first)).toContain("it said this");
    expect(JSON.stringify(first)).toContain("gone");
    expect(second?.content).toEqual([expect.anything(), { type: "input_text", text: "t" }, image]);
  });

  test("an output before its call moves behind it", () => {
    expect(sent([output("a"), call("a")])).toEqual([call("a"), output("a")]);
  });

  test("missing ids are minted in order, by name where there is one, always alike", () => {
    const input = [
      call(undefined, "f"),
      call(undefined, "g"),
      output(undefined, "of g", { name: "g" }),
      output(undefined, "of f"),
    ];
    const [f, g, ofG, ofF] = sent(input);
    expect(f?.call_id).toMatch(/^call_[0-9a-f]{24}$/);
    expect(ofG?.call_id).toBe(g?.call_id);
    expect(ofF?.call_id).toBe(f?.call_id);
    expect(f?.call_id).not.toBe(g?.call_id);
    expect(sent(input)).toEqual(sent(input));
  });

  test("ids that a model used again in every turn stay apart", () => {
    const items = sent([call("call_0"), output("call_0", "one"), call("call_0"), output("call_0", "two")]);
    expect(items.map((item) => item.call_id)).toEqual(["call_0", "call_0", "call_0_2", "call_0_2"]);
  });

  test("an output of the other sort is turned into the right one", () => {
    const custom = { type: "custom_tool_call", call_id: "c", name: "f", input: "x" };
    expect(sent([custom, output("c", "ok", { id: "fco_1" })])[1]).toEqual({
      type: "custom_tool_call_output",
      call_id: "c",
      output: "ok",
    });
  });

  test("a long call id is shortened on both sides, and comes back long", () => {
    const long = `call_${"x".repeat(100)}`;
    const { body, restore } = prepared({ input: [call(long), output(long)] });
    const [one, other] = body.input as Item[];
    expect(one?.call_id).toMatch(/^.{47}_[0-9a-f]{16}$/);
    expect(other?.call_id).toBe(one?.call_id);
    expect(restore?.item({ call_id: one?.call_id })).toEqual({ call_id: long });
  });

  test("arguments and outputs that are not text become text", () => {
    const items = sent([
      call("a", "f", { arguments: { x: 1 } }),
      { type: "function_call_output", call_id: "a", output: { y: 2 } },
    ]);
    expect(items).toMatchObject([{ arguments: '{"x":1}' }, { output: '{"y":2}' }]);
  });

  test("the Codex CLI's own outputs without id are its own affair", () => {
    const own = { type: "function_call_output", name: "exec", output: "x" };
    expect(prepare(exchangeOf({ input: [own] }, { codexClient: true }), target).body.input).toEqual([own]);
  });
});

const ids = fc.oneof(
  fc.constantFrom("a", "b", "call_0", "x".repeat(70), "x".repeat(71)),
  fc.constant(undefined),
  fc.constant(""),
  fc.constant(null),
);
const itemIds = fc.oneof(
  fc.constantFrom("msg_1", "rs_1", "fc_1", "item 1", "y".repeat(90)),
  fc.constant(undefined),
  fc.constant(null),
);
const names = fc.oneof(
  fc.constantFrom("f", "g", "my tool", "", "mcp__server__run", `mcp__${"s".repeat(70)}__run`),
  fc.string({ maxLength: 80 }),
);
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({
    type: fc.constant("function_call"),
    id: itemIds,
    call_id: ids,
    name: names,
    arguments: fc.oneof(fc.constant("{}"), fc.object()),
  }),
  fc.record({ type: fc.constant("custom_tool_call"), id: itemIds, call_id: ids, name: names, input: fc.string() }),
  fc.record({
    type: fc.constantFrom("function_call_output", "custom_tool_call_output"),
    id: itemIds,
    call_id: ids,
    output: fc.oneof(fc.string(), fc.constant([{ type: "input_text", text: "t" }]), fc.constant(null)),
  }),
  fc.record({
    type: fc.constant("message"),
    id: itemIds,
    role: fc.constantFrom("user", "assistant", "system", "developer"),
    content: fc.string(),
  }),
  fc.record({ role: fc.constantFrom("user", "system"), content: fc.string() }),
  fc.record({
    type: fc.constant("reasoning"),
    id: itemIds,
    summary: fc.constantFrom([], [{ type: "summary_text", text: "t" }]),
    encrypted_content: fc.constantFrom(null, undefined, "gAAAAAxyz"),
  }),
);
const tool = names.map((name) => ({ type: "function", name, parameters: { type: "object", properties: {} } }));

test("any history is one that the strict sandbox takes, twice the same, and itself when sent again", () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 14 }), fc.array(tool, { maxLength: 5 }), (input, tools) => {
      const { body } = prepared({ input: structuredClone(input), tools });
      const items = body.input as Item[];
      const refusal = refuseAsChatgpt(body, new Headers(), "work", { has: () => false });
      // The sandbox judges ciphertexts too; what it cannot open is not this test's concern.
      if (refusal && !JSON.stringify(refusal).includes("could not be verified"))
        throw new Error(JSON.stringify([refusal, items]));
      for (const one of items) {
        for (const id of [one.id, one.call_id])
          if (id !== undefined && !(typeof id === "string" && id.length <= 64 && id !== ""))
            throw new Error(JSON.stringify(one));
        if (typeof one.name === "string" && !/^[\w-]{1,64}$/.test(one.name)) throw new Error(JSON.stringify(one));
      }
      expect(prepared({ input: structuredClone(input), tools }).body).toEqual(body);
      expect(sent(items)).toEqual(items);
      const order = items.flatMap((one) =>
        String(one.type).includes("call") ? [[String(one.type).endsWith("_output"), one.call_id] as const] : [],
      );
      const called = new Set<unknown>();
      for (const [answers, id] of order) {
        if (!answers) {
          expect(called.has(id)).toBe(false);
          called.add(id);
        } else expect(called.has(id)).toBe(true);
      }
    }),
    { numRuns: 400 },
  );
});

test("every name comes back as the client wrote it", () => {
  fc.assert(
    fc.property(fc.uniqueArray(names, { maxLength: 12 }), (list) => {
      const { body, restore } = prepared({
        tools: list.map((name) => ({ type: "function", name, parameters: { type: "object", properties: {} } })),
      });
      const fitted = (body.tools as { name: string }[]).map(({ name }) => name);
      expect(new Set(fitted).size).toBe(list.length);
      expect(fitted.map((name) => (restore ? restore.item({ name }).name : name))).toEqual(list);
    }),
    { numRuns: 300 },
  );
});
