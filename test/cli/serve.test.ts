// `serve` and `sandbox` as a person starts them: the line that says where, curl lines that work, a clean end.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { place, printed } from "./fixture.ts";

test("serve says where it listens, its curl lines work when pasted, SIGTERM ends it with 0", async () => {
  const { start } = place();
  const server = start(["serve", "--sandbox", "--port", "0"]);
  const text = await printed(server.stdout, /v1\/models\n/);
  expect(text).toMatch(/^codexd listening on http:\/\/127\.0\.0\.1:\d+\/codex\n/);
  const lines = text.split("\n").filter((line) => line.startsWith("  curl "));
  expect(lines.length).toBe(3);
  const answers = lines.map((line) => Bun.spawnSync(["sh", "-c", `${line} -sS --max-time 10`]).stdout.toString());
  expect(answers[0]).toContain("event: response.completed");
  expect(JSON.parse(answers[1] ?? "")).toMatchObject({ object: "chat.completion" });
  expect(JSON.parse(answers[2] ?? "")).toMatchObject({ object: "list" });
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});

test.skipIf(process.platform !== "linux")(
  "the fetch cap is lifted before anything runs, in the same process (on Linux: its environment is read from /proc)",
  async () => {
    const { start } = place();
    const server = start(["serve", "--sandbox", "--port", "0"]);
    await printed(server.stdout, /listening/);
    const environment = readFileSync(`/proc/${server.pid}/environ`, "utf8").split("\0");
    expect(environment).toContain("BUN_CONFIG_MAX_HTTP_REQUESTS=65535");
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  },
);

test("with a licence the curl lines carry it", async () => {
  const { start } = place();
  const key = "a-key-for-the-container";
  const server = start(["serve", "--sandbox", "--port=0"], { CODEXD_KEYS: key });
  const text = await printed(server.stdout, /v1\/models.*\n/);
  const line = text.split("\n").findLast((each) => each.startsWith("  curl ")) ?? "";
  const ask = (CODEXD_KEY: string) =>
    JSON.parse(
      Bun.spawnSync(["sh", "-c", `${line} -sS --max-time 10`], {
        env: { PATH: process.env.PATH ?? "", CODEXD_KEY },
      }).stdout.toString(),
    );
  expect(ask(key)).toMatchObject({ object: "list" });
  expect(ask("something-else")).toMatchObject({ error: { code: "invalid_api_key" } });
  server.kill("SIGTERM");
  await server.exited;
});

test("a port that is taken is one line and 1", async () => {
  const { start, run } = place();
  const first = start(["serve", "--sandbox", "--port", "0"]);
  const port = /:(\d+)\//.exec(await printed(first.stdout, /listening on \S+\n/))?.[1] ?? "";
  const second = await run(["serve", "--sandbox", "--port", port]);
  expect([second.code, second.stdout]).toEqual([1, ""]);
  expect(second.stderr).toMatch(/^codexd: .*port.*\n$/i);
  first.kill("SIGTERM");
  await first.exited;
});

test("a non-loopback host without a licence is refused at start", async () => {
  const { run } = place();
  const { code, stdout, stderr } = await run(["serve", "--sandbox", "--port", "0", "--host", "0.0.0.0"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^codexd: refusing to listen on 0\.0\.0\.0 without a licence[^\n]*\n$/);
});

test("sandbox runs alone, in either wire", async () => {
  const { start } = place();
  for (const [wire, path, body] of [
    ["responses", "/responses", { model: "gpt-5.5", input: "hello", stream: false }],
    ["chat", "/chat/completions", { model: "gpt-5.5", messages: [{ role: "user", content: "hello" }] }],
  ] as const) {
    const sandbox = start(["sandbox", "--port", "0", "--wire", wire]);
    const base = /listening on (\S+)\n/.exec(await printed(sandbox.stdout, /listening on \S+\n/))?.[1];
    const answer = await fetch(`${base}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-sandbox" },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("hello");
    sandbox.kill("SIGTERM");
    expect(await sandbox.exited).toBe(0);
  }
});
