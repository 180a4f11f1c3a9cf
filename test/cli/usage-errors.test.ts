// Exit codes and messages: 0 success, 1 failure, 2 wrong usage; one line that starts with `codexd:`.
import { describe, expect, test } from "bun:test";
import { place } from "./fixture.ts";

const { run, cwd, write } = place();

describe("wrong usage is 2, with one line", () => {
  test.each([
    [["nope"], /unknown command 'nope'/],
    [["log"], /unknown command 'log'/],
    [["store", "copy"], /required option '--to <address>' not specified/],
    [["store", "copy", "--to", "redis://host"], /an address such as postgres:/],
    [["store", "mend"], /unknown command|too many arguments/],
    [["plugins", "check"], /missing required argument 'file'/],
    [["plugins", "new", "Not A Name"], /lower-case letters, digits and -/],
    [["plugins", "list", "--url", "nowhere"], /an address such as/],
    [["plugins", "test", "a.ts", "--options", "{"], /It is no YAML/],
    [["serve", "--prot", "1"], /unknown option '--prot' \(Did you mean --port\?\)/],
    [["serve", "--port", "99999"], /whole number from 0 to 65535/],
    [["serve", "--port", "1e3"], /whole number from 0 to 65535/],
    [["serve", "--config"], /argument missing/],
    [["serve", "extra"], /too many arguments/],
    [["sandbox", "--wire", "smoke"], /Allowed choices are responses, chat/],
    [["keys", "create", "a", "b"], /too many arguments/],
    [["keys", "create", "--dialects", "chat,klingon"], /"klingon" is none of chat, responses, messages, gemini/],
    [["keys", "create", "--effort", "heroic"], /Allowed choices are none, minimal, low, medium, high, xhigh, max/],
    [["keys", "create", "a b"], /letters, digits/],
    [["keys", "revoke"], /missing required argument 'id'/],
    [["usage", "--since", "yesterday"], /a duration such as 24h or 7d/],
    [["usage", "--by", "mood"], /none of model, licence, session, account, .*dialect, .*day/],
    [["usage", "--csv", "--json"], /cannot be used with option '--json'/],
    [["login", "--device", "--import", "auth.json"], /cannot be used with option/],
    [["login", "--name", "a b"], /letters, digits/],
    [["logout"], /missing required argument 'name'/],
    [["accounts", "pause"], /missing required argument 'name'/],
    [["connect"], /missing required argument 'client'/],
    [["connect", "telnet"], /Allowed choices are claude-code, codex, gemini-cli/],
    [["doctor", "extra"], /too many arguments/],
    [["connect", "curl", "--url", "nowhere"], /an address such as/],
  ])("codexd %j", async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^codexd: [^\n]+\n$/);
    expect(stderr).toMatch(message);
  });

  test("no command at all shows the help", async () => {
    const { code, stderr } = await run([]);
    expect(code).toBe(2);
    expect(stderr).toContain("Usage: codexd");
  });
});

describe("a failure is 1, with one line", () => {
  test.each([
    [["serve", "--config", "gone.yaml"], `codexd: ${cwd}/gone.yaml: cannot be read: no such file\n`],
    [["config", "check", "--config", "gone.yaml"], `codexd: ${cwd}/gone.yaml: cannot be read: no such file\n`],
    [
      ["keys", "list"],
      `codexd: there is no store in ${cwd}/data yet; --data or $CODEXD_DATA names the directory of the server\n`,
    ],
    [
      ["usage"],
      `codexd: there is no store in ${cwd}/data yet; --data or $CODEXD_DATA names the directory of the server\n`,
    ],
  ])("codexd %j", async (args, line) => {
    expect(await run(args)).toEqual({ code: 1, stdout: "", stderr: line });
  });

  test("a bad configuration tells everything, one line each", async () => {
    write("bad.yaml", "strict: 5\nlimits: { idle: 5 }\n");
    for (const args of [["serve"], ["config", "check"], ["config", "show"]]) {
      const { code, stdout, stderr } = await run([...args, "--config", "bad.yaml"]);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr.split("\n")).toEqual([
        expect.stringContaining("limits.idle: found 5"),
        expect.stringContaining("strict: found 5"),
        expect.stringContaining("upstreams: none"),
        "",
      ]);
    }
  });
});

test("--help is 0 on every command, and names what it takes", async () => {
  const commands = [
    "",
    "serve",
    "sandbox",
    "keys",
    "keys create",
    "keys revoke",
    "usage",
    "models",
    "config",
    "config show",
    "plugins",
    "plugins list",
    "plugins check",
    "plugins new",
    "plugins test",
    "openapi",
    "connect",
    "version",
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await run([...command.split(" ").filter(Boolean), "--help"]);
    expect([command, code, stderr]).toEqual([command, 0, ""]);
    expect(stdout).toStartWith(`Usage: codexd ${command}`.trimEnd());
  }
});
