// Secrets and deployment values come in from outside, and nothing else does.
import { describe, expect, test } from "bun:test";
import { fixture } from "./fixture.ts";

const keyOf = (value: string, env: Record<string, string> = {}) => {
  const made = fixture(`upstreams: { a: { kind: openai, accounts: [{ apiKey: '${value}' }] } }`, env);
  made.write("secret", "from-file\n");
  return made;
};

describe("a value is filled from the environment or a file", () => {
  test.each([
    ["${TOKEN}", "t1"],
    ["Bearer ${TOKEN}!", "Bearer t1!"],
    ["${TOKEN}${TOKEN}", "t1t1"],
    ["${NONE:-fallback}", "fallback"],
    ["${EMPTY:-fallback}", "fallback"],
    ["${NONE:-}x", "x"],
    ["${NONE:-a:-b}", "a:-b"],
    ["${file:secret}", "from-file"],
    ["<${file:./secret}>", "<from-file>"],
    ["$${TOKEN}", "${TOKEN}"],
    ["$TOKEN", "$TOKEN"],
    ["$${A}-${TOKEN}", "${A}-t1"],
    ["${SNEAKY}", "${TOKEN}"],
  ])("%s → %s", (written, expected) => {
    const { load } = keyOf(written, { TOKEN: "t1", EMPTY: "", SNEAKY: "${TOKEN}" });
    expect(load().upstreams[0]?.accounts).toEqual([{ name: "a", apiKey: expected }]);
  });
});

describe("a value that cannot be filled says which", () => {
  test.each([
    ["${NONE}", "the environment variable NONE is not set; set it, or give a default: ${NONE:-…}"],
    ["${file:gone}", "cannot read ${file:gone}: ENOENT"],
    ["${A B}", "found ${A B}; legal is ${NAME}, ${NAME:-default} or ${file:/path}"],
    ["${TOKEN", 'found "${TOKEN" without its closing }; a literal ${ is written $${'],
    ["${EMPTY}", "found ${EMPTY} (0 characters); legal is text that is not empty (numbers in quotes)"],
  ])("%s", (written, expected) => {
    expect(keyOf(written, { EMPTY: "" }).problems()).toEqual([
      `codexd.yaml: upstreams.a.accounts[0].apiKey: ${expected}`,
    ]);
  });
});

test("a filled value takes the type that its place has", () => {
  const { load } = fixture(
    `server: { port: "\${P}", watch: "\${W}" }
limits: { idle: "\${I}", body: "\${B:-2MiB}", retries: "\${R}", hold: "\${H}" }
strict: "\${S:-true}"
plugins: [{ auth: { keys: [{ id: a, key: "\${K}", admin: "\${ADMIN}" }] } }, { compact: { at: "\${AT}" } }]
`,
    { P: "9000", W: "false", I: "2m", R: "0", H: "0", K: "12345678", ADMIN: "true", AT: "0.5" },
  );
  const config = load({ sandbox: true });
  expect(config.server).toEqual({ host: "127.0.0.1", port: 9000, basePath: "/codex", watch: false, workers: 1 });
  expect(config.limits).toMatchObject({ idle: 120_000, body: 2 * 1024 * 1024, retries: 0, hold: 0 });
  expect(config.strict).toBe(true);
  expect(config.plugins).toEqual([
    { name: "auth", options: { keys: [{ id: "a", key: "12345678", admin: true }] } },
    { name: "compact", options: { at: 0.5 } },
  ]);
});

test("a password inside an address is not shown when the address does not fit", () => {
  const { problems } = fixture(
    "store: mysql://me:leaked@host\nupstreams: { a: { kind: openai, baseUrl: 'ftp://me:leaked@host' } }",
  );
  expect(problems()).toEqual([
    'codexd.yaml: store: found the text "mysql://…@host"; legal is text such as sqlite, postgres://user:password@host/database',
    expect.stringContaining('upstreams.a.baseUrl: found the text "ftp://…@host"'),
  ]);
});

test("what was filled in is not shown when it does not fit", () => {
  const made = fixture(
    'upstreams: { a: { kind: openai, baseUrl: "${URL}", accounts: [{ name: "${NAME}", apiKey: k }] } }',
    {
      URL: "leaked-secret-one",
      NAME: "leaked secret two",
    },
  );
  expect(made.problems().join("\n")).not.toContain("leaked");
});
