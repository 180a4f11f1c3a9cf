// An operator who says how accounts are spent gets just that, measured on the accounts themselves.

import { expect, test } from "bun:test";
import { startGateway, startSandbox } from "../binary.ts";

interface Seen {
  email: string;
  counts: { turns: number };
  windows: { primary: { usedPercent: number } };
}

/** Three accounts of one sandbox, and a gateway that spends them as it is told. */
async function spending(strategy: string | undefined, ranks: object[] = []) {
  const sandbox = await startSandbox({ args: ["--auth", "--accounts", "3"] });
  const post = async (path: string, body: unknown) =>
    (await fetch(sandbox.url + path, { method: "POST", body: JSON.stringify(body) })).json();
  const accounts: object[] = [];
  for (const [at, name] of ["a", "b", "c"].entries()) {
    const { auth } = (await post(`/sandbox/accounts/user${at + 1}@sandbox.test/login`, {})) as {
      auth: { tokens: { access_token: string } };
    };
    accounts.push({ name, accessToken: auth.tokens.access_token, ...ranks[at] });
  }
  const upstream = {
    kind: "chatgpt",
    baseUrl: `${sandbox.url}/backend-api/codex`,
    chatgptUrl: `${sandbox.url}/backend-api`,
    accounts,
    ...(strategy ? { strategy } : {}),
  };
  const gateway = await startGateway({ config: { upstreams: { up: upstream } } });
  let session = 0;
  return {
    control: (account: number, fields: object) =>
      post("/sandbox/control", { account: `user${account}@sandbox.test`, ...fields }),
    async newSessions(count: number) {
      for (const end = session + count; session < end; session++) {
        const body = JSON.stringify({ model: "gpt-5.5", input: "SAY hi", session_id: `session-${session}` });
        const answer = await fetch(`${gateway.base}/v1/responses`, { method: "POST", body });
        expect([session, answer.status]).toEqual([session, 200]);
        await answer.text();
      }
    },
    async seen() {
      const all = (await (await fetch(`${sandbox.url}/sandbox/accounts`)).json()) as { accounts?: Seen[] } | Seen[];
      return Array.isArray(all) ? all : (all.accounts ?? []);
    },
    async turns() {
      return (await this.seen()).map(({ counts }) => counts.turns);
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

const window = (usedPercent: number) => ({ usedPercent, windowMinutes: 300, resetsIn: 3600 });

test("least-used fills the empty accounts evenly and leaves the used one alone", async () => {
  await using pool = await spending(undefined);
  await pool.control(1, { usage: { primary: window(50), perTurn: 2 } });
  await pool.control(2, { usage: { primary: window(0), perTurn: 2 } });
  await pool.control(3, { usage: { primary: window(20), perTurn: 2 } });
  await pool.newSessions(30);
  const [a, b, c] = (await pool.seen()).map(({ windows }) => windows.primary.usedPercent) as [number, number, number];
  // Nothing is known of an account before its first answer.
  expect(a).toBeLessThanOrEqual(52);
  expect(Math.abs(b - c)).toBeLessThanOrEqual(12);
  expect(b + c).toBeGreaterThanOrEqual(20 + 29 * 2);
}, 30_000);

test("round-robin gives each account its turn, also among those of one priority", async () => {
  await using all = await spending("round-robin");
  await all.newSessions(30);
  for (const turns of await all.turns()) expect(Math.abs(turns - 10)).toBeLessThanOrEqual(1);
  await using two = await spending("round-robin", [{ priority: 1 }, {}, { priority: 1 }]);
  await two.newSessions(20);
  const [a, b, c] = (await two.turns()) as [number, number, number];
  expect(b).toBe(0);
  expect(Math.abs(a - c)).toBeLessThanOrEqual(2);
}, 30_000);

test("fill-first stays with the first account until it is full, and comes back when it has room", async () => {
  await using pool = await spending("fill-first");
  await pool.newSessions(10);
  expect(await pool.turns()).toEqual([10, 0, 0]);
  await pool.control(1, { limited: 5 });
  const until = Date.now() + 5500;
  await pool.newSessions(5);
  const [, second, third] = await pool.turns();
  expect([second, third]).toEqual([5, 0]);
  await Bun.sleep(until - Date.now());
  await pool.newSessions(5);
  expect((await pool.turns()).slice(1)).toEqual([5, 0]);
}, 30_000);

test("a higher priority is asked first, and equal ones share by weight", async () => {
  await using pool = await spending(undefined, [{ priority: -1 }, { weight: 3 }, { weight: 1 }]);
  for (const account of [1, 2, 3]) await pool.control(account, { usage: { perTurn: 0 } });
  await pool.newSessions(120);
  const [reserve, heavy, light] = (await pool.turns()) as [number, number, number];
  expect(reserve).toBe(0);
  expect(heavy / (heavy + light)).toBeGreaterThan(0.6);
  expect(heavy / (heavy + light)).toBeLessThan(0.9);
  for (const account of [2, 3]) await pool.control(account, { limited: 60 });
  await pool.newSessions(3);
  expect((await pool.turns())[0]).toBe(3);
}, 30_000);
