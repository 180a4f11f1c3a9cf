// Proves that what lies in the working directory of a server cannot change or run anything in it.
import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codexd, startGateway, temporary } from "../binary.ts";

test("a stray bunfig.toml, .env, package.json or tsconfig.json is not obeyed", async () => {
  const cwd = temporary();
  const ran = join(cwd, "ran");
  writeFileSync(join(cwd, "preload.ts"), `require("node:fs").writeFileSync(${JSON.stringify(ran)}, "");`);
  writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./preload.ts"]\n[run]\npreload = ["./preload.ts"]\n');
  writeFileSync(join(cwd, ".env"), `CODEXD_DATA=${join(cwd, "elsewhere")}\nCODEXD_KEYS=from-a-stray-file\n`);
  writeFileSync(join(cwd, "package.json"), '{ "name": "codexd", "imports": { "#x": "./preload.ts" } }');
  writeFileSync(join(cwd, "tsconfig.json"), '{ "compilerOptions": { "paths": { "*": ["./preload.ts"] } } }');

  await using gateway = await startGateway({ cwd });
  expect((await fetch(`${gateway.base}/v1/models`)).status).toBe(200); // with a key from .env it would be 401
  expect(await gateway.stop()).toBe(0);
  expect((await codexd(["version"], { cwd })).code).toBe(0);
  expect(existsSync(ran)).toBe(false);
  expect(existsSync(join(cwd, "elsewhere"))).toBe(false);
});

test("headers up to 32 KiB are read, longer ones are refused with 431", async () => {
  await using gateway = await startGateway();
  const status = async (bytes: number) =>
    (await fetch(`${gateway.url}/healthz`, { headers: { "x-long": "a".repeat(bytes) } })).status;
  expect(await status(30_000)).toBe(200);
  expect(await status(33_000)).toBe(431);
});
