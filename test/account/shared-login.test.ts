// A login file shared with the Codex CLI: never touched unless it may be, and then written as the CLI would have.
import { expect, test } from "bun:test";
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Failure } from "../../src/core/failure.ts";
import { temporary } from "../binary.ts";
import { thrownBy } from "../upstream/setting.ts";
import { type AuthFileContent, issuing, kept } from "./setting.ts";
import { turn } from "./turn.ts";

const MINUTE = 60_000;

function written(content: unknown): string {
  const file = join(temporary(), "auth.json");
  writeFileSync(file, JSON.stringify(content, undefined, 2), { mode: 0o600 });
  return file;
}

const read = (file: string) => JSON.parse(readFileSync(file, "utf8")) as AuthFileContent;

test("without `refresh: true` it is never renewed, refused token or not", async () => {
  await using sandbox = await issuing();
  const file = written(await sandbox.login());
  await using it = await kept(sandbox.url, undefined, [{ name: "work", authFile: file }]);
  const before = statSync(file);
  const { token } = await it.handle.credentials();
  it.ahead(59 * MINUTE);
  expect((await it.handle.credentials()).token).toBe(token ?? "");
  expect(((await thrownBy(it.handle.refreshAfter401(token))) as Failure).message).toContain("run `codex login`");
  it.ahead(61 * MINUTE);
  expect(((await thrownBy(it.handle.credentials())) as Failure).message).toContain("expired");
  expect(it.handle.obstacle).toMatchObject({ why: "login" });
  expect(await sandbox.counts()).toMatchObject({ refreshes: 0, refused: 0 });
  expect(statSync(file)).toMatchObject({ mtimeMs: before.mtimeMs, ino: before.ino });
});

test("renewed, it keeps its form, its mode and what only others understand", async () => {
  await using sandbox = await issuing();
  const login = await sandbox.login();
  const foreign = { ...login, agent_identity: { a: [1] }, tokens: { ...login.tokens, unknown_field: "kept" } };
  const file = written({ ...foreign, last_refresh: "2026-11-22T08:51:21.520569676Z" });
  await using it = await kept(sandbox.url, undefined, [{ name: "work", authFile: file, refresh: true }]);
  it.ahead(59.8 * MINUTE);
  const { token } = await it.handle.credentials();
  const now = read(file);
  expect(now.tokens.access_token).toBe(token ?? "");
  expect(now.tokens.refresh_token).not.toBe(login.tokens.refresh_token);
  const { access_token, refresh_token, id_token } = now.tokens;
  expect(now).toEqual({
    ...foreign,
    tokens: { ...foreign.tokens, access_token, refresh_token, id_token },
    last_refresh: now.last_refresh,
  });
  expect(Object.keys(now)).toEqual(Object.keys({ ...foreign, last_refresh: "" }));
  expect(now.last_refresh).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(dirname(file))).toEqual(["auth.json"]);
  expect(await turn(sandbox.url, token)).toBe(200);
  const [asked] = await sandbox.asked("/oauth/token");
  expect(asked?.body).toMatchObject({ client_id: "app_EMoamEEZ73f0CkXaXp7hrann" });
});

test("a link stays a link to the file that was renewed", async () => {
  await using sandbox = await issuing();
  const file = written(await sandbox.login());
  const link = join(temporary(), "auth.json");
  symlinkSync(file, link);
  await using it = await kept(sandbox.url, undefined, [{ name: "work", authFile: link, refresh: true }]);
  const { token } = await it.handle.credentials({ force: true });
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(read(file).tokens.access_token).toBe(token ?? "");
});

test("what the CLI renewed meanwhile is used, and nothing is spent", async () => {
  await using sandbox = await issuing();
  const file = written(await sandbox.login());
  await using it = await kept(sandbox.url, undefined, [{ name: "work", authFile: file, refresh: true }]);
  const { token } = await it.handle.credentials();
  const other = await sandbox.login();
  writeFileSync(file, JSON.stringify(other));
  expect((await it.handle.refreshAfter401(token)).token).toBe(other.tokens.access_token);
  expect(await sandbox.counts()).toMatchObject({ refreshes: 0 });
});

test("when the CLI spent the token first, its new one is found before anybody is told to log in", async () => {
  await using sandbox = await issuing();
  const login = await sandbox.login();
  const file = written(login);
  await using it = await kept(sandbox.url, undefined, [{ name: "work", authFile: file, refresh: true }]);
  const body = {
    grant_type: "refresh_token",
    refresh_token: login.tokens.refresh_token,
    client_id: "app_EMoamEEZ73f0CkXaXp7hrann",
  };
  const answer = await fetch(`${sandbox.url}/oauth/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const { access_token, refresh_token } = (await answer.json()) as Record<string, string>;
  const asking = it.handle.refreshAfter401(login.tokens.access_token);
  for (const end = Date.now() + 5000; Date.now() < end && ((await sandbox.counts()).reused ?? 0) === 0; )
    await Bun.sleep(5);
  writeFileSync(file, JSON.stringify({ ...login, tokens: { ...login.tokens, access_token, refresh_token } }));
  expect((await asking).token).toBe(access_token ?? "");
  expect(it.handle.obstacle).toBeUndefined();
  expect(await sandbox.counts()).toMatchObject({ refreshes: 1, reused: 1 });
});

test("where the new file could not be written, the old token is not spent", async () => {
  if (process.getuid?.() === 0) return;
  await using sandbox = await issuing();
  const file = written(await sandbox.login());
  await using it = await kept(sandbox.url, undefined, [{ name: "work", authFile: file, refresh: true }]);
  chmodSync(dirname(file), 0o500);
  const failure = (await thrownBy(it.handle.credentials({ force: true }))) as Failure;
  chmodSync(dirname(file), 0o700);
  expect(failure.message).toMatch(/its folder cannot be written \(EACCES\)/);
  expect(await sandbox.counts()).toMatchObject({ refreshes: 0, refused: 0 });
});
