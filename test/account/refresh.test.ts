// A login is renewed in time and once, whoever wants it; what cannot be renewed says so and is not tried again.
import { expect, test } from "bun:test";
import type { Failure } from "../../src/core/failure.ts";
import { thrownBy } from "../upstream/setting.ts";
import { issuing, kept, stored } from "./setting.ts";
import { turn } from "./turn.ts";

const MINUTE = 60_000;

test("a token with more than five minutes to live is left alone, one with less is renewed once for all who ask", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  const first = (await it.accounts.choose("s")).token;
  it.ahead(54 * MINUTE);
  expect((await it.accounts.choose("s")).token).toBe(first ?? "");
  expect((await sandbox.counts()).refreshes).toBe(0);
  it.ahead(59.6 * MINUTE);
  const all = await Promise.all(Array.from({ length: 8 }, () => it.accounts.choose("s")));
  expect(new Set(all.map(({ token }) => token)).size).toBe(1);
  expect(all[0]?.token).not.toBe(first ?? "");
  expect(await sandbox.counts()).toMatchObject({ refreshes: 1, reused: 0, refused: 0 });
  expect(await turn(sandbox.url, all[0]?.token)).toBe(200);
  const [asked] = await sandbox.asked("/oauth/token");
  expect(asked?.body).toMatchObject({ grant_type: "refresh_token", refresh_reason: "proactive_expiry" });
});

test("while the old token is good nobody waits for the new one", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  await sandbox.control({ tokenDelay: 1000 });
  const first = (await it.handle.credentials()).token;
  it.ahead(56 * MINUTE);
  expect((await it.handle.credentials()).token).toBe(first ?? "");
  // The issuer has not answered yet.
  expect(it.lines.some(({ message }) => message === "a login was renewed")).toBe(false);
  for (const deadline = Date.now() + 5000; it.handle.state && Date.now() < deadline; ) {
    if (it.lines.some(({ message }) => message === "a login was renewed")) break;
    await Bun.sleep(20);
  }
  it.ahead(0);
  expect((await it.handle.credentials()).token).not.toBe(first ?? "");
  expect(await sandbox.counts()).toMatchObject({ refreshes: 1 });
});

test("the new token is in the store before anyone has it", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  const { token } = await it.handle.credentials({ force: true });
  expect(it.store.accounts.get("work")?.tokens.access).toBe(token ?? "");
  const [asked] = await sandbox.asked("/oauth/token");
  expect(it.store.accounts.get("work")?.tokens.refresh).not.toBe(asked?.body.refresh_token as string);
});

test("a refused token is renewed once; one that another process renewed is taken from the store", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  const old = (await it.handle.credentials()).token;
  await sandbox.control({ expired: true });
  expect(await turn(sandbox.url, old)).toBe(401);
  const renewed = await Promise.all([1, 2, 3].map(() => it.handle.refreshAfter401(old)));
  expect(await turn(sandbox.url, renewed[0]?.token)).toBe(200);
  expect(await sandbox.counts()).toMatchObject({ refreshes: 1 });
  expect((await it.handle.refreshAfter401(old)).token).toBe(renewed[0]?.token ?? "");
  const [asked] = await sandbox.asked("/oauth/token");
  expect(asked?.body.refresh_reason).toBe("unauthorized_recovery");
  // Refused again at once: the token is not what is wrong.
  expect(await thrownBy(it.handle.refreshAfter401(renewed[0]?.token))).toMatchObject({ code: "upstream_auth_failed" });
  expect(await sandbox.counts()).toMatchObject({ refreshes: 1 });
});

test.each(["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated", "invalid_grant"])(
  "%s is asked once, marks the account and says who can help; a new login ends it",
  async (code) => {
    await using sandbox = await issuing();
    await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
    const { token } = await it.handle.credentials();
    await sandbox.control({ refresh: { code } });
    for (let times = 0; times < 3; times++) {
      const failure = (await thrownBy(
        times === 0 ? it.handle.refreshAfter401(token) : it.accounts.choose("s"),
      )) as Failure;
      expect(failure).toMatchObject({ kind: "upstream_credential", code: "upstream_auth_failed", shouldRetry: false });
      expect(failure.message).toContain(code);
      expect(failure.message).toContain("run `codexd login --name work`");
    }
    expect(await sandbox.counts()).toMatchObject({ refused: 1 });
    expect(it.handle.obstacle).toMatchObject({ why: "login" });
    expect(it.accounts.usable()).toEqual([]);
    expect(it.handle.state.lastError).toContain(code);
    expect(JSON.stringify(it.lines)).not.toMatch(/eyJ|rt_/);
    await sandbox.control({ refresh: null });
    await it.store.accounts.put(stored(sandbox.url, await sandbox.login()));
    expect(await turn(sandbox.url, (await it.accounts.choose("s")).token)).toBe(200);
  },
);

test("an old token serves as long as it is good, even when its renewal is refused for good", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  const { token } = await it.handle.credentials();
  await sandbox.control({ refresh: { code: "refresh_token_expired" } });
  it.ahead(59.8 * MINUTE);
  expect((await it.handle.credentials()).token).toBe(token ?? "");
  expect((await it.handle.credentials()).token).toBe(token ?? "");
  expect(await sandbox.counts()).toMatchObject({ refused: 1 });
  it.ahead(61 * MINUTE);
  expect((await thrownBy(it.handle.credentials())) as Failure).toMatchObject({ code: "upstream_auth_failed" });
  expect(it.handle.obstacle).toMatchObject({ why: "login" });
});

test.each(["500", "drop"])("an issuer in trouble (%s) is asked again, and the token is not given up", async (code) => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  await sandbox.control({ refresh: { code, times: 2 } });
  it.ahead(61 * MINUTE);
  // Clocks differ: what is over here is good there once it is renewed.
  const { token } = await it.handle.credentials().finally(() => it.ahead(0));
  expect(await turn(sandbox.url, token)).toBe(200);
  expect(await sandbox.counts()).toMatchObject({ refreshes: 1, refused: 2 });
});

test("when it stays in trouble, the failure asks for patience and nothing is marked", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  await sandbox.control({ refresh: { code: "503" } });
  const { token } = await it.handle.credentials();
  it.ahead(59.8 * MINUTE);
  expect((await it.handle.credentials()).token).toBe(token ?? "");
  it.ahead(61 * MINUTE);
  const failure = (await thrownBy(it.handle.credentials())) as Failure;
  expect(failure).toMatchObject({ kind: "transport", retryAfter: 5 });
  expect(failure.shouldRetry).toBeUndefined();
  expect(it.handle.obstacle).toBeUndefined();
  const { refused = 0 } = await sandbox.counts();
  await thrownBy(Promise.all(Array.from({ length: 20 }, () => it.handle.credentials())));
  expect((await sandbox.counts()).refused).toBeLessThanOrEqual(refused + 3);
});

test("a token that lives less than five minutes is not renewed with every request", async () => {
  await using sandbox = await issuing({ tokenLifetime: 60 });
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  for (let times = 0; times < 5; times++) await it.handle.credentials();
  expect(await sandbox.counts()).toMatchObject({ refreshes: 0 });
});
