// What is known of an account: its windows, its rest, where its workspace is, and that no answer fails because it cannot be noted.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { Routes } from "../../src/account/routes.ts";
import { checkAccount } from "../../src/account/routing.ts";
import { States } from "../../src/account/states.ts";
import { Failure } from "../../src/core/failure.ts";
import { openStore } from "../../src/store/index.ts";
import { thrownBy } from "../upstream/setting.ts";
import { issuing, kept, stored } from "./setting.ts";

/** What was learnt is written, and what another connection wrote is seen, a moment later. */
const next = () => Bun.sleep(25);

const headers = (used: number, more: Record<string, string> = {}) =>
  new Headers({
    "x-codex-primary-used-percent": String(used),
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": "1900000000",
    ...more,
  });

test("windows come from headers, are shared by processes, and room in them ends a cooldown", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  it.handle.limits(headers(12.5, { "x-codex-secondary-used-percent": "0" }));
  await using other = await kept(sandbox.url, undefined, [], it.data);
  expect(other.handle.state).toMatchObject({
    primary: { usedPercent: 12.5, minutes: 300, resetsAt: 1_900_000_000 },
    secondary: null,
  });
  it.handle.coolDown(Date.now() + 60_000, "usage_limit_reached");
  await next();
  expect(other.handle.obstacle).toMatchObject({ why: "cooldown", reason: "usage_limit_reached" });
  it.handle.limits(headers(100));
  await next();
  expect(other.handle.obstacle).toMatchObject({ why: "cooldown" });
  it.handle.limits(headers(3));
  await next();
  expect(other.handle.obstacle).toBeUndefined();
  it.handle.limits(new Headers());
  expect(it.handle.state.primary?.usedPercent).toBe(3);
});

test("a cooldown ends by itself, and a pause of another process holds from the next request on", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  it.handle.coolDown(Date.now() + 60_000, "rate_limit_exceeded");
  expect(it.accounts.usable()).toEqual([]);
  it.ahead(61_000);
  expect(it.accounts.usable()).toHaveLength(1);
  const other = await openStore(it.data);
  await other.accounts.change("work", { paused: true });
  await other.close();
  await next();
  expect(it.handle.obstacle).toEqual({ why: "paused" });
});

test("an error of the request is not kept as one of the account", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  it.handle.failed(new Failure("invalid_request", { code: "invalid_request", message: "a prompt in here" }));
  expect(it.handle.state.lastError).toBeNull();
  it.handle.failed(new Failure("overloaded", { code: "server_is_overloaded", message: "at capacity" }));
  expect(it.handle.state.lastError).toBe("server_is_overloaded: at capacity");
});

test("while the store is held by another process, what is learnt waits in memory and is written later", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  const store = await openStore(it.data, { patience: 1 });
  const states = new States(store.accounts);
  const holder = new Database(store.place);
  holder.run("begin immediate");
  states.change("work", { lastError: "one", lastErrorAt: 1 });
  await next();
  expect(states.get("work")).toMatchObject({ lastError: "one" });
  expect(store.accounts.state("work").lastError).toBeNull();
  holder.run("rollback");
  holder.close();
  states.change("work", { paused: true });
  await next();
  expect(store.accounts.state("work")).toMatchObject({ lastError: "one", paused: true });
  await store.close();
});

test("an account that was removed and made anew begins anew", async () => {
  await using sandbox = await issuing();
  const account = stored(sandbox.url, await sandbox.login());
  await using it = await kept(sandbox.url, account);
  it.handle.coolDown(Date.now() + 60_000, "usage_limit_reached");
  await it.store.accounts.put(account);
  expect(it.handle.obstacle).toBeUndefined();
  expect(await it.store.accounts.remove("work")).toBe(true);
  expect(await it.store.accounts.remove("work")).toBe(false);
  expect(it.accounts.all()).toEqual([]);
});

test("a login of another issuer, and a key, serve no upstream of this one", async () => {
  await using sandbox = await issuing();
  const login = await sandbox.login();
  await using it = await kept(sandbox.url, { ...stored(sandbox.url, login), issuer: "https://auth.example" });
  await it.store.accounts.put({ ...stored(sandbox.url, login, "k"), kind: "key" });
  expect(it.accounts.all()).toEqual([]);
});

test("a lease is one owner's until it ends, and its owner's to extend", async () => {
  await using it = await kept("http://127.0.0.1:1");
  const { accounts } = it.store;
  expect(await accounts.lease("k", "a", Date.now() + 60_000)).toBe(true);
  expect(await accounts.lease("k", "b", Date.now() + 60_000)).toBe(false);
  expect(await accounts.lease("k", "a", Date.now() - 1)).toBe(true);
  expect(await accounts.lease("k", "b", Date.now() + 60_000)).toBe(true);
  await accounts.release("k", "a");
  expect(await accounts.lease("k", "a", Date.now() + 60_000)).toBe(false);
  await accounts.release("k", "b");
  expect(await accounts.lease("k", "a", Date.now() + 60_000)).toBe(true);
});

test("where a workspace wants its requests is asked once, kept, and goes with the credentials", async () => {
  await using sandbox = await issuing();
  await sandbox.control({ origin: "https://eu.example", override: "eu_cr" });
  const login = await sandbox.login();
  await using it = await kept(sandbox.url, stored(sandbox.url, login));
  const routes = new Routes(`${sandbox.url}/backend-api`, new States(it.store.accounts), Date.now);
  const asked = { token: login.tokens.access_token, accountId: login.tokens.account_id };
  const found = await Promise.all([routes.find("work", asked), routes.find("work", asked), routes.find("work", asked)]);
  expect(new Set(found.map((one) => JSON.stringify(one)))).toEqual(
    new Set([JSON.stringify({ origin: "https://eu.example", override: "eu_cr" })]),
  );
  await next();
  expect(it.handle.state.routing).toEqual({ origin: "https://eu.example", override: "eu_cr" });
  await sandbox.control({ origin: "NO_CONSTRAINT", override: "NO_CONSTRAINT" });
  expect((await checkAccount(`${sandbox.url}/backend-api`, asked))?.routing).toEqual({});
});

test.each(["http://eu.example", "https://user:pass@eu.example", "https://eu.example/path", "nowhere"])(
  "a token is not sent to %s",
  async (origin) => {
    await using sandbox = await issuing();
    await sandbox.control({ origin });
    const { tokens } = await sandbox.login();
    const asked = { token: tokens.access_token, accountId: tokens.account_id };
    const thrown = (await thrownBy(checkAccount(`${sandbox.url}/backend-api`, asked))) as Error;
    expect(thrown.message).toContain("must be an https origin without credentials");
  },
);
