// A refresh token that could be used twice, or whose failures looked unlike the real ones, would prove nothing about a client.
import { describe, expect, test } from "bun:test";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import { serveSandbox } from "../../src/upstream/sandbox/serve.ts";
import {
  ask,
  authStats,
  CLIENT_ID,
  claims,
  control,
  form,
  ISSUER,
  newAccount,
  refresh,
  refused,
  turn,
} from "./auth.ts";
import { filesUnder, HAS_DATA, type Json, readData } from "./client.ts";

const sandbox = () => createSandbox({ auth: true, accounts: 0 });

test("a refresh gives new tokens, ends the old refresh token, and leaves the old access token alone", async () => {
  const of = sandbox();
  const { auth } = await newAccount(of);
  const first = await refresh(of, auth.tokens.refresh_token);
  expect(first.status).toBe(200);
  expect(first.body.refresh_token).not.toBe(auth.tokens.refresh_token);
  expect(first.body.access_token).not.toBe(auth.tokens.access_token);
  expect((await turn(of, auth)).status).toBe(200);
  expect(await refresh(of, auth.tokens.refresh_token)).toMatchObject({
    status: 401,
    body: { error: { code: "refresh_token_reused" } },
  });
  expect((await refresh(of, first.body.refresh_token)).status).toBe(200);
  expect(await authStats(of)).toMatchObject({ issued: 3, refreshes: 2, reused: 1, refused: 1 });
});

test("form and JSON are the same to the token endpoint", async () => {
  const of = sandbox();
  const { auth } = await newAccount(of);
  const { refresh_token } = auth.tokens;
  const asked = form({ client_id: CLIENT_ID, grant_type: "refresh_token", refresh_token, scope: "openid" });
  expect((await ask(of, "/oauth/token", asked)).status).toBe(200);
});

test("an unknown token, another client and an unknown grant are refused", async () => {
  const of = sandbox();
  const { auth } = await newAccount(of);
  expect(await refresh(of, "rt_nobody")).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  const { refresh_token } = auth.tokens;
  const other = { client_id: "app_other", grant_type: "refresh_token", refresh_token };
  expect(await ask(of, "/oauth/token", other)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  const password = { client_id: CLIENT_ID, grant_type: "password" };
  expect((await ask(of, "/oauth/token", password)).body.error).toBe("unsupported_grant_type");
});

test.each([
  ["refresh_token_expired", 401],
  ["refresh_token_reused", 401],
  ["refresh_token_invalidated", 401],
  ["invalid_grant", 400],
  ["500", 500],
  ["503", 503],
  ["something_new", 401],
])("%s can be scripted for so many refreshes, and spends nothing", async (code, status) => {
  const of = sandbox();
  const { account, auth } = await newAccount(of);
  await control(of, { account: account.id, refresh: { code, times: 2 } });
  const answers = [await refresh(of, auth.tokens.refresh_token), await refresh(of, auth.tokens.refresh_token)];
  for (const answer of answers) {
    expect(answer.status).toBe(status);
    const named = answer.body.error.code ?? answer.body.error;
    if (status < 500) expect(named).toBe(code);
  }
  expect((await refresh(of, auth.tokens.refresh_token)).status).toBe(200);
  expect(await authStats(of)).toMatchObject({ refused: 2, refreshes: 1, reused: 0 });
});

test("expiry, revocation and the end of a login are told apart", async () => {
  const of = sandbox();
  const { account, auth } = await newAccount(of);
  const again = (await ask(of, `/sandbox/accounts/${account.email}/login`, {})).body.auth;
  await ask(of, "/oauth/revoke", { token: auth.tokens.refresh_token, client_id: CLIENT_ID });
  expect(await refused(turn(of, auth))).toEqual([401, "token_invalidated"]);
  expect((await turn(of, again)).status).toBe(200);
  await control(of, { account: account.id, expired: true });
  expect(await refused(turn(of, again))).toEqual([401, "token_expired"]);
  const fresh = (await refresh(of, again.tokens.refresh_token)).body;
  expect((await turn(of, { tokens: { ...fresh, account_id: account.id } })).status).toBe(200);
  await control(of, { account: account.id, refreshExpired: true });
  expect((await refresh(of, fresh.refresh_token)).body.error.code).toBe("refresh_token_expired");
  await control(of, { account: account.id, revoked: true });
  expect((await refresh(of, fresh.refresh_token)).body.error.code).toBe("refresh_token_invalidated");
  expect(await authStats(of)).toMatchObject({ unauthorized: 2, revoked: 2 });
});

test("the lifetime of tokens is the server's, then the account's", async () => {
  const of = createSandbox({ auth: true, accounts: 0, tokenLifetime: 310 });
  const lifetime = ({ tokens }: Json) => claims(tokens.access_token).exp - claims(tokens.access_token).iat;
  const { account, auth } = await newAccount(of);
  expect(lifetime(auth)).toBe(310);
  await control(of, { tokenLifetime: "5m20s" });
  await control(of, { account: account.id, tokenLifetime: 2 });
  expect(lifetime((await newAccount(of)).auth)).toBe(320);
  expect(lifetime({ tokens: (await refresh(of, auth.tokens.refresh_token)).body })).toBe(2);
});

test("a token is refused from the moment it expires", async () => {
  const of = createSandbox({ auth: true, accounts: 0, tokenLifetime: 0.05 });
  const { auth } = await newAccount(of);
  expect((await turn(of, auth)).status).toBe(200);
  await Bun.sleep(60);
  expect(await refused(turn(of, auth))).toEqual([401, "token_expired"]);
});

test("within the leeway a second use gets what the first one got", async () => {
  const of = sandbox();
  const { auth } = await newAccount(of);
  await control(of, { leeway: 60_000 });
  const first = await refresh(of, auth.tokens.refresh_token);
  expect(await refresh(of, auth.tokens.refresh_token)).toEqual(first);
  await control(of, { leeway: 0 });
  expect((await refresh(of, auth.tokens.refresh_token)).status).toBe(401);
});

describe("on a port", () => {
  async function served(run: (call: (path: string, body: Json, signal?: AbortSignal) => Promise<Response>) => unknown) {
    const server = serveSandbox({ auth: true, accounts: 0 });
    try {
      await run((path, body, signal) =>
        fetch(server.url + path, { method: "POST", body: JSON.stringify(body), ...(signal ? { signal } : {}) }),
      );
    } finally {
      await server.stop();
    }
  }
  const asked = (refresh_token: string) => ({ client_id: CLIENT_ID, grant_type: "refresh_token", refresh_token });
  type Call = Parameters<Parameters<typeof served>[0]>[0];
  const count = async (call: Call) => ((await (await call("/sandbox/stats", {})).json()) as Json).auth as Json;
  async function until(call: Call, holds: (stats: Json) => boolean): Promise<void> {
    while (!holds(await count(call))) await Bun.sleep(5);
  }

  test("a client that hangs up before its turn has spent nothing; one that hangs up after has", () =>
    served(async (call) => {
      const { auth } = (await (await call("/sandbox/accounts", {})).json()) as Json;
      const token = auth.tokens.refresh_token as string;
      await call("/sandbox/control", { tokenDelay: 5000 });
      const left = new AbortController();
      const waiting = call("/oauth/token", asked(token), left.signal).catch(() => undefined);
      await until(call, ({ overlapping }) => overlapping === 1);
      left.abort();
      await waiting;
      await call("/sandbox/control", { tokenDelay: 0, replyDelay: 5000 });
      const gone = new AbortController();
      const lost = call("/oauth/token", asked(token), gone.signal).catch(() => undefined);
      await until(call, ({ refreshes }) => refreshes === 1);
      gone.abort();
      await lost;
      await call("/sandbox/control", { replyDelay: 0 });
      expect(await refused(call("/oauth/token", asked(token)))).toEqual([401, "refresh_token_reused"]);
    }));

  test("refreshes of one account at the same time are counted, and only one of them wins", () =>
    served(async (call) => {
      const { auth } = (await (await call("/sandbox/accounts", {})).json()) as Json;
      await call("/sandbox/control", { tokenDelay: 50 });
      const all = await Promise.all([1, 2, 3].map(() => call("/oauth/token", asked(auth.tokens.refresh_token))));
      expect(all.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
      expect(await count(call)).toMatchObject({ refreshes: 1, reused: 2, overlapping: 3 });
    }));

  test("the connection can break instead of an answer", () =>
    served(async (call) => {
      const { auth } = (await (await call("/sandbox/accounts", {})).json()) as Json;
      await call("/sandbox/control", { refresh: { code: "drop", times: 1 } });
      const broken = call("/oauth/token", asked(auth.tokens.refresh_token)).then((response) => response.json());
      expect(await broken.catch(() => "broken")).toBe("broken");
      expect((await call("/oauth/token", asked(auth.tokens.refresh_token))).status).toBe(200);
    }));
});

describe.skipIf(!HAS_DATA)("what the real CLI sent to refresh", () => {
  const files = HAS_DATA
    ? filesUnder("captures/codex/refresh").filter((file) => file.endsWith("oauth_token.json"))
    : [];

  test.each(files)("%s is answered as it was", async (file) => {
    const { method, raw_url, headers, body, answered } = JSON.parse(readData(file)) as Json;
    const of = sandbox();
    const { account } = await newAccount(of, { id: "acc-fake-0001", refreshToken: body.refresh_token });
    const code = /fail-([^/]+)\//.exec(file)?.[1];
    if (code) await control(of, { account: account.id, refresh: { code } });
    const sent = headers.filter(([name]: [string]) => !name.startsWith(":") && name !== "content-length");
    const init = { method, headers: sent, body: JSON.stringify(body) };
    const response = await of.fetch(new Request(ISSUER + raw_url, init));
    expect(response.status).toBe(answered.status);
    const answer = (await response.json()) as Json;
    if (code?.startsWith("refresh_token")) expect(answer.error.code).toBe(code);
    if (!code) expect(claims(answer.access_token).exp).toBeGreaterThan(Date.now() / 1000);
    const [seen] = (await ask(of, "/sandbox/requests?side=auth&n=1")).body as unknown as Json[];
    expect(seen?.body).toEqual(body);
  });
});
