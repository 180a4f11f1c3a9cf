// `codexd config show` shows what is in effect, never a secret, and what it prints is a configuration again.
import { expect, test } from "bun:test";
import { presentConfig, warningsOf } from "../../src/config/present.ts";
import { fixture, UPSTREAM } from "./fixture.ts";

const FULL = `
server: { basePath: / }
limits: { idle: 90m, body: 10MB, hold: 0 }
upstreams:
  codex:
    kind: chatgpt
    accounts:
      - { name: fixed, accessToken: "\${TOKEN}", accountId: acc-1 }
      - { name: key, apiKey: secret-two }
      - { name: work, authFile: ~/.codex/auth.json }
  local: { kind: compatible, baseUrl: "http://user:secret-three@127.0.0.1:1/v1" }
models: { default: gpt-5.5, aliases: { fast: gpt-5.5-low } }
plugins: [{ auth: { keys: [{ id: ci, key: secret-four }] } }, model-effort, translate]
`;

test("no secret is shown, everything else is", () => {
  const { load } = fixture(FULL, { TOKEN: "secret-one", CODEXD_KEYS: "secret-five,secret-six" });
  const text = JSON.stringify(presentConfig(load()));
  expect(text).not.toContain("secret");
  for (const shown of ["acc-1", "ci", "auth.json", "fixed", "gpt-5.5-low"]) expect(text).toContain(shown);
});

test("what is shown loads again to the same values", () => {
  const made = fixture(FULL, { TOKEN: "secret-one" });
  const first = made.load();
  const { file: _file, environment: _environment, ...rest } = presentConfig(first);
  made.write("again.yaml", Bun.YAML.stringify(rest, null, 2));
  const second = made.load({ config: "again.yaml" });
  const unmasked = (config: typeof first) => ({
    ...config,
    file: "",
    upstreams: config.upstreams.map((up) => ({ ...up, baseUrl: "", accounts: [] })),
    plugins: [],
  });
  expect(unmasked(second)).toEqual(unmasked(first));
});

test("what is legal and probably not meant is warned of", () => {
  const { load } = fixture(`${UPSTREAM}plugins: [usage-log]`, { CODEXD_KEYS: "short" });
  expect(warningsOf(load())).toEqual([
    "plugins: without auth everybody on this machine is let in, and the server listens on loopback only",
    "plugins: without translate no dialect is spoken, and the server does not start",
    "CODEXD_KEYS: key 1 has only 5 characters; 16 are the least that is safe",
  ]);
  expect(warningsOf(fixture("upstreams: { a: { kind: openai } }").load())).toEqual([
    "upstreams.a: no account; every request to it will fail",
  ]);
  expect(warningsOf(fixture(FULL, { TOKEN: "t" }).load()).filter((line) => !line.startsWith("plugins"))).toEqual([]);
});
