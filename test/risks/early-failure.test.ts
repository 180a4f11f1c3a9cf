// A failure before the first content is a real status in the dialect's envelope, also when it hides inside a 200 stream.

import { expect, test } from "bun:test";
import { readAll, ring, typesOf } from "./ring.ts";

const CASES: [directive: string, status: number, code: string][] = [
  ["context_length_exceeded", 400, "context_length_exceeded"],
  ["server_is_overloaded", 503, "server_is_overloaded"],
  ["insufficient_quota", 429, "insufficient_quota"],
  ["rate_limit_exceeded", 429, "rate_limit_exceeded"],
  ["usage_limit_reached", 429, "usage_limit_reached"],
];

test.each(CASES)("%s is %i before and inside the stream, on both dialects", async (directive, status, code) => {
  await using it = await ring({ config: { limits: { retries: 0 } } });
  for (const when of ["before", "during"]) {
    for (const stream of [true, false]) {
      const responses = await it.ask(`FAIL ${directive} ${when}`, { stream });
      expect([when, stream, responses.status]).toEqual([when, stream, status]);
      expect(responses.headers.get("content-type")).toContain("application/json");
      expect(await responses.json()).toMatchObject({ error: { code } });
      const chat = await it.post("/v1/chat/completions", {
        model: "gpt-5.5",
        stream,
        messages: [{ role: "user", content: `FAIL ${directive} ${when}` }],
      });
      expect([when, stream, chat.status]).toEqual([when, stream, status]);
      expect(await chat.json()).toMatchObject({ error: { code } });
    }
  }
});

test("a failure after the first content is the dialect's own error in the stream", async () => {
  await using it = await ring();
  const { text } = await readAll(await it.ask("LONG 20\nFAIL server_is_overloaded during 3"));
  expect(typesOf(text).at(-1)).toBe("response.failed");
  expect(text).toContain("server_is_overloaded");
});

test("to a Codex client an overload inside the stream stays there: it would post a 503 many times over", async () => {
  await using it = await ring();
  const response = await it.ask("FAIL server_is_overloaded during", {}, { headers: { originator: "codex_exec" } });
  expect(response.status).toBe(200);
  expect(typesOf((await readAll(response)).text).at(-1)).toBe("response.failed");
});

test("a Codex client is told inside the stream of every 5xx, by a 400 of what only the operator can mend, and waits only when a header said so", async () => {
  await using it = await ring({ config: { limits: { retries: 0 } } });
  const codex = { headers: { originator: "codex_exec" } };
  for (const directive of ["FAIL server_error", "FAIL server_is_overloaded", "FAIL slow_down", "CUT 0", "DROP 0"]) {
    const response = await it.ask(directive, {}, codex);
    expect([directive, response.status]).toEqual([directive, 200]);
    expect(typesOf((await readAll(response)).text).at(-1)).toBe("response.failed");
    // A whole answer has no inside.
    expect([directive, (await it.ask(directive, { stream: false }, codex)).status >= 429]).toEqual([directive, true]);
  }
  expect((await it.ask("FAIL challenge", {}, codex)).status).toBe(400);
  const advised = async (directive: string, init?: RequestInit) =>
    (await it.ask(directive, {}, init)).headers.get("retry-after");
  expect(await advised("FAIL rate_limit_exceeded")).toBe("2");
  expect(await advised("FAIL rate_limit_exceeded", codex)).toBeNull();
  expect(await advised("FAIL rate_limit_exceeded before 3", codex)).toBe("3");
});

test("a refused upstream credential is never a 401 to the client", async () => {
  await using it = await ring({ config: { limits: { retries: 0 } } });
  const plain = await it.ask("FAIL token_expired before");
  expect(plain.status).toBe(503);
  expect(plain.headers.get("x-should-retry")).toBe("false");
  expect(await plain.json()).toMatchObject({ error: { code: "upstream_auth_failed" } });
  const codex = await it.ask("FAIL token_expired before", {}, { headers: { originator: "codex_exec" } });
  expect(codex.status).toBe(400);
});

test("an edge challenge is recognised and named", async () => {
  await using it = await ring({ kind: "chatgpt", config: { limits: { retries: 0 } } });
  const response = await it.ask("FAIL challenge before");
  const body = (await response.json()) as { error: { code: string } };
  expect([502, 503]).toContain(response.status);
  expect(body.error.code).toBe("upstream_edge_challenge");
});
