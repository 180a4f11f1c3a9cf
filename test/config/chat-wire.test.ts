// What a Chat provider does about reasoning is configured on its upstream, and nowhere else.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, loadConfig } from "../../src/config/load.ts";

function load(upstream: object) {
  const folder = mkdtempSync(join(tmpdir(), "codexd-config-"));
  const file = join(folder, "codexd.yaml");
  writeFileSync(
    file,
    JSON.stringify({ upstreams: { local: { kind: "compatible", baseUrl: "http://127.0.0.1:1/v1", ...upstream } } }),
  );
  try {
    return loadConfig({ config: file });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("reasoningField and think reach the upstream", () => {
  const config = load({ wire: "chat", chat: { reasoningField: "reasoning_content", think: true } });
  expect(config.upstreams[0]?.chat).toEqual({ reasoningField: "reasoning_content", think: true });
});

test("they are refused on another wire, and by their values", () => {
  expect(() => load({ chat: { think: true } })).toThrow(ConfigError);
  expect(() => load({ wire: "chat", chat: { reasoningField: "thoughts" } })).toThrow(/reasoning_content/);
});
