// A store that cannot be written stops no turn: receipts wait, Prometheus sees how many, and they are there afterwards.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { codexd } from "../binary.ts";
import { readAll, ring } from "./ring.ts";

test("turns go on while another process holds the file, and no receipt of them is lost", async () => {
  await using it = await ring();
  const data = it.gateway.data as string;
  await readAll(await it.ask("hello"));
  await it.settled(1);
  const gauge = async (name: string) => {
    const text = await (await fetch(`${it.gateway.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
  };
  const holder = new Database(join(data, "codexd.db"));
  holder.run("begin exclusive");
  for (let turn = 0; turn < 12; turn++) {
    const response = await it.ask("hello");
    expect(response.status).toBe(200);
    expect((await readAll(response)).text).toContain("response.completed");
  }
  expect(await gauge("codexd_receipts_queued")).toBe(12);
  await it.gateway.printed(/receipts cannot be written and wait/);
  holder.run("rollback");
  holder.close();
  await it.gateway.printed(/receipts are written again/);
  expect(await it.settled(13)).toHaveLength(13);
  expect([await gauge("codexd_receipts_queued"), await gauge("codexd_receipts_lost_total")]).toEqual([0, 0]);
  expect(JSON.parse((await codexd(["usage", "--json"], { data })).stdout).total.turns).toBe(13);
  expect(it.gateway.stderr().match(/cannot be written/g)).toHaveLength(1);
}, 60_000);

test("an admin is told that the store is away, not of a conflict nor of a mistake of ours", async () => {
  const key = "an-admin-licence-of-the-tests";
  const plugins = [{ auth: { keys: [{ id: "boss", key, admin: true }] } }, "model-effort", "translate"];
  await using it = await ring({ kind: "chatgpt", config: { plugins } });
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  using holder = new Database(join(it.gateway.data as string, "codexd.db"));
  holder.run("begin exclusive");
  const answer = await fetch(`${it.gateway.url}/admin/licences`, { method: "POST", headers, body: '{"id":"ci"}' });
  expect([answer.status, await answer.json()]).toEqual([
    503,
    { error: expect.objectContaining({ code: "server_is_overloaded" }) },
  ]);
  expect(answer.headers.get("retry-after")).not.toBeNull();
  holder.run("rollback");
  expect((await fetch(`${it.gateway.url}/admin/licences`, { headers })).status).toBe(200);
}, 30_000);
