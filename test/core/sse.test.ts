// The SSE reader gives the same events whatever the chunking, the line endings and the comments in between.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Event } from "../../src/core/event.ts";
import { SseReader } from "../../src/core/sse.ts";

const bytes = new TextEncoder();

function read(chunks: Uint8Array[]): { type: string; json: string }[] {
  const reader = new SseReader();
  const events = [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()];
  return events.filter((event) => event.type !== "").map((event) => ({ type: event.type, json: event.json }));
}

function cut(whole: Uint8Array, sizes: number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    chunks.push(whole.slice(at, at + size));
    at += size;
  }
  return chunks;
}

const ending = fc.constantFrom("\n", "\r\n", "\r");
const frame = fc.record({
  type: fc.constantFrom("response.created", "response.output_text.delta", "keepalive"),
  text: fc.string({ unit: "grapheme" }),
  comment: fc.boolean(),
  named: fc.boolean(),
  split: fc.boolean(),
});

test("any chunking and any line ending gives the same events", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 8 }),
      ending,
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      (frames, eol, sizes) => {
        const expected = frames.map(({ type, text }) => ({ type, json: JSON.stringify({ type, text }) }));
        const stream = frames
          .map(({ type, text, comment, named, split }) => {
            const json = JSON.stringify({ type, text });
            const half = json.indexOf(",") + 1;
            const data = split ? [`data: ${json.slice(0, half)}`, `data: ${json.slice(half)}`] : [`data: ${json}`];
            return [...(comment ? [": still here"] : []), ...(named ? [`event: ${type}`] : []), ...data, "", ""].join(
              eol,
            );
          })
          .join("");
        const events = read(cut(bytes.encode(stream), sizes));
        expect(events.map(({ type, json }) => ({ type, json: json.replace("\n", "") }))).toEqual(expected);
      },
    ),
    { numRuns: 300 },
  );
});

test("raw bytes of all events together are the stream, byte for byte", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      (frames, sizes) => {
        const stream = frames
          .map(
            ({ type, text, comment }) =>
              `${comment ? ": ping\n\n" : ""}event: ${type}\ndata: ${JSON.stringify({ type, text })}\n\n`,
          )
          .join("");
        const reader = new SseReader();
        const raw = cut(bytes.encode(stream), sizes).flatMap((chunk) =>
          reader.push(chunk).map((event) => event.raw.slice()),
        );
        expect(Buffer.concat(raw).toString()).toBe(stream);
      },
    ),
    { numRuns: 200 },
  );
});

test("a frame handed out keeps its bytes when later chunks arrive", () => {
  const reader = new SseReader();
  reader.push(bytes.encode('event: response.created\ndata: {"type":"respo'));
  const [first] = reader.push(bytes.encode('nse.created"}\n\nevent: a\ndata: {"ty'));
  reader.push(bytes.encode('pe":"a"}\n\nevent: b\nda'));
  expect(first?.data).toEqual({ type: "response.created" });
});

test("an event without its own limit of bytes does not fill the memory", () => {
  const reader = new SseReader(1024);
  const feed = () => {
    for (let sent = 0; sent < 10; sent++) reader.push(bytes.encode("data: ".padEnd(200, "x")));
  };
  expect(feed).toThrow("more than 1024 bytes");
});

test("a megabyte fed byte by byte stays linear", () => {
  const reader = new SseReader();
  const whole = bytes.encode(`data: ${JSON.stringify({ type: "t", text: "x".repeat(1_000_000) })}\n\n`);
  let events = 0;
  for (let at = 0; at < whole.length; at++) events += reader.push(whole.subarray(at, at + 1)).length;
  expect(events).toBe(1);
});

test("a type is found without `event:`, and a wrong order of fields does not hide it", () => {
  expect(read([bytes.encode('data: {"sequence_number":1,"type":"response.created"}\n\n')])[0]?.type).toBe(
    "response.created",
  );
  expect(read([bytes.encode('data: {"type":"x"}\nevent: response.created\n\n')])[0]?.type).toBe("response.created");
  expect(read([bytes.encode('\ufeffdata:{"type":"x"}\n\n')])[0]?.type).toBe("x");
  expect(read([bytes.encode("data: [DONE]\n\n")])[0]?.type).toBe("[DONE]");
});

test("a last event without its closing blank line is still heard, half of one is not", () => {
  expect(read([bytes.encode('event: a\ndata: {"type":"a"}')])).toHaveLength(1);
  expect(read([bytes.encode('event: a\ndata: {"type":')])).toHaveLength(0);
});

test("events of ours come back as they were made", () => {
  const event = Event.of({ type: "response.failed", text: "ä\n\u2028" });
  const [again] = new SseReader().push(event.raw);
  expect(again?.data).toEqual({ type: "response.failed", text: "ä\n\u2028" });
});
