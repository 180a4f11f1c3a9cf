// A grown SQLite store moves to Postgres while its server serves: nothing is lost or written twice, and a server that has nothing but
// the copy knows the same licences, accounts, sessions, kept answers and numbers.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { issuing, stored } from "../account/setting.ts";
import { codexd, type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { hasPostgres, startPostgres } from "../postgres.ts";
import { hasRedis, startRedis } from "../redis.ts";

// biome-ignore lint/suspicious/noExplicitAny: read by path
type Json = Record<string, any>;

const SINCE = new Date(Date.now() - 86_400_000).toISOString();
const ACCOUNTS = ["first", "second"];

describe.skipIf(!hasPostgres || !hasRedis)("store copy under load", () => {
  test("the server goes on serving, counts are equal, and the copy serves the same", async () => {
    await using postgres = await startPostgres();
    await using redis = await startRedis();
    await using sandbox = await startSandbox({ args: ["--auth", "--accounts", "2"] });
    const issuer = await issuing({ url: sandbox.url });
    const data = join(temporary(), "data");
    {
      await using store = await openStore(data);
      for (const [at, name] of ACCOUNTS.entries())
        await store.accounts.put(stored(sandbox.url, await issuer.login(`user${at + 1}@sandbox.test`), name));
    }
    const backend = `${sandbox.url}/backend-api`;
    const up = { kind: "chatgpt", baseUrl: `${backend}/codex`, issuer: sandbox.url, chatgptUrl: backend };
    const config = { upstreams: { up: { ...up, strategy: "round-robin" } } };
    const old = await startGateway({ config, data });
    const key = (await codexd(["keys", "create", "ci"], { data })).stdout.trim();
    const gone = (await codexd(["keys", "create", "gone"], { data })).stdout.trim();
    await codexd(["keys", "revoke", "gone"], { data });

    const call = async (server: Server, method: string, path: string, body?: Json, secret = key) => {
      const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
      const init = body ? { method, headers, body: JSON.stringify(body) } : { method, headers };
      const answer = await fetch(`${server.base}/v1${path}`, init);
      const text = await answer.text();
      return { status: answer.status, text, json: text.startsWith("{") ? (JSON.parse(text) as Json) : {} };
    };
    const ask = (server: Server, input: string, more: Json = {}) =>
      call(server, "POST", "/responses", { model: "gpt-5.5", input, ...more });

    const first = await ask(old, "REMEMBER pineapple ;; SAY noted", { store: true, session_id: "kept" });
    const conversation = (await call(old, "POST", "/conversations", { metadata: { about: "fruit" } })).json.id;
    expect((await ask(old, "SAY marzipan", { conversation })).status).toBe(200);

    const seen: { id: string; ms: number }[] = [];
    const wrong: unknown[] = [];
    let stop = false;
    const client = async (number: number) => {
      for (let at = 0; !stop; at++) {
        const began = performance.now();
        const more = { stream: at % 2 === 0, store: at % 3 === 0, session_id: `s-${number}-${at % 20}` };
        const { status, text } = await ask(old, `SAY this is ${at}`, more);
        const id = /"id":"(resp_\w+)"/.exec(text)?.[1] ?? "";
        if (status === 200 && text.includes(`this is ${at}`)) seen.push({ id, ms: performance.now() - began });
        else wrong.push([status, text]);
      }
    };
    const clients = Array.from({ length: 6 }, (_, number) => client(number));
    while (seen.length < 150) await Bun.sleep(10);
    const copy = async () => {
      const done = await codexd(["store", "copy", "--to", postgres.url, "--json"], { data, timeout: 60_000 });
      expect([done.code, done.code === 0 ? "" : done.stderr]).toEqual([0, ""]);
      return JSON.parse(done.stdout) as { equal: boolean; tables: Json[] };
    };
    const before = seen.length;
    const began = performance.now();
    const under = await copy();
    const during = { turns: seen.length - before, ms: Math.round(performance.now() - began) };
    expect(during.turns).toBeGreaterThan(0);
    expect(under.equal).toBe(true);
    for (const { table, from, to } of under.tables) expect([table, to]).toEqual([table, from]);
    stop = true;
    await Promise.all(clients);
    expect(wrong).toEqual([]);
    expect(await old.stop()).toBe(0);

    const last = await copy();
    const receipts = last.tables.find(({ table }) => table === "receipts") as Json;
    expect(receipts).toMatchObject({ from: seen.length + 2, to: seen.length + 2 });
    const earlier = under.tables.find(({ table }) => table === "receipts") as Json;
    expect(receipts.written).toBe(receipts.to - earlier.to);
    expect((await copy()).tables.find(({ table }) => table === "receipts")).toMatchObject({ written: 0 });

    const told = async (args: string[], options: { data: string; env?: Record<string, string> }, file = "") => {
      const done = await codexd([...args, "--json", ...(file ? ["--config", file] : [])], options);
      expect([args, done.code, done.stderr]).toEqual([args, 0, ""]);
      return JSON.parse(done.stdout) as Json;
    };
    // A data directory without anything of the old one in it.
    const fresh = join(temporary(), "data");
    const file = join(temporary(), "codexd.yaml");
    await Bun.write(file, JSON.stringify({ ...config, store: postgres.url, counters: redis.url }));
    for (const args of [
      ["keys", "list"],
      ["accounts", "list"],
      ...["model", "day"].map((by) => ["usage", "--since", SINCE, "--by", by]),
    ])
      expect(await told(args, { data: fresh }, file)).toEqual(await told(args, { data }, old.configFile));

    await using next = await startGateway({
      config: { ...config, store: postgres.url, counters: redis.url },
      data: fresh,
    });
    expect((await call(next, "GET", "/models", undefined, gone)).status).toBe(401);
    const kept = await call(next, "GET", `/responses/${first.json.id}`);
    expect(kept.json).toEqual(first.json);
    const on = await ask(next, "RECALL pineapple", { previous_response_id: first.json.id });
    expect(on.text).toContain('"recalled: pineapple');
    expect((await call(next, "GET", `/conversations/${conversation}`)).json.metadata).toEqual({ about: "fruit" });
    expect((await ask(next, "RECALL marzipan", { conversation })).text).toContain('"recalled: marzipan');
    for (const session of ["s-0-0", "s-1-7", "s-2-13", "s-5-3"]) {
      await ask(next, "SAY on", { session_id: session });
      const { rows } = await told(["usage", "--by", "session"], { data: fresh }, file);
      const row = (rows as Json[]).find((one) => one.key === session);
      expect([session, row?.accounts?.length]).toEqual([session, 1]);
    }
    console.log(
      `${seen.length} turns, ${during.turns} of them in the ${during.ms} ms of the copy under load; the longest turn took ` +
        `${Math.round(Math.max(...seen.map(({ ms }) => ms)))} ms`,
    );
  }, 180_000);
});
