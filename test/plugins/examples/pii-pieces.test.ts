// A redaction that depends on where a stream was cut.

import { describe, expect, test } from "bun:test";
import { BlockFold, Event, type EventData, type Exchange, type Host } from "codexd/plugin";
import fc from "fast-check";
import pii from "../../../plugins/examples/pii-redaction.ts";
import { Values } from "../../../src/core/values.ts";
import { dataBytes, dataPresent, recordings } from "../../data.ts";
import { eventsOf } from "../../recordings/said.ts";

const SECRETS = ["jane.doe+x@mail.example.org", "4111 1111 1111 1111", "+49 (0)30 1234567", "Project Falcon"];

/** The deltas and the whole of a text, as the plugin lets them through when it comes in these pieces. */
function through(pieces: readonly string[]): { deltas: string; whole: unknown } {
  const { events } = pii.setup({} as Host, { words: ["Project Falcon"] });
  const exchange = { values: new Values() } as Exchange;
  const at = { output_index: 0, item_id: "msg_1", content_index: 0 };
  const stream: EventData[] = [
    ...pieces.map((delta) => ({ type: "response.output_text.delta", ...at, delta })),
    { type: "response.output_text.done", ...at, text: pieces.join("") },
  ];
  const out = stream.flatMap((data) => events?.handle(Event.of(data), exchange) ?? []);
  const deltas = out.filter(({ type }) => type.endsWith(".delta"));
  return { deltas: deltas.map(({ data }) => data.delta).join(""), whole: out.at(-1)?.data.text };
}

test("however a text is cut, its pieces say what its whole says", () => {
  const word = fc.oneof(
    fc.constantFrom(...SECRETS, "a@b.co", "@", "+1", "4111", " ", "-", ".", "Project ", "Falcon", "project fal", "\n"),
    fc.string({ maxLength: 4 }),
    fc.stringMatching(/^[0-9 -]{0,30}$/),
  );
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 12 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 6 })),
      (words, sizes) => {
        const text = words.join("");
        const pieces: string[] = [];
        for (let at = 0; at < text.length; ) {
          const size = sizes.next().value as number;
          pieces.push(text.slice(at, at + size));
          at += size;
        }
        const { deltas, whole } = through(pieces);
        expect(deltas).toBe(through([text]).whole as string);
        expect(whole).toBe(deltas);
      },
    ),
    { numRuns: 2000 },
  );
});

/** The texts of an answer's blocks, by the kind and place of each, in the order of `added`, `delta` and `close`. */
function textsOf(events: readonly Event[]): string[] {
  const fold = new BlockFold();
  const texts: string[] = [];
  for (const block of events.flatMap((event) => fold.push(event))) {
    if (block.kind === "open") texts[block.index] = `${block.type}: `;
    else if (block.kind === "delta") texts[block.index] += block.text;
  }
  return texts;
}

/** JSON says the same with other spaces. */
const compact = (text: string) => text.replace(/\s+/g, "");

describe.skipIf(!dataPresent)("a recorded stream without anything to black out says what it said:", () => {
  for (const { file } of recordings("responses", true).filter((row) => row.malformed !== true)) {
    test(file, () => {
      const { events } = pii.setup({} as Host, { kinds: [], words: ["no such word"], tools: true });
      const exchange = { values: new Values() } as Exchange;
      const recorded = eventsOf(dataBytes(`recordings/${file}`));
      const passed = recorded.flatMap((event) => {
        const named = events?.types === "all" || events?.types.includes(event.type);
        const out = named ? events?.handle(event, exchange) : event;
        return out === undefined ? event : (out ?? []);
      });
      expect(textsOf(passed).map(compact)).toEqual(textsOf(recorded).map(compact));
      expect(passed.at(-1)?.type).toBe(recorded.at(-1)?.type as string);
    });
  }
});
