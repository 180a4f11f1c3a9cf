// Where traces go and how long receipts are kept: off and long unless somebody says so, and no header of a collector is shown.

import { expect, test } from "bun:test";
import { presentConfig } from "../../src/config/present.ts";
import { fixture, UPSTREAM } from "./fixture.ts";

test("left out, nothing is exported, and receipts are kept for ninety days", () => {
  const config = fixture(UPSTREAM).load();
  expect(config.telemetry).toBeUndefined();
  expect(config.receipts).toEqual({ keep: 90 * 86_400_000 });
});

test("what is set is taken, and shown without its secrets", () => {
  const text = `${UPSTREAM}receipts: { keep: 0 }\ntelemetry: { otlp: "http://u:pass-word@host:4318", headers: { authorization: "\${AUTH}" } }\n`;
  const config = fixture(text, { AUTH: "Bearer of-news" }).load();
  expect(config.receipts.keep).toBe(0);
  expect(config.telemetry).toEqual({
    otlp: "http://u:pass-word@host:4318",
    headers: { authorization: "Bearer of-news" },
    service: "codexd",
  });
  const shown = JSON.stringify(presentConfig(config));
  expect(shown).toContain('"headers":{"authorization":"********"}');
  expect(shown).not.toContain("of-news");
  expect(shown).not.toContain("pass-word");
});

test.each([
  ["telemetry: { service: x }", "telemetry.otlp"],
  ["telemetry: { otlp: grpc://x }", "telemetry.otlp"],
  ["telemetry: { otlp: 'http://x', headers: { 'a b': c } }", "telemetry.headers"],
  ["receipts: { keep: 90 }", "receipts.keep"],
])("%s is refused where it is wrong", (text, place) => {
  expect(fixture(`${UPSTREAM}${text}\n`).problems().join()).toContain(place);
});
