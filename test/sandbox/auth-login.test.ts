// A login that the real issuer would refuse must not pass here, and every request of the real CLI's logins must.
import { describe, expect, test } from "bun:test";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import {
  ask,
  authorizeUrl,
  authStats,
  CLIENT_ID,
  claims,
  control,
  exchange,
  form,
  ISSUER,
  newAccount,
  pkce,
  REDIRECT,
  redirected,
  refresh,
} from "./auth.ts";
import { HAS_DATA, type Json, readData } from "./client.ts";

const AUTH = "https://api.openai.com/auth";
const sandbox = (accounts = 2) => createSandbox({ auth: true, accounts });

async function code(of = sandbox(), more: Record<string, string> = { auto: "1" }) {
  const { verifier, challenge } = pkce();
  const answer = await redirected(of, authorizeUrl(challenge, more));
  return { of, verifier, answer, code: answer.get("code") ?? "" };
}

describe("browser login", () => {
  test("gives tokens with the claims that clients read", async () => {
    const { of, verifier, answer, code: given } = await code();
    expect(answer.get("state")).toBe("a state");
    const { status, body } = await exchange(of, given, verifier);
    expect(status).toBe(200);
    const id = claims(body.id_token);
    expect(id.email).toBe("user1@sandbox.test");
    expect(id[AUTH]).toMatchObject({ chatgpt_plan_type: "plus", chatgpt_account_is_fedramp: false });
    const access = claims(body.access_token);
    expect(access.exp - access.iat).toBe(3600);
    expect(access[AUTH].chatgpt_account_id).toBe(id[AUTH].chatgpt_account_id);
    expect(body.refresh_token).toStartWith("rt_");
    expect(await authStats(of)).toMatchObject({ logins: 1, issued: 1, refreshes: 0 });
  });

  test("a code is good once", async () => {
    const { of, verifier, code: given } = await code();
    await exchange(of, given, verifier);
    expect(await exchange(of, given, verifier)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });

  test("another verifier, another redirect_uri or another client gets nothing, and the code stays good", async () => {
    const { of, verifier, code: given } = await code();
    const wrong = { status: 400, body: { error: "invalid_grant" } };
    expect(await exchange(of, given, pkce().verifier)).toMatchObject(wrong);
    expect(await exchange(of, given, verifier, "http://127.0.0.1:1457/auth/callback")).toMatchObject(wrong);
    const other = { grant_type: "authorization_code", client_id: "app_other", code: given, redirect_uri: REDIRECT };
    expect(await ask(of, "/oauth/token", form({ ...other, code_verifier: verifier }))).toMatchObject(wrong);
    expect((await exchange(of, given, verifier)).status).toBe(200);
  });

  test.each(["https://127.0.0.1:1455/auth/callback", "http://example.com/auth/callback", "javascript:alert(1)", ""])(
    "nobody is sent to %p",
    async (redirect_uri) => {
      const url = authorizeUrl(pkce().challenge, { redirect_uri, auto: "1" });
      const response = await sandbox().fetch(new Request(url, { redirect: "manual" }));
      expect(response.status).toBe(400);
      expect(response.headers.get("content-type")).toStartWith("text/html");
    },
  );

  test("without PKCE by S256, or without a state, the client hears of it", async () => {
    const { challenge } = pkce();
    for (const more of [{ code_challenge_method: "plain" }, { code_challenge: "short" }, { state: "" }]) {
      const answer = await redirected(sandbox(), authorizeUrl(challenge, { auto: "1", ...more }));
      expect(answer.get("error")).toBe("invalid_request");
      expect(answer.get("code")).toBeNull();
    }
  });

  test("the page asks who logs in, and its buttons do what they say", async () => {
    const of = sandbox();
    const { verifier, challenge } = pkce();
    const url = authorizeUrl(challenge);
    const page = await (await of.fetch(new Request(url))).text();
    expect(page).toContain("Log in as user1@sandbox.test");
    const account = /value="([^"]+)">Log in as user2@sandbox\.test/.exec(page)?.[1] ?? "";
    const pressed = (fields: Record<string, string>) => redirected(of, url, { method: "POST", body: form(fields) });
    const { body } = await exchange(of, (await pressed({ account })).get("code") ?? "", verifier);
    expect(claims(body.id_token).email).toBe("user2@sandbox.test");
    expect((await pressed({ deny: "1" })).get("error")).toBe("access_denied");
  });

  test("an account's name cannot write into the page", async () => {
    const of = sandbox(0);
    await newAccount(of, { email: '"><script>alert(1)</script>' });
    const page = await (await of.fetch(new Request(authorizeUrl(pkce().challenge)))).text();
    expect(page).not.toContain("<script>");
  });

  test.each(["access_denied", "missing_codex_entitlement", "server_error"])("%s can be scripted", async (authorize) => {
    const of = sandbox();
    await control(of, { authorize });
    const answer = await redirected(of, authorizeUrl(pkce().challenge));
    expect(`${answer.get("error")} ${answer.get("error_description")}`).toContain(authorize);
    expect(answer.get("state")).toBe("a state");
  });

  test("only the allowed workspaces can be chosen", async () => {
    const of = sandbox();
    const { body } = await ask(of, "/sandbox/accounts");
    const second = (body.accounts as Json[])[1]?.id as string;
    const { verifier, challenge } = pkce();
    const answer = await redirected(of, authorizeUrl(challenge, { auto: "1", allowed_workspace_id: second }));
    const tokens = (await exchange(of, answer.get("code") ?? "", verifier)).body;
    expect(claims(tokens.access_token)[AUTH].chatgpt_account_id).toBe(second);
  });

  test("an ID token becomes an API key, unless the account has none", async () => {
    const of = sandbox();
    const { auth } = await newAccount(of);
    const fields = {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      client_id: CLIENT_ID,
      requested_token: "openai-api-key",
      subject_token: auth.tokens.id_token,
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    };
    const { status, body } = await ask(of, "/oauth/token", form(fields));
    expect(status).toBe(200);
    const headers = { authorization: `Bearer ${body.access_token}` };
    expect((await of.fetch(new Request(`${ISSUER}/v1/models`, { headers }))).status).toBe(200);
    await control(of, { apiKeys: false });
    expect((await ask(of, "/oauth/token", form(fields))).status).toBe(401);
    expect((await ask(of, "/oauth/token", form({ ...fields, subject_token: "forged" }))).status).toBe(401);
  });
});

describe("device code", () => {
  const begin = async (of = sandbox()) => {
    const { body } = await ask(of, "/api/accounts/deviceauth/usercode", { client_id: CLIENT_ID });
    const { device_auth_id, user_code } = body;
    return {
      of,
      body,
      user_code,
      poll: () => ask(of, "/api/accounts/deviceauth/token", { device_auth_id, user_code }),
    };
  };

  test("is pending until a person typed it, then gives tokens once", async () => {
    const { of, body, user_code, poll } = await begin();
    expect(body.interval).toBe("1");
    expect((await poll()).status).toBe(403);
    const { accounts } = (await ask(of, "/sandbox/accounts")).body;
    const typed = form({ user_code: ` ${String(user_code).toLowerCase()} `, account: accounts[1].id });
    const page = await of.fetch(new Request(`${ISSUER}/codex/device`, { method: "POST", body: typed }));
    expect(await page.text()).toContain("user2@sandbox.test");
    const { status, body: granted } = await poll();
    expect(status).toBe(200);
    const callback = `${ISSUER}/deviceauth/callback`;
    const tokens = await exchange(of, granted.authorization_code, granted.code_verifier, callback);
    expect(claims(tokens.body.id_token).email).toBe("user2@sandbox.test");
    expect((await poll()).status).toBe(404);
  });

  test("a wrong code is told on the page", async () => {
    const { of } = await begin();
    const { accounts } = (await ask(of, "/sandbox/accounts")).body;
    const typed = form({ user_code: "NOPE-00000", account: accounts[0].id });
    const page = await of.fetch(new Request(`${ISSUER}/codex/device`, { method: "POST", body: typed }));
    expect(page.status).toBe(400);
    expect(await page.text()).toContain("no device login with this code");
  });

  test("approves, refuses and waits as it was told", async () => {
    const { of, poll } = await begin();
    await control(of, { device: { approve: "auto", after: 2 } });
    expect([await poll(), await poll(), await poll()].map(({ status }) => status)).toEqual([403, 403, 200]);
    await control(of, { device: { approve: "deny", after: 0 } });
    expect((await (await begin(of)).poll()).status).toBe(400);
    await control(of, { device: { enabled: false } });
    expect((await ask(of, "/api/accounts/deviceauth/usercode", { client_id: CLIENT_ID })).status).toBe(404);
  });

  test("a test can be the person", async () => {
    const { of, user_code, poll } = await begin();
    await control(of, { approve: user_code });
    expect((await poll()).status).toBe(200);
  });
});

describe("personal tokens", () => {
  test("whoami tells whose they are, until they are revoked", async () => {
    const of = sandbox(0);
    const { account } = await newAccount(of, { personalToken: "at-one", fedramp: true, plan: "team" });
    const whoami = (token: string) =>
      ask(of, "/api/accounts/v1/user-auth-credential/whoami", undefined, { authorization: `Bearer ${token}` });
    expect((await whoami("at-one")).body).toEqual({
      email: account.email,
      chatgpt_user_id: "user-sandbox-1",
      chatgpt_account_id: account.id,
      chatgpt_plan_type: "team",
      chatgpt_account_is_fedramp: true,
    });
    expect((await whoami("at-two")).status).toBe(401);
    await control(of, { account: account.id, revoked: true });
    expect((await whoami("at-one")).status).toBe(401);
  });
});

describe.skipIf(!HAS_DATA)("what the real CLI sent to log in", () => {
  const folder = "captures/codex/login";
  interface Capture {
    method: string;
    raw_url: string;
    headers: [string, string][];
    body: unknown;
  }
  const capture = (file: string): Capture => JSON.parse(readData(`${folder}/${file}`)) as Capture;

  // As it was sent, but for what the issuer had drawn.
  function replayed(file: string, drawn: Record<string, string> = {}): Request {
    const { method, raw_url, headers, body } = capture(file);
    const sent = headers.filter(([name]) => !name.startsWith(":") && name !== "content-length");
    if (method !== "POST") return new Request(`${ISSUER}${raw_url}`, { headers: sent });
    const text =
      typeof body === "string"
        ? form({ ...Object.fromEntries(new URLSearchParams(body)), ...drawn })
        : JSON.stringify({ ...(body as Json), ...drawn });
    return new Request(`${ISSUER}${raw_url}`, { method, headers: sent, body: text });
  }

  test("browser: its address, its code and its exchange are accepted", async () => {
    const of = sandbox();
    const address = /https:\/\/auth\.openai\.com(\/oauth\/authorize\S+)/.exec(
      readData(`${folder}/browser/url.txt`),
    )?.[1];
    await control(of, { authorize: "auto" });
    const answer = await redirected(of, `${ISSUER}${address}`);
    expect(answer.get("state")).toBe(new URL(`${ISSUER}${address}`).searchParams.get("state"));
    const drawn = { code: answer.get("code") ?? "" };
    const response = await of.fetch(replayed("browser/001-POST_oauth_token.json", drawn));
    expect(response.status).toBe(200);
    const tokens = (await response.json()) as Json;
    const key = await of.fetch(replayed("browser/002-POST_oauth_token.json", { subject_token: tokens.id_token }));
    expect(((await key.json()) as Json).access_token).toStartWith("sk-");
  });

  test("device: the code, the polls and the exchange are accepted", async () => {
    const of = sandbox();
    await control(of, { device: { approve: "auto", after: 2 } });
    const begun = await of.fetch(replayed("device/001-POST_api_accounts_deviceauth_usercode.json"));
    const { device_auth_id, user_code } = (await begun.json()) as Record<string, string>;
    const drawn = { device_auth_id: device_auth_id ?? "", user_code: user_code ?? "" };
    const polls = ["002", "003", "004"].map((n) =>
      replayed(`device/${n}-POST_api_accounts_deviceauth_token.json`, drawn),
    );
    const answers: Response[] = [];
    for (const poll of polls) answers.push(await of.fetch(poll));
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 200]);
    const { authorization_code, code_verifier } = (await (answers[2] as Response).json()) as Record<string, string>;
    const last = { code: authorization_code ?? "", code_verifier: code_verifier ?? "" };
    expect((await of.fetch(replayed("device/005-POST_oauth_token.json", last))).status).toBe(200);
  });

  test("personal token and logout are accepted as they are", async () => {
    const of = sandbox(0);
    const known = { id: "acc-fake-0001", personalToken: "at-fake-personal-token", refreshToken: "rt_login_1" };
    await newAccount(of, known);
    const file = "pat/001-GET_api_accounts_v1_user-auth-credential_whoami.json";
    expect((await of.fetch(replayed(file))).status).toBe(200);
    const check = await of.fetch(replayed("pat/008-GET_backend-api_wham_accounts_check.json"));
    expect(((await check.json()) as Json).accounts.map(({ id }: Json) => id)).toEqual(["acc-fake-0001"]);
    expect((await of.fetch(replayed("logout/001-POST_oauth_revoke.json"))).status).toBe(200);
    expect(await refresh(of, "rt_login_1")).toMatchObject({
      status: 401,
      body: { error: { code: "refresh_token_invalidated" } },
    });
  });
});
