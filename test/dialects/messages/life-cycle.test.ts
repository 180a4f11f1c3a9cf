// Whatever order an upstream's events come in, and however much is missing, a client sees whole blocks one after another.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Json } from "./data.ts";
import { accumulate, checkLife, context, encode, events, frames } from "./exchange.ts";

/** The events of one output item, in their own order. */
type Script = Json[];

const words = fc.array(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });
const complete = fc.boolean();

const message = fc.tuple(words, complete).map(([parts, ends]) => (at: number): Script => {
  const id = `msg_${at}`;
  const item = { id, type: "message", content: [{ type: "output_text", text: parts.join("") }] };
  return [
    { type: "response.output_item.added", item: { id, type: "message", content: [] } },
    ...parts.map((delta) => ({ type: "response.output_text.delta", item_id: id, content_index: 0, delta })),
    ...(ends ? [{ type: "response.output_item.done", item }] : []),
  ];
});

const reasoning = fc.tuple(words, complete, fc.boolean()).map(([parts, ends, sealed]) => (at: number): Script => {
  const id = `rs_${at}`;
  const summary = [{ type: "summary_text", text: parts.join("") }];
  const item = { id, type: "reasoning", summary, ...(sealed ? { encrypted_content: `cipher${at}` } : {}) };
  return [
    { type: "response.output_item.added", item: { id, type: "reasoning" } },
    ...parts.map((delta) => ({ type: "response.reasoning_summary_text.delta", item_id: id, summary_index: 0, delta })),
    ...(ends ? [{ type: "response.output_item.done", item }] : []),
  ];
});

const call = fc
  .tuple(fc.dictionary(fc.string(), fc.string()), fc.boolean(), fc.integer({ min: 1, max: 6 }))
  .map(([args, named, step]) => (at: number): Script => {
    const id = `fc_${at}`;
    const json = JSON.stringify(args);
    const whole = { id, type: "function_call", call_id: `call_${at}`, name: `tool_${at}`, arguments: json };
    const pieces: Script = [];
    for (let from = 0; from < json.length; from += step) {
      pieces.push({
        type: "response.function_call_arguments.delta",
        item_id: id,
        delta: json.slice(from, from + step),
      });
    }
    const { name, ...nameless } = { ...whole, arguments: "" };
    return [
      { type: "response.output_item.added", item: named ? { ...nameless, name } : nameless },
      ...pieces,
      { type: "response.output_item.done", item: whole },
    ];
  });

const other = fc.constantFrom("mcp_call", "image_generation_call", "web_search_call", "invented_call").map(
  (type) =>
    (at: number): Script => [
      { type: "response.output_item.added", item: { id: `x_${at}`, type } },
      { type: `response.${type}.in_progress`, item_id: `x_${at}` },
      { type: "response.output_item.done", item: { id: `x_${at}`, type, action: { type: "search", query: `q${at}` } } },
    ],
);

const answer = fc
  .array(fc.oneof(message, reasoning, call, other), { maxLength: 5 })
  .map((items) => items.map((item, at) => item(at).map((event): Json => ({ ...event, output_index: at }))));

/** Deals the scripts into one stream: each keeps its own order, between them anything goes. */
const interleaved = fc.tuple(answer, fc.infiniteStream(fc.nat())).map(([scripts, picks]) => {
  const left = scripts.map((script) => [...script]).filter((script) => script.length > 0);
  const list: Json[] = [{ type: "response.created", response: { id: "resp_1", model: "m" } }];
  while (left.length > 0) {
    const at = (picks.next().value as number) % left.length;
    list.push((left[at] as Json[]).shift() as Json);
    if (left[at]?.length === 0) left.splice(at, 1);
  }
  list.push({ type: "response.completed", response: { usage: { input_tokens: 9, output_tokens: 4 } } });
  return { scripts, list };
});

const deltas = (script: Script, type: string) =>
  script
    .filter((event) => event.type === type)
    .map((event) => event.delta)
    .join("");

test("blocks open once, close once, never overlap, and lose nothing, in any interleaving", () => {
  fc.assert(
    fc.property(interleaved, ({ scripts, list }) => {
      const all = frames(encode(events(list)));
      checkLife(all);
      const { content, stop_reason, usage } = accumulate(all);
      const calls = scripts.filter((script) => (script[0]!.item as Json).type === "function_call");
      const texts = scripts.map((script) => deltas(script, "response.output_text.delta")).filter((text) => text !== "");
      const thoughts = scripts
        .map((script) => deltas(script, "response.reasoning_summary_text.delta"))
        .filter((text) => text !== "");
      const every = (type: string, field: string) =>
        content.filter((block) => block.type === type).map((block) => block[field]);
      expect(every("text", "text").sort()).toEqual(texts.sort());
      expect(every("thinking", "thinking").sort()).toEqual(thoughts.sort());
      const asked = calls.map((script) => (script.at(-1)!.item as Json).call_id);
      expect(every("tool_use", "id").sort()).toEqual(asked.sort());
      for (const script of calls) {
        const item = script.at(-1)?.item as Json;
        const block = content.find((block) => block.id === item.call_id);
        expect(block?.name).toBe(item.name);
        expect(block?.input).toEqual(JSON.parse(String(item.arguments)));
      }
      expect(stop_reason).toBe(calls.length > 0 ? "tool_use" : "end_turn");
      expect(usage).toMatchObject({ input_tokens: 9, output_tokens: 4 });
    }),
    { numRuns: 300 },
  );
});

test("a stop sequence never reaches the client, however the text is cut", () => {
  const pieces = fc.array(fc.stringMatching(/^[ab]{1,4}$/), { minLength: 1, maxLength: 8 });
  const stops = fc.array(fc.stringMatching(/^[ab]{1,4}$/), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(pieces, stops, (parts, stop) => {
      const deltas = parts.map((delta) => ({ type: "response.output_text.delta", output_index: 0, delta }));
      const late = { type: "function_call", call_id: "c", name: "t", arguments: "{}" };
      const list = [
        ...deltas,
        { type: "response.output_item.done", output_index: 1, item: late },
        { type: "response.completed", response: { usage: { input_tokens: 1, output_tokens: 7 } } },
      ];
      const all = frames(encode(events(list), context({ stop })));
      checkLife(all);
      const { content, stop_reason, stop_sequence, usage } = accumulate(all);
      const whole = parts.join("");
      const at = Math.min(...stop.map((one) => whole.indexOf(one)).filter((found) => found !== -1));
      const said = content.find((block) => block.type === "text")?.text ?? "";
      expect(usage.output_tokens).toBe(7);
      if (at === Number.POSITIVE_INFINITY) {
        expect(said).toBe(whole);
        expect(stop_reason).toBe("tool_use");
      } else {
        expect(stop_reason).toBe("stop_sequence");
        expect(whole.slice(0, whole.indexOf(String(stop_sequence)))).toBe(String(said));
        expect(content.filter((block) => block.type === "tool_use")).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
});
