// What is kept of answers is what the file says: modes, days, sizes, and a key that is never shown.

import { expect, test } from "bun:test";
import { presentConfig } from "../../src/config/present.ts";
import { fixture, UPSTREAM } from "./fixture.ts";

test("left out, only what a request asks to keep is kept, for thirty days, in one gibibyte", () => {
  expect(fixture(UPSTREAM).load().responses).toEqual({ store: "explicit", ttl: 30 * 86_400_000, maxBytes: 2 ** 30 });
});

test("what is set is taken, and shown as it was written, but for the key", () => {
  const text = `${UPSTREAM}responses: { store: off, ttl: 90d, maxBytes: 512MiB, key: "\${RESPONSES_KEY}" }\n`;
  const config = fixture(text, { RESPONSES_KEY: "a-key-that-is-long-enough" }).load();
  expect(config.responses).toEqual({
    store: "off",
    ttl: 90 * 86_400_000,
    maxBytes: 512 * 2 ** 20,
    key: "a-key-that-is-long-enough",
  });
  const shown = presentConfig(config);
  expect(shown.responses).toEqual({ store: "off", ttl: "90d", maxBytes: "512MiB", key: "********" });
  expect(JSON.stringify(shown)).not.toContain("a-key-that-is");
});

test.each([
  ["store: sometimes", "responses.store", "explicit, off or all"],
  ["ttl: 30", "responses.ttl", "a duration"],
  ["ttl: 0", "responses.ttl", "more than 0"],
  ["maxBytes: 12B", "responses.maxBytes", "1KiB at least"],
  ["key: short", "responses.key", "16 characters"],
  ["days: 30", "responses.days", "Legal: store, ttl, maxBytes, key"],
])("%s is refused, and what is legal is told", (setting, path, legal) => {
  const problems = fixture(`${UPSTREAM}responses: { ${setting} }\n`).problems();
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`codexd.yaml: ${path}: `);
  expect(problems[0]).toContain(legal);
  expect(problems[0]).not.toContain("short;");
});
