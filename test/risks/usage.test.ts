// An operator's questions about a server that serves: what was used, by whom, what failed; and nothing of what was said, unless asked for.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codexd } from "../binary.ts";
import { type Ring, readAll, ring } from "./ring.ts";

const ADMIN = "an-admin-licence-of-the-tests";
const KEPT = "a-licence-that-wants-it-kept";
const QUIET = "a-licence-that-says-nothing";
const keys = [
  { id: "boss", key: ADMIN, admin: true },
  { id: "kept", key: KEPT, keepPrompts: true },
  { id: "quiet", key: QUIET },
];
const plugins = [{ auth: { keys } }, "model-effort", "translate", "usage-log", "compact"];
const as = (key: string): RequestInit => ({ headers: { authorization: `Bearer ${key}` } });

const usage = async (it: Ring, ...flags: string[]) => {
  const args = ["usage", "--config", it.gateway.configFile as string, ...flags];
  const { code, stdout, stderr } = await codexd(args, { data: it.gateway.data as string });
  expect([flags, code, stderr]).toEqual([flags, 0, expect.any(String)]);
  return { stdout, stderr, json: flags.includes("--json") ? JSON.parse(stdout) : undefined };
};

test("sums by any keys under any filters, percentiles, failures and estimated costs, as the server tells them too", async () => {
  const prices = { currency: "EUR", models: { "gpt-5.5": { input: 2, cachedInput: 0.5, output: 10 } } };
  await using it = await ring({ config: { plugins, prices } });
  for (let count = 0; count < 3; count++)
    await readAll(await it.ask("SAY hi\nUSAGE 1000 400 100 10", { stream: count > 0 }, as(QUIET)));
  await readAll(await it.ask("FAIL context_length_exceeded", {}, as(QUIET)));
  const chat = { model: "gpt-5.1-high", messages: [{ role: "user", content: "SAY hi\nUSAGE 10 0 5 0" }] };
  await readAll(await it.post("/v1/chat/completions", chat, as(KEPT)));
  await it.settled(5);
  const { json } = await usage(it, "--by", "licence,dialect", "--json");
  expect(json).toMatchObject({
    by: "licence,dialect",
    currency: "EUR",
    rows: [
      {
        keys: { licence: "quiet", dialect: "responses" },
        ...{ turns: 4, ok: 3, failed: 1, inputTokens: 3000, cachedTokens: 1200, cacheHitRate: 0.4 },
        ...{ failureKinds: { context_window: 1 }, failureCodes: { context_length_exceeded: 1 } },
        estimatedCost: (3 * (600 * 2 + 400 * 0.5 + 100 * 10)) / 1e6,
      },
      { keys: { licence: "kept", dialect: "chat" }, turns: 1, estimatedCost: null },
    ],
    total: { turns: 5 },
  });
  const { totalMsP50, totalMsP95, totalMsP99 } = json.total as Record<string, number>;
  expect(totalMsP50).toBeGreaterThan(0);
  expect([totalMsP50, totalMsP95, totalMsP99]).toEqual(
    [totalMsP50, totalMsP95, totalMsP99].toSorted((a, b) => Number(a) - Number(b)),
  );
  const filters = ["--licence", "qu*", "--outcome", "failed", "--by", "code"];
  const failed = (await usage(it, ...filters, "--json")).json;
  expect(failed.rows).toMatchObject([{ key: "context_length_exceeded", turns: 1 }]);
  const query = "since=7d&licence=qu*&outcome=failed&by=code";
  const told = (await (await fetch(`${it.gateway.url}/admin/usage?${query}`, as(ADMIN))).json()) as typeof failed;
  expect(told.rows).toEqual(failed.rows);
  expect((await usage(it, "--until", "1d", "--json")).json.rows).toEqual([]);
  expect((await usage(it)).stdout).toMatch(/^model .* first p50 .* est\. EUR\n/);
  expect((await usage(it, "--csv", "--by", "model,day")).stdout).toMatch(
    /^model,day,turns,.*estimatedCostEUR,failures\r\n/,
  );
});

test("single receipts are found by what they are, page by page", async () => {
  await using it = await ring({ config: { plugins } });
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) {
    const answer = await it.ask("SAY hi", { session_id: `talk-${count % 2}` }, as(QUIET));
    ids.push(answer.headers.get("x-request-id") ?? "");
    await readAll(answer);
  }
  await it.settled(5);
  const { json } = await usage(it, "--id", ids[2] as string, "--json");
  expect(json.receipts).toMatchObject([{ id: ids[2], session: "talk-0", licence: "quiet" }]);
  const first = (await usage(it, "--receipts", "--session", "talk-0", "--limit", "2", "--json")).json;
  const next = (await usage(it, "--session", "talk-0", "--limit", "2", "--cursor", first.cursor, "--json")).json;
  const found = [...first.receipts, ...next.receipts].map(({ id }: { id: string }) => id);
  expect([found, next.cursor]).toEqual([[ids[4], ids[2], ids[0]], null]);
  const table = await usage(it, "--receipts", "--limit", "2");
  expect(table.stdout.trimEnd().split("\n")).toHaveLength(3);
  expect(table.stderr).toContain("there are more: --cursor ");
  expect((await usage(it, "--receipts", "--csv")).stdout.split("\r\n")[0]).toStartWith("id,at,licence,session,");
});

test("old receipts go in the background, and their sums stay", async () => {
  const config = { plugins, receipts: { keep: "2d" } };
  const { data, configFile } = await aged({ plugins });
  await using it = await ring({ gateway: { data, args: [] }, config });
  expect(configFile).toBeDefined();
  await it.gateway.printed(/old receipts are only sums now.*"?receipts"?[=:]3\b/);
  const days = (await usage(it, "--since", "30d", "--by", "day", "--json")).json;
  expect(days.total.turns).toBe(4);
  expect(days.reaches).toBeUndefined();
  const cross = (await usage(it, "--since", "30d", "--by", "model,outcome", "--json")).json;
  expect([cross.total.turns, cross.reaches]).toEqual([1, expect.stringMatching(/T\d\d:00:00\.000Z$/)]);
  expect((await usage(it, "--since", "30d", "--by", "model,outcome")).stderr).toContain("receipts are kept since");
  expect((await usage(it, "--since", "30d", "--receipts", "--json")).json.receipts).toHaveLength(1);
});

/** A data directory whose first three receipts are ten days old. */
async function aged(config: Record<string, unknown>): Promise<{ data: string; configFile: string | undefined }> {
  await using it = await ring({ config });
  const clock = Date.now() - 10 * 86_400_000;
  for (let count = 0; count < 4; count++) await readAll(await it.ask("SAY hi", {}, as(QUIET)));
  await it.settled(4);
  expect(await it.gateway.stop()).toBe(0);
  const data = it.gateway.data as string;
  const database = new Database(join(data, "codexd.db"));
  const hour = 3_600_000;
  const rows = database.query("select uid from receipts order by at limit 3").all() as { uid: string }[];
  for (const { uid } of rows) database.query("update receipts set at = ? where uid = ?").run(clock, uid);
  // Sums are by the hour; three of the four turns were in another one.
  const sums = database.query("select kind, key, sums from usage_hours").all() as {
    kind: string;
    key: string;
    sums: string;
  }[];
  for (const { kind, key, sums: text } of sums) {
    const whole = JSON.parse(text) as { counts: number[] };
    const [now, then] = [1, 3].map((turns) => JSON.stringify({ ...whole, counts: [turns, turns, 0, 0, 0] }));
    database.query("update usage_hours set sums = ? where kind = ? and key = ?").run(now as string, kind, key);
    database
      .query("insert into usage_hours (kind, hour, key, writer, sums) values (?, ?, ?, 'then', ?)")
      .run(kind, clock - (clock % hour), key, then as string);
  }
  database.close();
  return { data, configFile: it.gateway.configFile };
}

const WORDS = { input: "zq-what-was-said", output: "zq-what-was-answered" };

test("what is said is kept only where the licence asks, sealed, and shown to admins alone", async () => {
  await using it = await ring({ config: { plugins } });
  const said = async (key: string, stream: boolean): Promise<string> => {
    const body = { instructions: WORDS.input, input: `SAY ${WORDS.output}`, stream };
    const answer = await it.ask("", body, as(key));
    const { text } = await readAll(answer);
    expect(text).toContain(WORDS.output);
    return answer.headers.get("x-request-id") ?? "";
  };
  const ids = {
    kept: [await said(KEPT, true), await said(KEPT, false)],
    quiet: [await said(QUIET, true), await said(QUIET, false)],
  };
  await it.settled(4);
  const shown = async (id: string, key = ADMIN) =>
    (await fetch(`${it.gateway.url}/admin/receipts/${id}`, as(key))).text();
  for (const id of ids.kept) {
    const { receipts } = JSON.parse(await shown(id)) as { receipts: { said: unknown }[] };
    expect(JSON.stringify(receipts[0]?.said)).toContain(WORDS.input);
    expect(JSON.stringify(receipts[0]?.said)).toContain(WORDS.output);
    expect(await shown(id, KEPT)).not.toContain(WORDS.output);
  }
  for (const id of ids.quiet) expect(JSON.parse(await shown(id)).receipts).toMatchObject([{ id, said: null }]);
  for (const path of ["/admin/receipts", "/admin/sessions", "/admin/usage"])
    expect(await (await fetch(it.gateway.url + path, as(ADMIN))).text()).not.toContain(WORDS.output);
  expect(await it.gateway.stop()).toBe(0);
  const data = it.gateway.data as string;
  const database = new Database(join(data, "codexd.db"), { readonly: true });
  expect(database.query("select distinct licence from prompts").all()).toEqual([{ licence: "kept" }]);
  database.close();
  for (const name of readdirSync(data, { recursive: true }) as string[]) {
    if (!name.includes(".")) continue;
    const bytes = readFileSync(join(data, name), "latin1");
    for (const word of Object.values(WORDS)) expect([name, bytes.includes(word)]).toEqual([name, false]);
  }
  expect(it.gateway.stderr()).not.toContain(WORDS.output);
});

test("a licence of the store may ask for it too", async () => {
  await using it = await ring({ config: { plugins } });
  const data = it.gateway.data as string;
  const made = JSON.parse((await codexd(["keys", "create", "--keep-prompts", "--json"], { data })).stdout);
  expect(made.keepPrompts).toBe(true);
  const answer = await it.ask(`SAY ${WORDS.output}`, {}, as(made.key));
  await readAll(answer);
  await it.settled(1);
  const id = answer.headers.get("x-request-id");
  for (let tries = 0; ; tries++) {
    const text = await (await fetch(`${it.gateway.url}/admin/receipts/${id}`, as(ADMIN))).text();
    if (text.includes(WORDS.output)) break;
    if (tries > 100) throw new Error(`never kept: ${text}`);
    await Bun.sleep(20);
  }
});
