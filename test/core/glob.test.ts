// A pattern that fits too much or too little, or takes for ever on a long text.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { matchesGlob } from "../../src/core/glob.ts";

test("it fits what the same regular expression fits", () => {
  const letters = fc.stringMatching(/^[ab.*\n]{0,10}$/);
  fc.assert(
    fc.property(fc.stringMatching(/^[ab.*]{0,8}$/), letters, (pattern, text) => {
      const same = new RegExp(`^${pattern.split("*").map(RegExp.escape).join(".*")}$`, "s");
      expect(matchesGlob(pattern, text)).toBe(same.test(text));
    }),
    { numRuns: 5000 },
  );
});

test("the ends may not overlap", () => {
  expect([matchesGlob("ab*ba", "aba"), matchesGlob("ab*ba", "abba"), matchesGlob("*", "")]).toEqual([
    false,
    true,
    true,
  ]);
});

test("a long text that almost fits costs one walk", () => {
  const text = "a".repeat(2_000_000);
  const began = performance.now();
  expect(matchesGlob("*a*a*a*a*b*", text)).toBe(false);
  expect(performance.now() - began).toBeLessThan(1000);
});
