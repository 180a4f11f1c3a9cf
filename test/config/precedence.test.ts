// Which value wins, where the file is looked for, and what is enough to start with.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { findStore, type loadConfig } from "../../src/config/load.ts";
import { fixture, UPSTREAM } from "./fixture.ts";

test("flags win over the environment, the environment over the file, the file over defaults", () => {
  const file = `${UPSTREAM}server: { host: 127.0.0.2, port: 1000 }\ndata: in-file\n`;
  const env = { CODEXD_HOST: "127.0.0.3", CODEXD_PORT: "2000", CODEXD_DATA: "in-env" };
  const flags = { host: "127.0.0.4", port: 3000, data: "in-flag" };
  const seen = (config: ReturnType<typeof loadConfig>, cwd: string) => [
    config.server.host,
    config.server.port,
    config.data.replace(`${cwd}/`, ""),
  ];
  const bare = fixture(UPSTREAM);
  expect(seen(bare.load(), bare.cwd)).toEqual(["127.0.0.1", 8787, "codexd-data"]);
  const filed = fixture(file);
  expect(seen(filed.load(), filed.cwd)).toEqual(["127.0.0.2", 1000, "in-file"]);
  const set = fixture(file, env);
  expect(seen(set.load(), set.cwd)).toEqual(["127.0.0.3", 2000, "in-env"]);
  expect(seen(set.load(flags), set.cwd)).toEqual(["127.0.0.4", 3000, "in-flag"]);
});

test("an empty variable is as if it were not set", () => {
  const { load } = fixture(UPSTREAM, {
    CODEXD_HOST: "",
    CODEXD_PORT: "",
    CODEXD_DATA: "",
    CODEXD_CONFIG: "",
    CODEXD_LOG: "",
    CODEXD_KEYS: "",
  });
  expect(load()).toMatchObject({
    server: { host: "127.0.0.1", port: 8787 },
    keys: [],
    log: { level: "info", format: "json" },
  });
});

test("the file is found in the order of the manual", () => {
  const made = fixture();
  const at = (port: number) => `${UPSTREAM}server: { port: ${port} }\n`;
  const port = () => made.load({ sandbox: true }).server.port;
  const order = [
    () => made.write("home/.config/codexd/codexd.yaml", at(1)),
    () => {
      made.env.XDG_CONFIG_HOME = join(made.cwd, "xdg");
      return made.write("xdg/codexd/codexd.yaml", at(2));
    },
    () => made.write("codexd.yaml", at(3)),
    () => {
      made.env.CODEXD_CONFIG = "elsewhere.yaml";
      return made.write("elsewhere.yaml", at(4));
    },
  ];
  for (const [index, put] of order.entries()) {
    put();
    expect(port()).toBe(index + 1);
  }
  made.write("flag.yaml", at(5));
  expect(made.load({ config: "flag.yaml" })).toMatchObject({ file: join(made.cwd, "flag.yaml"), server: { port: 5 } });
});

test("relative paths in the file start where the file is, ~ at home", () => {
  const made = fixture();
  made.write(
    "etc/codexd.yaml",
    "data: state\nupstreams: { a: { kind: chatgpt, accounts: [{ authFile: ~/.codex/auth.json }, { authFile: auth.json }] } }",
  );
  const config = made.load({ config: "etc/codexd.yaml" });
  expect(config.data).toBe(join(made.cwd, "etc", "state"));
  expect(config.upstreams[0]?.accounts).toEqual([
    { name: "a", authFile: join(made.home, ".codex/auth.json") },
    { name: "a-2", authFile: join(made.cwd, "etc", "auth.json") },
  ]);
});

describe("what is enough to start with", () => {
  test("the sandbox flag", () => {
    expect(fixture().load({ sandbox: true })).toMatchObject({ sandbox: true, upstreams: [] });
  });

  test("an OpenAI key in the environment", () => {
    expect(
      fixture(undefined, { OPENAI_API_KEY: "sk-x", OPENAI_BASE_URL: "http://127.0.0.1:8787/codex/v1" }).load()
        .upstreams,
    ).toEqual([
      expect.objectContaining({
        name: "openai",
        kind: "openai",
        baseUrl: "https://api.openai.com/v1",
        accounts: [{ name: "env", apiKey: "sk-x" }],
      }),
    ]);
  });

  test("that key is not spent on the sandbox, nor beside configured upstreams", () => {
    const env = { OPENAI_API_KEY: "sk-x" };
    expect(fixture(undefined, env).load({ sandbox: true }).upstreams).toEqual([]);
    expect(
      fixture(UPSTREAM, env)
        .load()
        .upstreams.map(({ name }) => name),
    ).toEqual(["local"]);
  });

  test.each([{}, { OPENAI_API_KEY: "cdx_a-licence-of-ours" }])(
    "nothing, or a licence of ours (%j), says what to do",
    (env) => {
      const [line, ...more] = fixture(undefined, env).problems();
      expect(line).toContain(
        "start with --sandbox to try without an account, run `codexd login`, set OPENAI_API_KEY, or write `upstreams`",
      );
      expect(more).toEqual([]);
    },
  );

  test("a file without upstreams is named", () => {
    expect(fixture("strict: true").problems()[0]).toStartWith("codexd.yaml: upstreams: none;");
  });
});

test("what is wrong with the environment is told together", () => {
  const { problems } = fixture(UPSTREAM, { CODEXD_PORT: "70000", CODEXD_LOG: "loud", CODEXD_LOG_FORMAT: "xml" });
  expect(problems()).toEqual([
    'CODEXD_PORT: found "70000"; legal is a whole number from 0 to 65535',
    'CODEXD_LOG: found "loud"; legal is debug, info, warn, error',
    'CODEXD_LOG_FORMAT: found "xml"; legal is pretty, json',
  ]);
});

test("keys of the environment are a list with commas", () => {
  expect(fixture(UPSTREAM, { CODEXD_KEYS: " one-key , two-key,," }).load().keys).toEqual(["one-key", "two-key"]);
});

test("kinds give their defaults, and what the file says wins", () => {
  const { load } = fixture(`upstreams:
  codex: { kind: chatgpt }
  api: { kind: openai, wire: compact }
  local: { kind: compatible, baseUrl: http://127.0.0.1:11434/v1/, wire: chat, models: [qwen3, llama4] }
`);
  const [codex, api, local] = load().upstreams;
  expect(codex).toMatchObject({
    baseUrl: "https://chatgpt.com/backend-api/codex",
    wire: "responses",
    issuer: "https://auth.openai.com",
    chatgptUrl: "https://chatgpt.com/backend-api",
    accounts: [],
  });
  expect(codex?.instructions).not.toBe("");
  expect(api).toMatchObject({ baseUrl: "https://api.openai.com/v1", wire: "compact" });
  expect(local).toMatchObject({ baseUrl: "http://127.0.0.1:11434/v1", wire: "chat", models: ["qwen3", "llama4"] });
});

test("a command that needs only the data directory is not stopped by the rest of the file", () => {
  const made = fixture(
    "data: here\nstrict: maybe\nupstreams: { a: { kind: openai, accounts: [{ apiKey: '${NOT_SET_HERE}' }] } }\n",
  );
  expect(findStore({}, { ...made }).data).toBe(join(made.cwd, "here"));
  expect(findStore({ data: "there" }, { ...made }).data).toBe(join(made.cwd, "there"));
  expect(() => findStore({}, { ...fixture("data: 5") })).toThrow("data: found 5; legal is a path");
});
