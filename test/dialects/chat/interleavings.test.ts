// Whatever the order of a valid stream's events: the role once, each call announced once, nothing lost, one finish, `[DONE]` last.

import { expect, test } from "bun:test";
import type { EventData } from "codexd/plugin";
import fc from "fast-check";
import { encoded, framesOf, mustMatch, seen } from "./kit.ts";

const pieces = fc.array(fc.string({ unit: "binary", minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });
const kind = fc.constantFrom("message", "function_call", "custom_tool_call", "reasoning");
const item = fc.record({ kind, pieces, added: fc.boolean(), finished: fc.boolean() });
type AnItem = { kind: string; pieces: string[]; added: boolean; finished: boolean };

/** The events of one item. Calls need `added`, or their name would come too late to number them by it. */
function eventsOf({ kind, pieces, added, finished }: AnItem, at: number): EventData[] {
  const where = { output_index: at, content_index: 0, summary_index: 0, item_id: `item_${at}` };
  const whole = pieces.join("");
  const call = { call_id: `call_${at}`, name: `tool_${at}` };
  const shapes: Record<string, [delta: string, empty: object, full: object]> = {
    message: ["output_text", { content: [] }, { content: [{ type: "output_text", text: whole }] }],
    function_call: ["function_call_arguments", { ...call, arguments: "" }, { ...call, arguments: whole }],
    custom_tool_call: ["custom_tool_call_input", { ...call, input: "" }, { ...call, input: whole }],
    reasoning: ["reasoning_summary_text", { summary: [] }, { summary: [{ type: "summary_text", text: whole }] }],
  };
  const [delta, empty, full] = shapes[kind] as [string, object, object];
  const opens = added || kind.endsWith("call");
  return [
    ...(opens
      ? [{ type: "response.output_item.added", output_index: at, item: { id: `item_${at}`, type: kind, ...empty } }]
      : []),
    ...pieces.map((piece) => ({ type: `response.${delta}.delta`, delta: piece, ...where })),
    ...(finished
      ? [{ type: "response.output_item.done", output_index: at, item: { id: `item_${at}`, type: kind, ...full } }]
      : []),
  ];
}

function interleave(queues: EventData[][], picks: Iterator<number>): EventData[] {
  const all: EventData[] = [];
  for (;;) {
    const waiting = queues.filter((queue) => queue.length > 0);
    if (waiting.length === 0) return all;
    all.push(waiting[picks.next().value % waiting.length]?.shift() as EventData);
  }
}

test("any interleaving", () => {
  fc.assert(
    fc.property(
      fc.array(item, { maxLength: 5 }),
      fc.infiniteStream(fc.nat()),
      fc.boolean(),
      (items, picks, created) => {
        const events = [
          ...(created ? [{ type: "response.created", response: { id: "resp_1", model: "m", created_at: 1 } }] : []),
          ...interleave(items.map(eventsOf), picks),
          { type: "response.completed", response: { output: [] } },
        ];
        const { chunks, done } = framesOf(encoded(events).text);
        for (const chunk of chunks) mustMatch("CreateChatCompletionStreamResponse", chunk);
        const all = seen(chunks);
        const wholes = (...kinds: string[]) =>
          items.flatMap((one, at) => (kinds.includes(one.kind) ? [[`call_${at}`, one.pieces.join("")]] : []));
        const letters = (text: string) => [...text].sort().join("");
        expect(done).toBe(true);
        expect(chunks.map((chunk) => chunk.choices[0]?.delta.role).filter(Boolean)).toEqual(["assistant"]);
        expect(all.finish).toEqual([all.calls.length > 0 ? "tool_calls" : "stop"]);
        expect(all.calls.map((call) => [call.id, call.input]).sort()).toEqual(
          wholes("function_call", "custom_tool_call").sort(),
        );
        const announced = chunks
          .flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])
          .filter((call) => call.id !== undefined);
        expect(announced.map((call) => call.index)).toEqual(all.calls.map((_, index) => index));
        expect(letters(all.content)).toBe(
          letters(
            wholes("message")
              .map(([, whole]) => whole)
              .join(""),
          ),
        );
      },
    ),
    { numRuns: 150 },
  );
});
