// A pool under load whose accounts run out, are revoked and overloaded: no client sees it, sessions stay put, and rests end when they should.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { timed } from "../least.ts";
import { settledReceipts } from "./ring.ts";

// biome-ignore lint/suspicious/noExplicitAny: read by path
type Json = Record<string, any>;

const NAMES = ["limited", "revoked", "busy"] as const;
const SESSIONS = 40;
const AT_ONCE = 16;
/** Seconds for which an account is used up: as long as the load lasts that must not touch it, on this machine. */
let limited = 12;

let sandbox: Server;
let gateway: Server;
/** What the sandbox calls each account. */
const idOf = new Map<string, string>();

beforeAll(async () => {
  sandbox = await startSandbox({ args: ["--auth", "--accounts", "3"] });
  const folder = temporary();
  const { accounts } = await control({});
  for (const [at, name] of NAMES.entries()) {
    const { account, auth } = await call(`/sandbox/accounts/${accounts[at].id}/login`, {});
    idOf.set(name, account.id);
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(auth), { mode: 0o600 });
  }
  gateway = await startGateway({
    config: {
      upstreams: {
        up: {
          kind: "chatgpt",
          baseUrl: `${sandbox.url}/backend-api/codex`,
          chatgptUrl: `${sandbox.url}/backend-api`,
          issuer: sandbox.url,
          accounts: NAMES.map((name) => ({ name, authFile: join(folder, `${name}.json`), refresh: true })),
        },
      },
    },
  });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

async function call(path: string, body?: Json): Promise<Json> {
  const init = body && { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(sandbox.url + path, init);
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Json;
}
const control = (fields: Json) => call("/sandbox/control", fields);
const only = (name: (typeof NAMES)[number], fields: Json) => control({ account: idOf.get(name), ...fields });

async function counts(name: (typeof NAMES)[number]): Promise<Json> {
  const { auth } = await call("/sandbox/stats");
  return auth.accounts.find(({ id }: Json) => id === idOf.get(name));
}

function rows<Row>(sql: string): Row[] {
  const database = new Database(join(gateway.data as string, "codexd.db"), { readonly: true });
  const found = database.query(sql).all() as Row[];
  database.close();
  return found;
}
const served = () =>
  rows<{ session: string; account: string; outcome: string }>("select * from receipts order by rowid");
const restOf = (name: string) =>
  rows<{ cooldown_until: number | null; cooldown_reason: string | null }>(
    `select * from account_states where name = '${name}'`,
  )[0];

/** So many turns over these sessions, streamed and not in turn, some at once; what was no answer. */
async function load(turns: number, sessions: readonly string[]): Promise<string[]> {
  const wrong: string[] = [];
  const before = served().length;
  let next = 0;
  const client = async () => {
    for (let turn = next++; turn < turns; turn = next++) {
      const stream = turn % 2 === 0;
      const session_id = sessions[turn % sessions.length];
      const body = JSON.stringify({ model: "gpt-5.5", input: `SAY this is ${turn}`, stream, session_id });
      const answer = await fetch(`${gateway.base}/v1/responses`, { method: "POST", body });
      const text = await answer.text();
      const whole = stream ? text.includes("response.completed") : text.includes('"status":"completed"');
      if (!answer.ok || !whole || !text.includes(`this is ${turn}`)) wrong.push(`${turn}: ${answer.status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  await settledReceipts(gateway, before + turns);
  return wrong;
}

/** The accounts that answered each session, in order, without repetitions that follow each other. */
function paths(since: number): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { session, account } of served().slice(since)) {
    const path = found.get(session) ?? [];
    if (path.at(-1) !== account) found.set(session, [...path, account]);
  }
  return found;
}

const sessions = Array.from({ length: SESSIONS }, (_, at) => `session-${at}`);
const shareOf = (name: string, since: number) =>
  [...paths(since).values()].filter((path) => path.includes(name)).length;

test("while all are well, sessions spread over them and each stays with its own", async () => {
  const took = await timed(async () => expect(await load(100, sessions)).toEqual([]));
  limited = Math.max(limited, Math.ceil((5 * took) / 1000));
  expect([...paths(0).values()].every((path) => path.length === 1)).toBe(true);
  for (const name of NAMES) expect(shareOf(name, 0)).toBeGreaterThan(4);
}, 60_000);

test("one limited, one revoked, one overloaded at times: nobody sees a failure, and who was moved stays", async () => {
  const before = paths(0);
  const until = Math.ceil(Date.now() / 1000) + limited;
  await only("limited", { limitedUntil: until });
  await only("revoked", { revoked: true });
  const wrong = await load(50, sessions);
  await only("busy", { fail: { code: "server_is_overloaded", times: 3 } });
  wrong.push(...(await load(25, sessions)));
  await only("busy", { fail: { code: "server_is_overloaded", during: 0, times: 3 } });
  wrong.push(...(await load(25, sessions)));
  expect(wrong).toEqual([]);
  expect(served().every(({ outcome }) => outcome === "ok")).toBe(true);

  const after = paths(100);
  for (const session of sessions) expect([session, after.get(session)]).toEqual([session, ["busy"]]);
  expect([...before.values()].flat()).toContain("limited");
  // Only what was on its way when the limit came met it, and the login was given up at the first refusal.
  expect((await counts("limited")).failed).toBeLessThanOrEqual(AT_ONCE);
  expect((await counts("revoked")).unauthorized).toBeLessThanOrEqual(2 * AT_ONCE);
  expect((await counts("busy")).failed).toBe(6);
  expect(restOf("limited")).toMatchObject({ cooldown_until: until * 1000, cooldown_reason: "usage_limit_reached" });
}, 120_000);

test("when the limit is over the account, now the least used, serves the new sessions and takes no old one", async () => {
  const until = restOf("limited")?.cooldown_until ?? 0;
  await Bun.sleep(Math.max(0, until - Date.now()) + 200);
  const since = served().length;
  const fresh = Array.from({ length: SESSIONS / 2 }, (_, at) => `new-${at}`);
  expect(await load(100, [...sessions, ...fresh])).toEqual([]);
  const after = paths(since);
  for (const session of sessions) expect([session, after.get(session)]).toEqual([session, ["busy"]]);
  // Least used first: its window has begun anew, and the other's is nearly full.
  for (const session of fresh) expect([session, after.get(session)]).toEqual([session, ["limited"]]);
  expect(shareOf("revoked", since)).toBe(0);
}, 120_000);

test("when all are out, each dialect says 429 with the earliest reset, streamed or not", async () => {
  const earliest = Math.ceil(Date.now() / 1000) + 300;
  await only("busy", { limitedUntil: earliest });
  await only("limited", { limitedUntil: earliest + 600 });
  const messages = [{ role: "user", content: "x" }];
  const contents = [{ role: "user", parts: [{ text: "x" }] }];
  const requests: [path: string, body: Json][] = [false, true].flatMap((stream) => [
    ["/v1/responses", { model: "gpt-5.5", input: "x", stream }],
    ["/v1/chat/completions", { model: "gpt-5.5", messages, stream }],
    ["/v1/messages", { model: "gpt-5.5", max_tokens: 100, messages, stream }],
    [`/v1beta/models/gpt-5.5:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`, { contents }],
  ]);
  for (const [path, body] of requests) {
    const answer = await fetch(gateway.base + path, { method: "POST", body: JSON.stringify(body) });
    expect([path, answer.status]).toEqual([path, 429]);
    const left = earliest - Date.now() / 1000;
    expect(Math.abs(Number(answer.headers.get("retry-after")) - left)).toBeLessThan(2);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    expect(await answer.text()).toMatch(/all accounts exhausted \(2 rate limited until \d\d:\d\d UTC, 1 expired\)/);
  }
  // Asked once more to learn of it, and then left alone.
  const failed = (await counts("busy")).failed + (await counts("limited")).failed;
  await fetch(`${gateway.base}/v1/responses`, {
    method: "POST",
    body: JSON.stringify({ model: "gpt-5.5", input: "x" }),
  });
  expect((await counts("busy")).failed + (await counts("limited")).failed).toBe(failed);
}, 120_000);
