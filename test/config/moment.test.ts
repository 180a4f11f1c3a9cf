// A question about another time than was meant gives a wrong answer without a word.
import { expect, test } from "bun:test";
import { parseMoment } from "../../src/config/moment.ts";

const NOW = Date.UTC(2026, 0, 31, 12);

test.each([
  ["24h", NOW - 86_400_000],
  ["7d", NOW - 7 * 86_400_000],
  ["0", NOW],
  ["2026-01-30", Date.UTC(2026, 0, 30)],
  ["2026-01-30T10:00", Date.UTC(2026, 0, 30, 10)],
  ["2026-01-30T10:00:30Z", Date.UTC(2026, 0, 30, 10, 0, 30)],
  ["2026-01-30T10:00:00+02:00", Date.UTC(2026, 0, 30, 8)],
])("%s", (text, time) => {
  expect(parseMoment(text, NOW)).toBe(time);
});

test.each(["", "yesterday", "2026-13-01", "30.01.2026", "2026-01-30T25:00Z", "-7d", "7"])("%j is no time", (text) => {
  expect(parseMoment(text, NOW)).toBeUndefined();
});
