// A bad file never half works: every problem is told at once, with its place, what was found and what is legal.
import { describe, expect, test } from "bun:test";
import { fixture, UPSTREAM } from "./fixture.ts";

test("everything that is wrong is told in one go", () => {
  const { problems } = fixture(
    `
server: { prot: 1, port: "\${PORT}", host: 5, basePath: codex, watch: "yes" }
limts: {}
limits: { body: 32, idle: 5x, hold: 0, connect: 0, retries: 3, streams: "5" }
strict: sometimes
reasoning: loud
models: { aliases: { a: 5 }, defualt: x }
counters: memcached
upstreams:
  sandbox: { kind: openai }
  a:
    kind: chatgpt
    accounts:
      - { name: x, authFile: ~/a.json }
      - { name: x, apiKey: k }
      - { apiKey: 5, accessToken: t }
      - { authFile: a, accountId: q }
      - { accountid: q }
      - {}
  b:
  1b: { kind: openai }
  c: { kind: opnai, baseUrl: ftp://x }
  d: { kind: compatible, models: [4] }
plugins: [auth, atuh, auth, {a: 1, b: 2}, 7]
`,
    { PORT: "99x" },
  );
  expect(problems()).toEqual([
    'codexd.yaml: limts: unknown key "limts"; did you mean limits? Legal: server, limits, strict, reasoning, responses, receipts, telemetry, data, store, counters, quotas, prices, upstreams, models, plugins',
    'codexd.yaml: server.prot: unknown key "prot"; did you mean port? Legal: host, port, basePath, watch, workers',
    "codexd.yaml: server.host: found 5; legal is text that is not empty (numbers in quotes)",
    'codexd.yaml: server.port: found ${PORT} = "99x"; legal is a whole number from 0 to 65535',
    'codexd.yaml: server.basePath: found the text "codex"; legal is text such as /codex',
    'codexd.yaml: server.watch: found the text "yes"; legal is true or false',
    'codexd.yaml: limits.streams: found the text "5"; legal is a whole number from 1 to 65535',
    "codexd.yaml: limits.body: found 32; legal is a size such as 512KiB, 32MiB, 1GiB (1KiB at least)",
    "codexd.yaml: limits.connect: found 0; legal is a duration such as 500ms, 10s, 5m (more than 0)",
    'codexd.yaml: limits.idle: found the text "5x"; legal is a duration such as 500ms, 10s, 5m (more than 0)',
    "codexd.yaml: limits.retries: found 3; legal is a whole number from 0 to 2",
    'codexd.yaml: strict: found the text "sometimes"; legal is true or false',
    'codexd.yaml: reasoning: found the text "loud"; legal is both, reasoning_content, reasoning, think or none',
    'codexd.yaml: counters: found the text "memcached"; legal is text such as memory, redis://host:6379',
    "codexd.yaml: upstreams.a.accounts[2].apiKey: found a number (not shown); legal is text that is not empty (numbers in quotes)",
    'codexd.yaml: upstreams.a.accounts[4].accountid: unknown key "accountid"; did you mean accountId? Legal: name, authFile, refresh, accessToken, accountId, apiKey, priority, weight',
    "codexd.yaml: upstreams.b.kind: missing; legal is chatgpt, openai or compatible",
    'codexd.yaml: upstreams["1b"]: found the name "1b"; legal are letters, digits, - and _, a letter first',
    'codexd.yaml: upstreams.c.kind: found the text "opnai"; legal is chatgpt, openai or compatible',
    'codexd.yaml: upstreams.c.baseUrl: found the text "ftp://x"; legal is an address such as https://host/path, without query',
    "codexd.yaml: upstreams.d.models[0]: found 4; legal is text that is not empty (numbers in quotes)",
    'codexd.yaml: models.defualt: unknown key "defualt"; did you mean default? Legal: default, aliases',
    "codexd.yaml: models.aliases.a: found 5; legal is text that is not empty (numbers in quotes)",
    "codexd.yaml: upstreams.sandbox: the name sandbox belongs to the embedded upstream; legal is any other",
    "codexd.yaml: upstreams.a.accounts[1].name: found x, which is the name of upstreams.a.accounts[0] already; legal is a name of its own",
    "codexd.yaml: upstreams.a.accounts[3].accountId: found without accessToken; legal only beside it",
    "codexd.yaml: upstreams.a.accounts[5]: found no credential; legal is exactly one of authFile, accessToken, apiKey",
    "codexd.yaml: upstreams.d.baseUrl: missing; kind compatible has no default, legal is an address such as http://127.0.0.1:11434/v1",
    'codexd.yaml: plugins[1]: unknown plugin "atuh"; did you mean auth? Legal: auth, model-effort, translate, usage-log, compact, rules, or a path such as ./atuh.ts',
    "codexd.yaml: plugins[2]: found auth a second time; legal is once",
    "codexd.yaml: plugins[3]: found several names in one entry (a, b); legal is `- auth`, `- auth: { keys: […] }` or `- ./policy.ts: { … }`",
    "codexd.yaml: plugins[4]: found neither a name nor one name with its options; legal is `- auth`, `- auth: { keys: […] }` or `- ./policy.ts: { … }`",
  ]);
});

describe("options of plugins are checked like the rest of the file", () => {
  test.each([
    ["{ auth: { kyes: [] } }", 'plugins[0].auth.kyes: unknown key "kyes"; did you mean keys? Legal: keys'],
    [
      "{ auth: { keys: [{ id: a, key: short }] } }",
      "plugins[0].auth.keys[0].key: found a text (not shown); legal is text of 8 characters or more",
    ],
    ["{ auth: { keys: [{ id: a }] } }", "plugins[0].auth.keys[0].key: missing; legal is text of 8 characters or more"],
    ["{ auth: 5 }", "plugins[0].auth: found 5; legal is a mapping of names to values"],
    [
      "{ auth: { keys: [{ id: a, key: 12345678, reasoning: loud }] } }",
      "plugins[0].auth.keys[0].key: found a number (not shown); legal is text of 8 characters or more",
      'plugins[0].auth.keys[0].reasoning: found the text "loud"; legal is both, reasoning_content, reasoning, think or none',
    ],
    ["{ compact: { at: 2 } }", "plugins[0].compact.at: found 2; legal is a number from 0.1 to 1"],
    ["{ translate: { x: 1 } }", "plugins[0].translate: found options; this plugin takes none"],
  ])("%s", (entry, ...lines) => {
    expect(fixture(`${UPSTREAM}plugins: [${entry}]`).problems()).toEqual(lines.map((line) => `codexd.yaml: ${line}`));
  });
});

describe("a file that is not a configuration at all", () => {
  test("broken YAML tells the line", () => {
    expect(fixture("server:\n  port: 1\nlimits: { idle: 5s\nstrict: true\n").problems()).toEqual([
      "codexd.yaml: not valid YAML near line 3: unexpected token",
    ]);
  });

  test("a placeholder that YAML takes for a mapping is explained", () => {
    expect(fixture("strict: true\nserver: { port: ${PORT} }\n").problems()).toEqual([
      "codexd.yaml: not valid YAML near line 2: unexpected token; inside { } and [ ] quote values with ${…}",
    ]);
  });

  test("a list", () => {
    expect(fixture("- server\n").problems()[0]).toBe(
      "codexd.yaml: found a list; legal is a mapping of names to values",
    );
  });

  test("a name that nothing is under", () => {
    expect(fixture().problems({ config: "nowhere.yaml" })).toEqual(["nowhere.yaml: cannot be read: no such file"]);
  });

  test("a folder", () => {
    expect(fixture().problems({ config: "." })[0]).toMatch(/: cannot be read: EISDIR$/);
  });
});

test("keys with nothing under them are as if left out", () => {
  const { load } = fixture(`${UPSTREAM}server:\nlimits:\nplugins:\nmodels:\n`);
  expect(load().server.port).toBe(8787);
  expect(load().plugins.map(({ name }) => name)).toEqual(["auth", "model-effort", "translate", "usage-log", "compact"]);
});

test("keys that JavaScript knows are unknown keys", () => {
  expect(fixture(`${UPSTREAM}constructor: 1\nserver: { toString: 1 }\n`).problems()).toEqual([
    expect.stringContaining('constructor: unknown key "constructor"'),
    expect.stringContaining('server.toString: unknown key "toString"'),
  ]);
});

test("refresh is legal only beside a login file", () => {
  const { problems } = fixture(
    "upstreams: { a: { kind: chatgpt, accounts: [{ accessToken: t, refresh: true }, { authFile: a.json, refresh: true }] } }",
  );
  expect(problems()).toEqual([
    "codexd.yaml: upstreams.a.accounts[0].refresh: found without authFile; legal only beside it",
  ]);
});
