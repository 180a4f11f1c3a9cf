// The order that plugins ask for: nobody is moved without a wish, nor further than it needs, and a circle is told by its names.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { orderOf, type Placed } from "../../src/config/order.ts";

/** `a`, `b<a` (before a), `c>a` (after a). */
function chain(text: string): Placed[] {
  return text.split(" ").map((entry) => {
    const [name = "", ...wishes] = entry.split(/(?=[<>])/);
    const named = (sign: string) => wishes.filter((wish) => wish[0] === sign).map((wish) => wish.slice(1));
    return { name, before: named("<"), after: named(">") };
  });
}

function ordered(text: string): string {
  const result = orderOf(chain(text));
  return "order" in result ? result.order.map(({ name }) => name).join(" ") : `circle: ${result.circle.join(" ")}`;
}

describe("the chain runs in the order", () => {
  test.each([
    ["a b c", "a b c"],
    ["a b c<a", "c a b"],
    ["a>c b c", "b c a"],
    ["a b c d<b", "a d b c"],
    ["a b>d c d", "a c d b"],
    ["a<nobody b>nobody", "a b"],
    ["a b c<a<b d<c", "d c a b"],
    ["a>b b>c c", "c b a"],
    ["a b<a c<a", "b c a"],
    ["a<a b>b", "a b"],
    ["a<b b<c c<a", "circle: a b c"],
    ["x a<b b<a y", "circle: a b"],
    ["a>b b>a", "circle: b a"],
  ])("%s → %s", (text, expected) => {
    const result = ordered(text);
    if (!expected.startsWith("circle")) expect(result).toBe(expected);
    else expect(rotated(result.slice(8).split(" "))).toEqual(rotated(expected.slice(8).split(" ")));
  });
});

/** A circle begins anywhere: from its least name on. */
function rotated(names: string[]): string[] {
  const at = names.indexOf(names.toSorted()[0] as string);
  return [...names.slice(at), ...names.slice(0, at)];
}

test("every wish comes true, whatever the wishes, unless they go in a circle", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const wish = fc.array(fc.constantFrom(...names), { maxLength: 2 });
  const entries = fc.array(fc.record({ before: wish, after: wish }), { minLength: 1, maxLength: names.length });
  fc.assert(
    fc.property(entries, (wishes) => {
      const placed = wishes.map((each, at) => ({ name: names[at] as string, ...each }));
      const result = orderOf(placed);
      if ("circle" in result) {
        const wants = (one: string, other: string) =>
          placed.some(({ name, before }) => name === one && before.includes(other)) ||
          placed.some(({ name, after }) => name === other && after.includes(one));
        for (const [at, one] of result.circle.entries())
          expect(wants(one, result.circle[(at + 1) % result.circle.length] as string)).toBe(true);
        return;
      }
      const order = result.order.map(({ name }) => name);
      expect(order.toSorted()).toEqual(placed.map(({ name }) => name));
      for (const { name, before, after } of result.order) {
        for (const other of before)
          if (other !== name && order.includes(other)) expect(order.indexOf(name)).toBeLessThan(order.indexOf(other));
        for (const other of after)
          if (other !== name && order.includes(other))
            expect(order.indexOf(name)).toBeGreaterThan(order.indexOf(other));
      }
    }),
  );
});
