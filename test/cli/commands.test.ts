// What the commands without a store print.
import { describe, expect, test } from "bun:test";
import { clients } from "../../src/cli/connect/index.ts";
import { UPSTREAM } from "../config/fixture.ts";
import { place } from "./fixture.ts";

const { run, write, cwd } = place();

test("version tells the build in a line and as JSON", async () => {
  expect((await run(["version"])).stdout).toMatch(/^codexd \d+\.\d+\.\d+ \(commit \w+, Bun \d+\.\d+\.\d+\)\n$/);
  expect(JSON.parse((await run(["version", "--json"])).stdout)).toEqual({
    version: expect.any(String),
    commit: expect.any(String),
    bun: Bun.version,
  });
});

test("config check says ok and warns, show masks, schema is a schema", async () => {
  write("codexd.yaml", `${UPSTREAM}plugins: [{ auth: { keys: [{ id: ci, key: a-secret-key }] } }]\n`);
  expect(await run(["config"])).toEqual({
    code: 0,
    stdout: `${cwd}/codexd.yaml: ok\n`,
    stderr: "codexd: warning: plugins: without translate no dialect is spoken, and the server does not start\n",
  });
  const shown = await run(["config", "show"]);
  expect(shown.stdout).not.toContain("a-secret-key");
  const values = Bun.YAML.parse(shown.stdout);
  expect(values).toMatchObject({ server: { port: 8787 }, limits: { idle: "300s", body: "32MiB" } });
  expect(JSON.parse((await run(["config", "show", "--json"])).stdout)).toEqual(values);
  expect(JSON.parse((await run(["config", "schema"])).stdout)).toMatchObject({
    type: "object",
    properties: { server: {} },
  });
});

test("what is to be served with --sandbox can be checked and shown so", async () => {
  const bare = place();
  expect(await bare.run(["config", "check", "--sandbox"])).toEqual({ code: 0, stdout: "no file: ok\n", stderr: "" });
  const shown = await bare.run(["config", "show", "--sandbox"]);
  expect(Bun.YAML.parse(shown.stdout)).toMatchObject({ file: null, upstreams: {}, environment: { sandbox: true } });
});

test("models lists what the sandbox serves", async () => {
  const { code, stdout } = await run(["models", "--sandbox", "--json"]);
  expect(code).toBe(0);
  const { models } = JSON.parse(stdout) as { models: { slug: string; efforts: string[] }[] };
  expect(models.find(({ slug }) => slug === "gpt-5.1-codex-max")?.efforts).toEqual(["low", "medium", "high", "xhigh"]);
  expect((await run(["models", "--sandbox"])).stdout).toMatch(/^model +efforts .*\n[^\n]+\n/);
});

test("openapi writes the document without a server", async () => {
  const { code, stdout } = await run(["openapi"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ openapi: expect.stringMatching(/^3\./), paths: expect.any(Object) });
  expect(await run(["openapi", "--out", "api.json"])).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(await Bun.file(`${cwd}/api.json`).text()).toBe(stdout);
});

describe("connect prints settings with the given address, key and model", () => {
  test.each(clients.map(({ name }) => name))("%s", async (name) => {
    const args = [
      "connect",
      name,
      "--url",
      "http://gate.example:9000/codex/",
      "--key",
      "cdx_k'ey",
      "--model",
      "gpt-5.1-codex",
    ];
    const plain = await run(args);
    expect([plain.code, plain.stderr]).toEqual([0, ""]);
    const { blocks } = JSON.parse((await run([...args, "--json"])).stdout) as {
      blocks: { file?: string; text: string }[];
    };
    const all = blocks.map(({ text }) => text).join("\n");
    expect(all).toContain("http://gate.example:9000/codex");
    expect(all).not.toContain("codex//");
    expect(all).toMatch(/cdx_k('|'\\'')'?ey/);
    for (const { text, file } of blocks) {
      expect(plain.stdout).toContain(text);
      if (file?.endsWith(".toml")) expect(() => Bun.TOML.parse(text)).not.toThrow();
      if (file?.endsWith(".json")) expect(() => JSON.parse(text)).not.toThrow();
      if (file?.endsWith(".mjs")) expect(() => new Bun.Transpiler({ loader: "js" }).scan(text)).not.toThrow();
      if (!file) expect(Bun.spawnSync(["sh", "-n", "-c", text]).exitCode).toBe(0);
    }
  });
});
