// Numbers of a stream that stand still or go back where a plugin adds events, holds them back or sends them on later.

import { expect, test } from "bun:test";
import { Event } from "../../src/core/event.ts";
import { Numbering } from "../../src/server/plugins/numbering.ts";

const event = (sequence_number: number, delta = "x") =>
  Event.of({ type: "response.output_text.delta", sequence_number, delta });
const bare = Event.of({ type: "response.of_mine" });

/** Plays events 0, 1, 2 … of which a plugin makes these. */
function played(...made: (readonly Event[] | undefined)[]): unknown[] {
  const numbering = new Numbering();
  return made.flatMap((list, index) => {
    const own = event(index);
    return (numbering.place(own, list) ?? [own]).map(({ data }) => data.sequence_number);
  });
}

test("what nobody changed is passed on as it came", () => {
  const numbering = new Numbering();
  expect(numbering.place(event(0), undefined)).toBeUndefined();
  const same = event(1);
  expect(numbering.place(same, [same])?.[0]).toBe(same);
  expect(numbering.place(event(2), undefined)).toBeUndefined();
});

test("what is added pushes the rest back, once", () => {
  expect(played(undefined, [event(1), bare], undefined, undefined)).toEqual([0, 1, 2, 3, 4]);
});

test("what was held back is sent on with the number of its time", () => {
  expect(played([], undefined, [event(0), event(2)], undefined)).toEqual([1, 2, 3, 4]);
  expect(played([], [event(0)], undefined)).toEqual([1, 2]);
});

test("a gap that a dropped event leaves takes up what was added", () => {
  expect(played([event(0), bare], [], undefined)).toEqual([0, 1, 2]);
});

test("an event without a number, and one that is no JSON, are left alone", () => {
  const numbering = new Numbering();
  const broken = new Event("response.odd", new TextEncoder().encode("event: response.odd\ndata: {\n\n"));
  expect(numbering.place(event(0), [event(0), bare])).toHaveLength(2);
  expect(numbering.place(broken, undefined)).toBeUndefined();
  expect(numbering.place(bare, undefined)).toBeUndefined();
});
