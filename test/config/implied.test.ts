// A login in the data directory says enough to serve, and only where nothing else names an upstream.
import { expect, test } from "bun:test";
import { loadConfig } from "../../src/config/load.ts";
import { temporary } from "../binary.ts";

test("a login alone implies the Codex backend; without one, and beside an upstream, nothing is implied", () => {
  const cwd = temporary();
  const around = { cwd, home: cwd, env: { CODEXD_DATA: `${cwd}/data` }, tty: false };
  const [upstream, ...others] = loadConfig({}, [], around, (data) => data === `${cwd}/data`).upstreams;
  expect(upstream).toMatchObject({ name: "codex", kind: "chatgpt", accounts: [] });
  expect(others).toEqual([]);
  expect(() => loadConfig({}, [], around, () => false)).toThrow("run `codexd login`");
  expect(loadConfig({ sandbox: true }, [], around, () => true).upstreams).toEqual([]);
});
