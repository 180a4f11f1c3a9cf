// What is scripted for one account must happen to it and to no other, or a test of a pool would test chance.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createSandbox, type Sandbox } from "../../src/upstream/sandbox/index.ts";
import { ask, authStats, control, ISSUER, newAccount, refused, turn } from "./auth.ts";
import { itemsOf, type Json, OPENAI, parseEvents, post, textOf } from "./client.ts";

const sandbox = () => createSandbox({ auth: true, accounts: 0 });

async function pool(of: Sandbox, size: number): Promise<Json[]> {
  return await Promise.all(Array.from({ length: size }, () => newAccount(of)));
}

async function of(sandbox: Sandbox, id: string): Promise<Json> {
  return ((await authStats(sandbox)).accounts as Json[]).find((each) => each.id === id) ?? {};
}

describe("with --auth", () => {
  test("only tokens that were issued here are taken", async () => {
    const box = sandbox();
    const { auth } = await newAccount(box);
    expect((await turn(box, auth)).status).toBe(200);
    const forged = { tokens: { ...auth.tokens, access_token: `${auth.tokens.access_token}x` } };
    expect(await refused(turn(box, forged))).toEqual([401, "token_invalidated"]);
    expect(
      await refused(post(box, OPENAI, { model: "gpt-5.5", input: "hi" }, { authorization: "Bearer sk-x" })),
    ).toEqual([401, "invalid_api_key"]);
    const models = `${ISSUER}/backend-api/codex/models?client_version=0.169.0`;
    expect((await box.fetch(new Request(models, { headers: { authorization: "Bearer x" } }))).status).toBe(401);
  });

  test("compactions and tools ask for a token too, and a limited account has none of them", async () => {
    const box = sandbox();
    const { account, auth } = await newAccount(box);
    const asked = (path: string, token: string) =>
      ask(box, `/backend-api/codex${path}`, { input: [] }, { authorization: `Bearer ${token}` });
    for (const path of ["/responses/compact", "/alpha/search"]) {
      expect((await asked(path, "nobody")).status).toBe(401);
      expect((await asked(path, auth.tokens.access_token)).status).toBe(200);
    }
    await control(box, { account: account.id, limited: 60 });
    expect((await asked("/responses/compact", auth.tokens.access_token)).status).toBe(429);
  });

  test("a refused token's answer has the backend's own form", async () => {
    const box = sandbox();
    const { account, auth } = await newAccount(box);
    await control(box, { account: account.id, expired: true });
    expect(await (await turn(box, auth)).json()).toEqual({
      error: { message: expect.any(String), type: "invalid_request_error", param: null, code: "token_expired" },
      status: 401,
    });
  });

  test("one account's id does not go with another's token", async () => {
    const box = sandbox();
    const [first, second] = (await pool(box, 2)) as [Json, Json];
    const mixed = { tokens: { ...first.auth.tokens, account_id: second.account.id } };
    expect((await turn(box, mixed)).status).toBe(403);
  });
});

test("without --auth any bearer is taken, and scripts still find the account by its id", async () => {
  const box = createSandbox({ accounts: 2 });
  const { accounts } = (await ask(box, "/sandbox/accounts")).body;
  const as = (account_id: string) => turn(box, { tokens: { access_token: "anything", account_id } });
  await control(box, { account: accounts[0].id, limited: 60 });
  expect(await refused(as(accounts[0].id))).toEqual([429, "usage_limit_reached"]);
  expect((await as(accounts[1].id)).status).toBe(200);
  expect((await as("somebody")).status).toBe(200);
});

describe("scripts", () => {
  test("a limited account says until when, in the error and in the headers; the others do not", async () => {
    const box = sandbox();
    const [first, second] = (await pool(box, 2)) as [Json, Json];
    const until = Math.floor(Date.now() / 1000) + 300;
    await control(box, { account: first.account.email, limitedUntil: until });
    const response = await turn(box, first.auth);
    expect(response.status).toBe(429);
    expect(((await response.json()) as Json).error).toMatchObject({
      type: "usage_limit_reached",
      plan_type: "plus",
      resets_at: until,
    });
    expect(response.headers.get("x-codex-primary-used-percent")).toBe("100");
    expect(response.headers.get("x-codex-primary-reset-at")).toBe(String(until));
    const fine = await turn(box, second.auth);
    expect([fine.status, fine.headers.get("x-codex-primary-used-percent")]).toEqual([200, "0"]);
    await control(box, { account: first.account.id, limited: null });
    expect((await turn(box, first.auth)).status).toBe(200);
  });

  test("a limit ends by itself", async () => {
    const box = sandbox();
    const { account, auth } = await newAccount(box);
    await control(box, { account: account.id, limited: "40ms" });
    expect((await turn(box, auth)).status).toBe(429);
    await Bun.sleep(50);
    expect((await turn(box, auth)).status).toBe(200);
  });

  test("an overload comes as a 503, or hidden in a 200 stream before any content", async () => {
    const box = sandbox();
    const { account, auth } = await newAccount(box);
    await control(box, { account: account.id, fail: { code: "server_is_overloaded", times: 1 } });
    expect(await refused(turn(box, auth))).toEqual([503, "server_is_overloaded"]);
    await control(box, { account: account.id, fail: { code: "server_is_overloaded", during: 0, times: 1 } });
    const hidden = await turn(box, auth);
    expect(hidden.status).toBe(200);
    const events = parseEvents(await hidden.text());
    expect(events.at(-1)).toMatchObject({
      type: "response.failed",
      response: { error: { code: "server_is_overloaded" } },
    });
    expect(itemsOf(events)).toEqual([]);
    expect(textOf(parseEvents(await (await turn(box, auth, "back again")).text()))).toBe("back again");
    expect(await of(box, account.id)).toMatchObject({ turns: 3, failed: 2 });
  });

  test("any failure of FAIL can be an account's, after content too", async () => {
    const box = sandbox();
    const { account, auth } = await newAccount(box);
    await control(box, { account: account.id, fail: { code: "server_error", during: 2 } });
    const events = parseEvents(await (await turn(box, auth, "LONG 20")).text());
    expect(textOf(events)).not.toBe("");
    expect(events.at(-1)?.type).toBe("response.failed");
    await control(box, { account: account.id, fail: { code: "rate_limit_exceeded", seconds: 7 } });
    expect((await turn(box, auth)).headers.get("retry-after")).toBe("7");
    await control(box, { reset: true });
    expect((await turn(box, auth)).status).toBe(200);
  });

  test("what nobody understands is refused by name, before anything is done", async () => {
    const box = sandbox();
    const { account } = await newAccount(box);
    for (const [fields, word] of [
      [{ limitted: 3 }, "limitted"],
      [{ account: "nobody", limited: 3 }, "nobody"],
      [{ limited: "soon" }, "soon"],
      [{ fail: "503" }, "503"],
      [{ account: account.id, tokenDelay: 3 }, "tokenDelay"],
      [{ device: { aprove: "auto" } }, "aprove"],
    ] as [Json, string][]) {
      const { status, body } = await ask(box, "/sandbox/control", fields);
      expect(status).toBe(400);
      expect(body.detail).toContain(word);
    }
    expect((await ask(box, "/sandbox/accounts", { mail: "x" })).body.detail).toContain("mail");
    expect((await ask(box, "/sandbox/accounts", { id: account.id })).status).toBe(400);
  });
});

describe("usage windows", () => {
  test("grow with every turn, and are told in headers and by wham/usage", async () => {
    const box = sandbox();
    const { account, auth } = await newAccount(box);
    const resetAt = Math.floor(Date.now() / 1000) + 90;
    const primary = { usedPercent: 40, windowMinutes: 60, resetAt };
    await control(box, { account: account.id, usage: { primary, secondary: null, perTurn: 2.5 } });
    await turn(box, auth);
    const { headers } = await turn(box, auth);
    expect(headers.get("x-codex-primary-used-percent")).toBe("42.5");
    expect(headers.get("x-codex-primary-window-minutes")).toBe("60");
    expect(headers.has("x-codex-secondary-used-percent")).toBe(false);
    const bearer = { authorization: `Bearer ${auth.tokens.access_token}` };
    expect((await ask(box, "/backend-api/wham/usage", undefined, bearer)).body).toMatchObject({
      plan_type: "plus",
      rate_limit: {
        allowed: true,
        primary_window: { used_percent: 45, limit_window_seconds: 3600, reset_at: resetAt },
        secondary_window: null,
      },
    });
  });

  test("begin anew when they are over", async () => {
    const box = sandbox();
    const { account, auth } = await newAccount(box);
    await control(box, { account: account.id, usage: { primary: { usedPercent: 80, resetAt: 1 } } });
    expect((await turn(box, auth)).headers.get("x-codex-primary-used-percent")).toBe("0");
  });
});

describe("wham/accounts/check", () => {
  const check = (box: Sandbox, token: string) =>
    ask(box, "/backend-api/wham/accounts/check", undefined, { authorization: `Bearer ${token}` });

  test("lists the person's workspaces with their routing", async () => {
    const box = sandbox();
    const email = "one@example.com";
    const routed = { email, plan: "team", origin: "https://eu.example.com", override: "us_cr" };
    const { account, auth } = await newAccount(box, routed);
    const { account: own } = await newAccount(box, { email });
    await newAccount(box);
    const { body } = await check(box, auth.tokens.access_token);
    expect(body.account_ordering).toEqual([account.id, own.id]);
    expect(body.default_account_id).toBe(account.id);
    expect(body.accounts[0]).toMatchObject({
      plan_type: "team",
      structure: "workspace",
      workspace_backend_origin: "https://eu.example.com",
      account_routing_override: "us_cr",
    });
    expect(body.accounts[1]).toMatchObject({ workspace_backend_origin: "NO_CONSTRAINT" });
  });

  test("is not for strangers", async () => {
    expect((await check(sandbox(), "nobody")).status).toBe(401);
  });
});

test("DELETE /sandbox/stats forgets the counts, and no token", async () => {
  const box = sandbox();
  const { auth } = await newAccount(box);
  await turn(box, auth);
  await box.fetch(new Request(`${ISSUER}/sandbox/stats`, { method: "DELETE" }));
  expect(await authStats(box)).toMatchObject({ turns: 0, issued: 0 });
  expect((await turn(box, auth)).status).toBe(200);
});

test("every field of the control endpoint is documented", async () => {
  const readme = readFileSync(`${import.meta.dir}/../../src/upstream/sandbox/README.md`, "utf8");
  const { body } = await ask(createSandbox(), "/sandbox/control", { "?": 1 });
  const names = String(body.detail).split("one of ")[1]?.split(", ") ?? [];
  expect(names.length).toBeGreaterThan(15);
  for (const name of names) expect(readme).toMatch(new RegExp(`[\`"]${name}[\`"]`));
});
