// Durations and sizes mean what they say, and nothing is guessed.
import { expect, test } from "bun:test";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../src/config/quantity.ts";

test.each([
  ["10s", 10_000],
  ["500ms", 500],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["30d", 2_592_000_000],
  ["1.5s", 1500],
  [0, 0],
  ["0", 0],
  ["10", undefined],
  [10, undefined],
  ["s", undefined],
  ["10 s", undefined],
  ["-1s", undefined],
  ["1w", undefined],
  ["", undefined],
  [null, undefined],
])("duration %p", (written, expected) => {
  expect(parseDuration(written)).toBe(expected as number);
});

test.each([
  ["32MiB", 33_554_432],
  ["1GiB", 1_073_741_824],
  ["512KiB", 524_288],
  ["10MB", 10_000_000],
  ["1.5MiB", 1_572_864],
  ["100B", 100],
  [4096, 4096],
  ["4096", 4096],
  [1.5, undefined],
  [-1, undefined],
  ["32mb", undefined],
  ["MiB", undefined],
  ["", undefined],
])("size %p", (written, expected) => {
  expect(parseSize(written)).toBe(expected as number);
});

test("what is written back means the same", () => {
  for (const ms of [0, 1, 999, 1000, 15_000, 300_000, 5_400_000, 864_000_000])
    expect(parseDuration(formatDuration(ms))).toBe(ms);
  for (const bytes of [1, 1024, 10_000_000, 33_554_432, 2 ** 31]) expect(parseSize(formatSize(bytes))).toBe(bytes);
  expect(formatDuration(300_000)).toBe("300s");
  expect(formatSize(33_554_432)).toBe("32MiB");
});
