// Several gateways on one Postgres: what one does counts on the others, and a restart of the server fails no turn.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { codexd, type Server, startGateway, startSandbox } from "../binary.ts";
import { least, timed } from "../least.ts";
import { hasPostgres, type Postgres, startPostgres } from "../postgres.ts";
import { readAll } from "./ring.ts";

let postgres: Postgres;
let sandbox: Server;

beforeAll(async () => {
  if (!hasPostgres) return;
  [postgres, sandbox] = await Promise.all([startPostgres(), startSandbox()]);
}, 60_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

/** A gateway with a data directory of its own, as on another machine. */
async function gateway(database: string): Promise<Server> {
  const accounts = [{ name: "key", apiKey: "sk-test-000000" }];
  const upstreams = { up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts } };
  return await startGateway({ config: { store: "${STORE}", upstreams }, env: { STORE: database } });
}

async function made(name: string): Promise<string> {
  const sql = new SQL(postgres.url, { max: 1 });
  await sql.unsafe(`create database ${name}`);
  await sql.close();
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return url.href;
}

const ask = (server: Server, key: string, input = "hello") =>
  fetch(`${server.base}/v1/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5.5", input, stream: true }),
  });

/** Asks as a command on the machine of this gateway. */
const run = async (server: Server, database: string, ...args: string[]) => {
  const done = await codexd([...args, "--config", server.configFile ?? ""], {
    data: server.data as string,
    env: { STORE: database },
  });
  if (done.code !== 0) throw new Error(done.stderr);
  return done.stdout;
};

describe.skipIf(!hasPostgres)("gateways on one Postgres", () => {
  test("a licence that one makes works on the other at once, and one that it revokes is refused there within a second", async () => {
    const database = await made("licences");
    await using one = await gateway(database);
    await using other = await gateway(database);
    const key = (await run(one, database, "keys", "create", "ci")).trim();
    expect((await ask(other, key)).status).toBe(200);
    expect((await ask(one, key)).status).toBe(200);
    let count = 0;
    const revoked = async () => {
      const name = `passing${count++}`;
      const passing = (await run(one, database, "keys", "create", name)).trim();
      for (const server of [one, other]) expect((await ask(server, passing)).status).toBe(200);
      await run(one, database, "keys", "revoke", name);
      return await timed(async () => {
        for (const server of [one, other]) while ((await ask(server, passing)).status === 200);
      });
    };
    const took = await least(1000, revoked);
    console.log(`refused after ${Math.round(took)} ms`);
    expect(took).toBeLessThan(1000);
    await run(one, database, "keys", "revoke", "ci");
    for (const server of [one, other]) while ((await ask(server, key)).status === 200);
    // It was the last one: that must not throw the server open.
    expect((await fetch(`${other.base}/v1/models`)).status).toBe(401);
  }, 60_000);

  test("Postgres that is killed and comes back under load costs no turn and no receipt", async () => {
    const database = await made("restart");
    await using one = await gateway(database);
    await using other = await gateway(database);
    const key = (await run(one, database, "keys", "create", "ci")).trim();
    for (const server of [one, other]) await readAll(await ask(server, key));
    const seen: string[] = [];
    const failed: unknown[] = [];
    let stop = false;
    const client = async (server: Server) => {
      while (!stop) {
        const response = await ask(server, key);
        const { text } = await readAll(response);
        if (response.status === 200 && text.includes("response.completed"))
          seen.push(response.headers.get("x-request-id") as string);
        else failed.push([response.status, text.slice(0, 300)]);
      }
    };
    const clients = [one, other, one, other].map(client);
    await Bun.sleep(300);
    for (const end of [postgres.stop, postgres.kill9]) {
      await end();
      const before = seen.length;
      while (seen.length < before + 20) await Bun.sleep(20);
      await Bun.sleep(500);
      await postgres.start();
      await Bun.sleep(1500);
    }
    stop = true;
    await Promise.all(clients);
    expect(failed).toEqual([]);
    const sql = new SQL(database, { max: 1 });
    const receipts = async () =>
      (await sql.unsafe("select id from receipts")).map(({ id }: { id: string }) => id) as string[];
    let kept = await receipts();
    for (let tries = 0; tries < 100 && kept.length < seen.length + 2; tries++) {
      await Bun.sleep(50);
      kept = await receipts();
    }
    await sql.close();
    expect(seen.filter((id) => !kept.includes(id))).toEqual([]);
    expect(new Set(kept).size).toBe(kept.length);
    const [row] = JSON.parse(await run(one, database, "usage", "--json")).rows;
    expect(row.turns).toBe(kept.length);
    console.log(`${seen.length} turns while Postgres went away twice; ${kept.length} receipts`);
  }, 90_000);

  test("a gateway that is killed leaves its receipts to whoever opens its store next", async () => {
    const database = await made("killed");
    const one = await gateway(database);
    const key = (await run(one, database, "keys", "create", "ci")).trim();
    const seen: string[] = [];
    const client = async () => {
      for (;;) {
        try {
          const response = await ask(one, key);
          const id = response.headers.get("x-request-id") as string;
          if ((await readAll(response)).text.includes("response.completed")) seen.push(id);
        } catch {
          return;
        }
      }
    };
    const clients = Array.from({ length: 8 }, client);
    while (seen.length < 100) await Bun.sleep(10);
    await one.kill9();
    await Promise.all(clients);
    const usage = JSON.parse(await run(one, database, "usage", "--json"));
    const sql = new SQL(database, { max: 1 });
    const kept = (await sql.unsafe("select id from receipts")).map(({ id }: { id: string }) => id) as string[];
    await sql.close();
    expect(seen.filter((id) => !kept.includes(id))).toEqual([]);
    expect(usage.total.turns).toBe(kept.length);
  }, 60_000);

  test("a gateway moves from its file to Postgres while it serves, with nothing lost and nothing twice", async () => {
    const database = await made("moved");
    const accounts = [{ name: "key", apiKey: "sk-test-000000" }];
    const upstreams = { up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts } };
    await using one = await startGateway({ config: { upstreams } });
    const data = one.data as string;
    const key = (await codexd(["keys", "create", "ci"], { data })).stdout.trim();
    const seen: string[] = [];
    let stop = false;
    const client = async () => {
      while (!stop) {
        const response = await ask(one, key);
        seen.push(response.headers.get("x-request-id") as string);
        await readAll(response);
      }
    };
    const clients = Array.from({ length: 4 }, client);
    while (seen.length < 50) await Bun.sleep(10);
    const copy = async () => {
      const done = await codexd(["store", "copy", "--to", database, "--json"], { data });
      expect(done.stderr).not.toContain("secret-word");
      expect({ code: done.code, stderr: done.code === 0 ? "" : done.stderr }).toEqual({ code: 0, stderr: "" });
      return JSON.parse(done.stdout) as {
        equal: boolean;
        to: string;
        tables: { table: string; from: number; to: number }[];
      };
    };
    const first = await copy();
    expect(first).toMatchObject({ equal: true, to: expect.stringContaining("codexd:********@") });
    expect(first.tables[0]?.to).toBeGreaterThanOrEqual(50);
    stop = true;
    await Promise.all(clients);
    await one.stop();
    const second = await copy();
    expect(second.tables[0]).toMatchObject({ table: "receipts", from: seen.length, to: seen.length });
    await using moved = await gateway(database);
    expect((await ask(moved, key)).status).toBe(200);
    const sql = new SQL(database, { max: 1 });
    const kept = (await sql.unsafe("select id from receipts")).map(({ id }: { id: string }) => id) as string[];
    await sql.close();
    expect(seen.filter((id) => !kept.includes(id))).toEqual([]);
    expect(new Set(kept).size).toBe(kept.length);
  }, 60_000);

  test("check, migrate and show say what there is, without the password", async () => {
    const database = await made("told");
    await using one = await gateway(database);
    expect(await run(one, database, "store", "migrate")).toMatch(
      /codexd:\*{8}@.*: schema version \d+ \(as it was\)\n$/,
    );
    expect(JSON.parse(await run(one, database, "store", "check", "--json"))).toMatchObject({ ok: true });
    const shown = await run(one, database, "config", "show");
    expect(shown).not.toContain("secret-word");
    expect(shown).toContain("store: postgres://********@127.0.0.1");
    expect(one.stdout() + one.stderr()).not.toContain("secret-word");
  }, 60_000);
});
