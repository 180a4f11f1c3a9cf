// A redaction that depends on where a stream was cut.

import { expect, test } from "bun:test";
import { Event, type EventData, type Exchange, type Host } from "codexd/plugin";
import fc from "fast-check";
import pii from "../../../plugins/examples/pii-redaction.ts";
import { Values } from "../../../src/core/values.ts";

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
