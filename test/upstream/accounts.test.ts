// Credentials: read from a login file that somebody else rewrites while we serve, and chosen the same way for the same session.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfiguredAccounts } from "../../src/account/accounts.ts";
import type { AccountConfig } from "../../src/core/account.ts";
import type { Failure } from "../../src/core/failure.ts";
import { askWith, DONE, eventsOf, serve, sse, thrownBy, upstreamAt } from "./setting.ts";

const NOW = 1_700_000_000_000;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "codexd-accounts-"));
  file = join(folder, "auth.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (claims: Record<string, unknown>) => `${part({ alg: "none" })}.${part(claims)}.c2ln`;
const claims = (over = {}) => ({ "https://api.openai.com/auth": { chatgpt_account_id: "acc-claim", ...over } });

function write(content: unknown): void {
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content, undefined, 2));
}

const choose = (...configs: AccountConfig[]) => new ConfiguredAccounts(configs, () => NOW).choose("session");
const fromFile = () => choose({ name: "work", authFile: file });
const refused = async (work = fromFile()) => (await thrownBy(work)) as Failure;

describe("a login file", () => {
  test("gives token and account of a ChatGPT login", async () => {
    const access_token = jwt({ exp: NOW / 1000 + 60 });
    write({
      auth_mode: "chatgpt",
      OPENAI_API_KEY: null,
      tokens: { access_token, id_token: jwt(claims()), account_id: "acc-1" },
    });
    expect(await fromFile()).toEqual({ account: "work", token: access_token, accountId: "acc-1" });
  });

  test("of an older form says what it holds by what is there", async () => {
    write({ tokens: { access_token: "t-1", id_token: jwt(claims({ chatgpt_account_is_fedramp: true })) } });
    expect(await fromFile()).toEqual({ account: "work", token: "t-1", accountId: "acc-claim", fedramp: true });
    write({ OPENAI_API_KEY: "sk-1", tokens: null });
    expect(await fromFile()).toEqual({ account: "work", token: "sk-1" });
    write({ personal_access_token: "at-1", OPENAI_API_KEY: "sk-1" });
    expect(await fromFile()).toEqual({ account: "work", token: "at-1" });
  });

  test("that cannot be used says which and what to do, and shows nothing of it", async () => {
    const cases: [content: unknown, says: RegExp][] = [
      ["{{{ secret-content", /not a JSON object.*codex login/],
      ["[]", /not a JSON object/],
      [{}, /holds no login; run `codex login`/],
      [{ auth_mode: "chatgpt", tokens: {} }, /no usable tokens.access_token; run `codex login`/],
      [{ auth_mode: "apikey", OPENAI_API_KEY: null }, /no usable OPENAI_API_KEY/],
      [
        { auth_mode: "chatgpt", tokens: { access_token: "secret-content\nx-evil: 1" } },
        /no usable tokens.access_token/,
      ],
      [{ auth_mode: "agentIdentity" }, /of the form agentIdentity.*legal are chatgpt/],
      [
        { tokens: { access_token: jwt({ exp: NOW / 1000 - 1 }) } },
        /expired at 2023-11-14T22:13:19.000Z; run `codex login`/,
      ],
    ];
    for (const [content, says] of cases) {
      write(content);
      const failure = await refused();
      expect(failure).toMatchObject({ kind: "upstream_credential", code: "upstream_auth_failed", shouldRetry: false });
      expect(failure.message).toMatch(says);
      expect(failure.message).toContain(file);
      expect(failure.message).not.toContain("secret-content");
    }
    rmSync(file);
    expect((await refused()).message).toMatch(/does not exist; run `codex login`/);
    write("x".repeat(2 * 1024 * 1024));
    expect((await refused()).message).toMatch(/larger than a login file/);
    if (process.getuid?.() === 0) return;
    write({ OPENAI_API_KEY: "sk-1" });
    chmodSync(file, 0);
    expect((await refused()).message).toMatch(/cannot be read \(EACCES\)/);
  });

  test("is read again when it was replaced or rewritten, and only then", async () => {
    const accounts = new ConfiguredAccounts([{ name: "work", authFile: file }], () => NOW);
    const token = async () => (await accounts.choose("s")).token;
    write({ OPENAI_API_KEY: "sk-first" });
    expect(await token()).toBe("sk-first");
    expect(await token()).toBe("sk-first");
    const { atimeMs } = statSync(file);
    expect(await token()).toBe("sk-first");
    expect(statSync(file).atimeMs).toBe(atimeMs);
    write({ OPENAI_API_KEY: "sk-second-and-longer" });
    expect(await token()).toBe("sk-second-and-longer");
    const next = join(folder, "next");
    writeFileSync(next, JSON.stringify({ OPENAI_API_KEY: "sk-third--and-longer" }));
    renameSync(next, file);
    expect(await token()).toBe("sk-third--and-longer");
    rmSync(file);
    expect(await thrownBy(token())).toMatchObject({ code: "upstream_auth_failed" });
    write({ OPENAI_API_KEY: "sk-fourth" });
    expect(await token()).toBe("sk-fourth");
  });

  test("met half written is read once more", async () => {
    write({ OPENAI_API_KEY: "sk-whole" });
    truncateSync(file, 5);
    const reading = fromFile();
    setTimeout(() => write({ OPENAI_API_KEY: "sk-whole" }), 10);
    expect((await reading).token).toBe("sk-whole");
  });

  test("is never written", async () => {
    write({ OPENAI_API_KEY: "sk-1" });
    const before = statSync(file);
    await fromFile();
    expect(statSync(file)).toMatchObject({ mtimeMs: before.mtimeMs, ctimeMs: before.ctimeMs, ino: before.ino });
  });

  test("renewed by another program serves the next request", async () => {
    const { url, seen, stop } = serve(() => sse(DONE));
    const upstream = upstreamAt(url, { accounts: [{ name: "work", authFile: file }] });
    for (const access_token of ["token-one", "token-twoo"]) {
      write({ tokens: { access_token, account_id: "acc-1" } });
      await eventsOf(await askWith(upstream));
    }
    await stop();
    expect(seen.map(({ request }) => request.headers.get("authorization"))).toEqual([
      "Bearer token-one",
      "Bearer token-twoo",
    ]);
  });
});

describe("a token that the upstream refuses", () => {
  const body = { error: { code: "token_expired", message: "expired" } };

  test("is replaced at once when its file was renewed meanwhile", async () => {
    write({ tokens: { access_token: "token-old" } });
    const { url, seen, stop } = serve((request) => {
      if (request.headers.get("authorization") !== "Bearer token-old") return sse(DONE);
      write({ tokens: { access_token: "token-renewed" } });
      return Response.json(body, { status: 401 });
    });
    const upstream = upstreamAt(url, { accounts: [{ name: "work", authFile: file }] });
    expect((await askWith(upstream)).account).toBe("work");
    await stop();
    expect(seen.map(({ request }) => request.headers.get("authorization"))).toEqual([
      "Bearer token-old",
      "Bearer token-renewed",
    ]);
  });

  test("is not sent twice", async () => {
    write({ tokens: { access_token: "token-old" } });
    const { url, seen, stop } = serve(() => Response.json(body, { status: 401 }));
    const upstream = upstreamAt(url, { accounts: [{ name: "work", authFile: file }] });
    expect(await thrownBy(askWith(upstream))).toMatchObject({ code: "upstream_auth_failed" });
    await stop();
    expect(seen).toHaveLength(1);
  });
});

describe("configured credentials", () => {
  test("carry the account that they name, or that the token names", async () => {
    expect(await choose({ name: "a", apiKey: "sk-1" })).toEqual({ account: "a", token: "sk-1" });
    expect(await choose({ name: "a", accessToken: "t", accountId: "acc" })).toEqual({
      account: "a",
      token: "t",
      accountId: "acc",
    });
    const accessToken = jwt(claims());
    expect(await choose({ name: "a", accessToken })).toEqual({
      account: "a",
      token: accessToken,
      accountId: "acc-claim",
    });
  });

  test("that expired say so", async () => {
    const failure = await refused(choose({ name: "a", accessToken: jwt({ exp: 1 }) }));
    expect(failure.message).toMatch(/expired at 1970-01-01.*configure a new accessToken/);
  });

  test("that are missing say where they belong", async () => {
    const { url, seen, stop } = serve(() => sse(DONE));
    for (const kind of ["chatgpt", "openai"] as const) {
      const thrown = (await thrownBy(askWith(upstreamAt(url, { kind, accounts: [] })))) as Failure;
      expect(thrown.message).toContain("upstreams.codex.accounts");
    }
    await stop();
    expect(seen).toEqual([]);
  });
});

describe("several accounts", () => {
  const names = ["a", "b", "c"];
  const all = names.map((name) => ({ name, apiKey: `sk-${name}` }));
  const sessions = Array.from({ length: 300 }, (_, at) => `session-${at}`);
  const chosen = async (configs: AccountConfig[]) => {
    const accounts = new ConfiguredAccounts(configs, () => NOW);
    return await Promise.all(sessions.map(async (session) => (await accounts.choose(session)).account));
  };

  test("share the sessions, each of which keeps its own", async () => {
    const first = await chosen(all);
    for (const name of names) expect(first.filter((one) => one === name).length).toBeGreaterThan(60);
    expect(await chosen(all.toReversed())).toEqual(first);
  });

  test("take over only what belonged to the one that is gone or cannot be used", async () => {
    const first = await chosen(all);
    const expired = { name: "b", accessToken: jwt({ exp: 1 }) };
    for (const rest of [all.filter(({ name }) => name !== "b"), all.map((one) => (one.name === "b" ? expired : one))]) {
      const second = await chosen(rest);
      for (const [at, name] of first.entries()) {
        if (name === "b") expect(second[at]).not.toBe("b");
        else expect(second[at]).toBe(name);
      }
    }
  });
});
