// A bad account is the server's problem, not the client's: turns move on before any content, sessions stay where they were answered.

import { expect, test } from "bun:test";
import { type Server, startGateway, startSandbox } from "../binary.ts";
import { settledReceipts } from "./ring.ts";

interface Answered {
  session: string;
  account: string | null;
  outcome: string;
  tries: number;
}

const body = (input: string, session: string, stream = false) =>
  JSON.stringify({ model: "gpt-5.5", input, stream, session_id: session });

const ask = (gateway: Server, input: string, session: string, stream = false, headers: Record<string, string> = {}) =>
  fetch(`${gateway.base}/v1/responses`, { method: "POST", body: body(input, session, stream), headers });

/** The receipts of so many turns. */
async function accountsIn(gateway: Server, count: number): Promise<Answered[]> {
  return (await settledReceipts(gateway, count)) as unknown as Answered[];
}

async function pool(sandbox: Server, keys: Record<string, string>): Promise<Server> {
  const accounts = Object.entries(keys).map(([name, accessToken]) => ({ name, accessToken, accountId: name }));
  return await startGateway({
    config: { upstreams: { up: { kind: "chatgpt", baseUrl: `${sandbox.url}/backend-api/codex`, accounts } } },
  });
}

test("one limited, one revoked, one overloaded and one good account: no client sees a failure", async () => {
  await using sandbox = await startSandbox();
  await using gateway = await pool(sandbox, {
    limited: "fail-usage_limit_reached",
    revoked: "fail-token_invalidated",
    overloaded: "fail-server_is_overloaded",
    good: "good-token",
  });
  for (let turn = 0; turn < 40; turn++) {
    const response = await ask(gateway, `SAY turn ${turn}`, `session-${turn % 10}`, turn % 2 === 0);
    expect([turn, response.status]).toEqual([turn, 200]);
    expect(await response.text()).toContain(`turn ${turn}`);
  }
  const receipts = await accountsIn(gateway, 40);
  expect(receipts).toHaveLength(40);
  expect(new Set(receipts.map(({ account }) => account))).toEqual(new Set(["good"]));
  // Once a session was answered, it goes straight there.
  expect(receipts.slice(10).every(({ tries }) => tries === 1)).toBe(true);
}, 30_000);

test("sessions spread over good accounts, and each stays with its own", async () => {
  await using sandbox = await startSandbox();
  await using gateway = await pool(sandbox, { a: "token-a", b: "token-b", c: "token-c" });
  for (let round = 0; round < 3; round++) {
    for (let session = 0; session < 30; session++) await (await ask(gateway, "SAY hi", `session-${session}`)).text();
  }
  const bySession = new Map<string, Set<string | null>>();
  for (const { session, account } of await accountsIn(gateway, 90)) {
    bySession.set(session, (bySession.get(session) ?? new Set()).add(account));
  }
  expect([...bySession.values()].every((accounts) => accounts.size === 1)).toBe(true);
  const used = [...bySession.values()].map((accounts) => [...accounts][0]);
  for (const name of ["a", "b", "c"]) expect(used.filter((account) => account === name).length).toBeGreaterThan(3);
}, 30_000);

test("an overload inside a 200 stream moves on too, also for a Codex client; after content it does not", async () => {
  await using sandbox = await startSandbox();
  await using gateway = await pool(sandbox, { a: "token-a", b: "token-b" });
  for (const headers of [{}, { originator: "codex_exec" }] as Record<string, string>[]) {
    const session = `s${Object.keys(headers).length}`;
    const hidden = await ask(gateway, "FAIL server_is_overloaded during times 1\nSAY fine", session, true, headers);
    expect(await hidden.text()).toContain("fine");
  }
  expect((await accountsIn(gateway, 2)).map(({ tries }) => tries)).toEqual([2, 2]);
  const late = await (await ask(gateway, "LONG 20\nFAIL server_is_overloaded during 3", "late", true)).text();
  expect(late).toContain("response.failed");
  expect((await accountsIn(gateway, 3)).at(-1)).toMatchObject({ tries: 1, outcome: "failed" });
}, 30_000);

test("when all are out, each dialect says 429 with the earliest reset", async () => {
  await using sandbox = await startSandbox();
  await using gateway = await pool(sandbox, {
    one: "fail-usage_limit_reached",
    two: "fail-usage_limit_reached",
    gone: "fail-token_invalidated",
  });
  const messages = [{ role: "user", content: "x" }];
  const requests: [string, unknown][] = [
    ["/v1/responses", { model: "gpt-5.5", input: "x" }],
    ["/v1/chat/completions", { model: "gpt-5.5", messages }],
    ["/v1/messages", { model: "gpt-5.5", max_tokens: 100, messages }],
    ["/v1beta/models/gpt-5.5:generateContent", { contents: [{ role: "user", parts: [{ text: "x" }] }] }],
  ];
  for (const [path, json] of requests) {
    const response = await fetch(`${gateway.base}${path}`, { method: "POST", body: JSON.stringify(json) });
    const text = await response.text();
    expect([path, response.status]).toEqual([path, 429]);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(text).toContain("all accounts exhausted (2 rate limited until");
    expect(text).toContain("usage_limit_reached");
  }
}, 30_000);

test("an only account is always asked: the upstream knows best when its limit ends", async () => {
  await using sandbox = await startSandbox();
  await using gateway = await pool(sandbox, { only: "good-token" });
  expect((await ask(gateway, "FAIL usage_limit_reached before", "s")).status).toBe(429);
  expect((await ask(gateway, "SAY back", "s")).status).toBe(200);
}, 30_000);
