// Three instances on one Postgres and one Redis, nothing of them shared but that: whoever is asked, limits, accounts, receipts and
// kept answers are the same, and what is killed or restarted under load costs no client more than its own connection.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { SQL } from "bun";
import { openStore } from "../../src/store/index.ts";
import { type Issuing, issuing, stored } from "../account/setting.ts";
import { codexd, type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { least, timed } from "../least.ts";
import { hasPostgres, type Postgres, startPostgres } from "../postgres.ts";
import { hasRedis, type Redis, startRedis } from "../redis.ts";

/** The full size is 2000, of 200 sessions. */
const TURNS = Number(process.env.CODEXD_INSTANCES ?? 600);
const SESSIONS = TURNS / 10;
const ACCOUNTS = ["first", "second", "third"];
const LIFETIME_S = 20;
/** Of a licence with so many requests, and of one with so many tokens. */
const COUNTED = { limit: Math.round(TURNS * 0.15), asked: Math.round(TURNS * 0.2) };
const METERED = { limit: Math.round(TURNS * 0.05), asked: Math.round(TURNS * 0.08), tokens: 20 };
const FREE = TURNS - COUNTED.asked - METERED.asked;
const KEYS = {
  free: "sk-without-limits",
  counted: "sk-with-requests",
  metered: "sk-with-tokens",
  boss: "sk-of-the-boss",
};

let postgres: Postgres;
let redis: Redis;
let sandbox: Server;
let issuer: Issuing;
let config: Record<string, unknown>;
let began: number;
const data = Array.from({ length: 3 }, () => join(temporary(), "data"));
const instances: (Server | undefined)[] = [];

const has = hasPostgres && hasRedis;

beforeAll(async () => {
  if (!has) return;
  [postgres, redis, sandbox] = await Promise.all([
    startPostgres(),
    startRedis({ keeps: true }),
    startSandbox({ args: ["--auth", "--accounts", `${ACCOUNTS.length}`, "--token-lifetime", `${LIFETIME_S}s`] }),
  ]);
  issuer = await issuing({ url: sandbox.url });
  const backend = `${sandbox.url}/backend-api`;
  const up = { kind: "chatgpt", baseUrl: `${backend}/codex`, issuer: sandbox.url, chatgptUrl: backend };
  const keys = [
    { id: "free", key: KEYS.free },
    { id: "counted", key: KEYS.counted, requestsPerDay: COUNTED.limit },
    { id: "metered", key: KEYS.metered, tokensPerDay: METERED.limit * METERED.tokens },
    { id: "boss", key: KEYS.boss, admin: true },
  ];
  config = {
    store: postgres.url,
    counters: redis.url,
    // Each instance by itself would give a session the next account of its own round.
    upstreams: { up: { ...up, strategy: "round-robin" } },
    plugins: [{ auth: { keys } }, "model-effort", "translate", "usage-log", "compact"],
  };
  const store = await openStore(join(temporary(), "data"), { store: postgres.url });
  began = Date.now();
  for (const [at, name] of ACCOUNTS.entries())
    await store.accounts.put(stored(sandbox.url, await issuer.login(`user${at + 1}@sandbox.test`), name));
  await store.close();
  // A killed instance then more likely has not been heard by the issuer than it has spent what nobody keeps.
  await issuer.control({ tokenDelay: 100 });
  instances.push(...(await Promise.all(data.map((folder) => startGateway({ config, data: folder })))));
}, 60_000);

afterAll(async () => {
  for (const one of [...instances, sandbox, postgres, redis]) await one?.[Symbol.asyncDispose]();
});

type Form = [path: string, body: Record<string, unknown>, end: string];

/** The same question in every dialect, streamed and not. */
function forms(prompt: string): Form[] {
  const messages = [{ role: "user", content: prompt }];
  const contents = [{ role: "user", parts: [{ text: prompt }] }];
  const model = "gpt-5.5";
  return [
    ["/v1/responses", { model, input: prompt }, '"status":"completed"'],
    ["/v1/responses", { model, input: prompt, stream: true }, "response.completed"],
    ["/v1/chat/completions", { model, messages }, '"finish_reason":"stop"'],
    ["/v1/chat/completions", { model, messages, stream: true }, "[DONE]"],
    ["/v1/messages", { model, max_tokens: 50, messages }, '"end_turn"'],
    ["/v1/messages", { model, max_tokens: 50, messages, stream: true }, "message_stop"],
    ["/v1beta/models/gpt-5.5:generateContent", { contents }, '"STOP"'],
    ["/v1beta/models/gpt-5.5:streamGenerateContent?alt=sse", { contents }, '"STOP"'],
  ];
}

interface Asked {
  id: string;
  session: string;
  /** Which instance. */
  at: number;
  /** 0 where the connection broke. */
  status: number;
  text: string;
  /** The answer came to its end. */
  whole: boolean;
}

let count = 0;

/** The number of an instance that serves. */
function anyone(): number {
  const here = [...instances.keys()].filter((one) => instances[one] !== undefined);
  return here[Math.floor(Math.random() * here.length)] as number;
}

/** One turn, at an instance by chance unless told. */
async function turn(key: string, session: string, prompt = "SAY ok ;; USAGE 10 0 10 0", at = anyone()): Promise<Asked> {
  const id = `turn-${count++}-${key.slice(3)}`;
  const [path, body, end] = forms(prompt)[count % 8] as Form;
  const headers = { authorization: `Bearer ${key}`, "x-session-id": session, "x-request-id": id };
  const asked = { id, session, at };
  try {
    const answer = await fetch(`${instances[at]?.base}${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    return { ...asked, status: answer.status, text, whole: answer.status === 200 && text.includes(end) };
  } catch (error) {
    return { ...asked, status: 0, text: String(error), whole: false };
  }
}

/** So many turns over sessions, each client with some of its own. */
async function load(clients: number, one: (client: number, at: number) => Promise<void>, turns: number): Promise<void> {
  let next = 0;
  const client = async (number: number) => {
    for (let at = next++; at < turns; at = next++) await one(number, at);
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
}

async function rows<Row>(sql: string): Promise<Row[]> {
  const client = new SQL(postgres.url, { max: 1, bigint: true });
  try {
    return (await client.unsafe(sql)) as Row[];
  } finally {
    await client.close();
  }
}

/** A command on the machine of the first instance. */
async function run(...args: string[]): Promise<string> {
  const config = instances[0]?.configFile ?? "";
  const { code, stdout, stderr } = await codexd([...args, "--config", config], { data: data[0] as string });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

interface Receipt {
  id: string;
  session: string | null;
  account: string | null;
  licence: string;
  outcome: string;
}

/** Waits until the receipts of these are all there; gives all. */
async function receiptsOf(ids: readonly string[]): Promise<Receipt[]> {
  for (let tries = 0; ; tries++) {
    const found = await rows<Receipt>("select id, session, account, licence, outcome from receipts");
    const known = new Set(found.map(({ id }) => id));
    const missing = ids.filter((id) => !known.has(id));
    if (missing.length === 0) return found;
    if (tries > 600) throw new Error(`${missing.length} receipts never came: ${missing.slice(0, 5).join(", ")}`);
    await Bun.sleep(50);
  }
}

/** Sessions that were answered by more than one account. */
function strayed(receipts: readonly Receipt[], but: (receipt: Receipt) => boolean = () => false): unknown[] {
  const accounts = new Map<string, Set<string>>();
  for (const receipt of receipts) {
    if (receipt.account === null || receipt.session === null || but(receipt)) continue;
    accounts.set(receipt.session, (accounts.get(receipt.session) ?? new Set()).add(receipt.account));
  }
  return [...accounts].filter(([, names]) => names.size > 1).map(([session, names]) => [session, ...names]);
}

async function refreshedOncePerExpiry(): Promise<string> {
  const lived = (Date.now() - began) / 1000;
  const counts = await issuer.counts();
  expect(counts).toMatchObject({ reused: 0, refused: 0, unauthorized: 0 });
  expect(counts.overlapping).toBeLessThanOrEqual(1);
  // Due at half of so short a life.
  expect(counts.refreshes).toBeLessThanOrEqual(ACCOUNTS.length * (Math.ceil(lived / (LIFETIME_S / 2)) + 1));
  return `${counts.refreshes} refreshes of ${ACCOUNTS.length} accounts in ${Math.round(lived)} s`;
}

describe.skipIf(!has)("three instances on one Postgres and one Redis", () => {
  test("limits are exact, each exchange has one receipt, each session its account, whoever is asked", async () => {
    const asked: Asked[] = [];
    const note = async (one: Promise<Asked>) => void asked.push(await one);
    const started = performance.now();
    await Promise.all([
      load(12, (client, at) => note(turn(KEYS.free, `s-${((at * 12) % SESSIONS) + client}`)), FREE),
      load(4, (_, at) => note(turn(KEYS.counted, `counted-${at % 10}`)), COUNTED.asked),
      // What is under way is estimated, so that only one after the other says where the limit is.
      load(1, (_, at) => note(turn(KEYS.metered, `metered-${at % 10}`)), METERED.asked),
    ]);
    const seconds = (performance.now() - started) / 1000;
    expect(asked.filter(({ status, whole }) => status !== 429 && !whole)).toEqual([]);

    const of = (key: string) => asked.filter(({ id }) => id.endsWith(key.slice(3)));
    const admitted = (key: string) => of(key).filter(({ status }) => status === 200).length;
    expect(admitted(KEYS.free)).toBe(FREE);
    expect(admitted(KEYS.counted)).toBeWithin(COUNTED.limit - 1, COUNTED.limit + 2);
    expect(admitted(KEYS.metered)).toBeWithin(METERED.limit - 1, METERED.limit + 2);

    const receipts = await receiptsOf(asked.map(({ id }) => id));
    expect(receipts.map(({ id }) => id).sort()).toEqual(asked.map(({ id }) => id).sort());
    expect(receipts.filter(({ outcome }) => outcome === "refused")).toHaveLength(
      asked.filter(({ status }) => status === 429).length,
    );
    expect(strayed(receipts)).toEqual([]);
    for (const name of ACCOUNTS) expect(receipts.filter(({ account }) => account === name).length).toBeGreaterThan(0);
    const perInstance = instances.map((_, one) => asked.filter(({ at }) => at === one).length);
    console.log(
      `${asked.length} turns of ${SESSIONS + 20} sessions in ${seconds.toFixed(1)} s, ${perInstance.join(" + ")}; let in ` +
        `${admitted(KEYS.counted)} of ${COUNTED.limit} requests, ${admitted(KEYS.metered)} of ${METERED.limit} by tokens; ` +
        `${await refreshedOncePerExpiry()}`,
    );
  }, 180_000);

  test("first turns of one session that come to all instances at once get one account", async () => {
    const asked = await Promise.all(
      Array.from({ length: 60 }, (_, at) => turn(KEYS.free, `at-once-${at % 20}`, "SAY ok", Math.floor(at / 20))),
    );
    expect(asked.filter(({ whole }) => !whole)).toEqual([]);
    const receipts = await receiptsOf(asked.map(({ id }) => id));
    expect(strayed(receipts)).toEqual([]);
  }, 60_000);

  test("a licence that is revoked at one is refused by the others within a second", async () => {
    let made = 0;
    const revoked = async () => {
      const name = `passing${made++}`;
      const key = (await run("keys", "create", name)).trim();
      for (const at of instances.keys()) expect((await turn(key, name, "SAY ok", at)).status).toBe(200);
      await run("keys", "revoke", name);
      return await timed(async () => {
        for (const at of instances.keys()) while ((await turn(key, name, "SAY ok", at)).status === 200);
      });
    };
    const took = await least(1000, revoked);
    console.log(`refused after ${Math.round(took)} ms`);
    expect(took).toBeLessThan(1000);
  }, 60_000);

  test("an account that one found used up is left alone by the others within a second, and who moved stays moved", async () => {
    const sessions = Array.from({ length: 30 }, (_, at) => `moving-${at}`);
    const at = (index: number) => (session: string) => turn(KEYS.free, session, "SAY ok", index);
    const whole = async (asked: Promise<Asked>[]) => {
      const all = await Promise.all(asked);
      expect(all.filter((one) => !one.whole)).toEqual([]);
      return await receiptsOf(all.map(({ id }) => id));
    };
    // Every instance has seen every session.
    for (const index of instances.keys()) await whole(sessions.map(at(index)));
    await issuer.control({ account: "user1@sandbox.test", limited: 300 });
    await whole(sessions.map(at(0)));
    const failedOf = async () => (await issuer.counts()).failed;
    const failed = await failedOf();
    expect(failed).toBeGreaterThan(0);
    await Bun.sleep(1000);
    const before = new Set((await receiptsOf([])).map(({ id }) => id));
    await whole([...sessions.map(at(1)), ...sessions.map(at(2)), ...sessions.map(at(0))]);
    expect(await failedOf()).toBe(failed);
    const receipts = (await receiptsOf([])).filter(({ id }) => !before.has(id));
    expect(receipts.filter(({ account }) => account === "first")).toEqual([]);
    expect(strayed(receipts)).toEqual([]);
    // Well again, it gets none of them back.
    await issuer.control({ account: "user1@sandbox.test", limited: null });
    await run("accounts", "clear-cooldown", "first");
    await Bun.sleep(1000);
    const later = await whole([...sessions.map(at(1)), ...sessions.map(at(2))]);
    expect(strayed(later.filter(({ id }) => !before.has(id)))).toEqual([]);
  }, 60_000);

  test("what one keeps the others give back, go on from, cancel and delete", async () => {
    const call = async (at: number, method: string, path: string, body?: unknown) => {
      const headers = { authorization: `Bearer ${KEYS.free}`, "content-type": "application/json" };
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const answer = await fetch(`${instances[at]?.base}/v1/responses${path}`, init);
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    };
    const ask = (at: number, input: string, more = {}) => call(at, "POST", "", { model: "gpt-5.5", input, ...more });
    const kept = await ask(0, "REMEMBER pineapple ;; SAY noted", { store: true });
    const id = kept.body.id as string;
    expect(await call(1, "GET", `/${id}`)).toEqual({ status: 200, body: kept.body });
    const next = await ask(2, "RECALL pineapple", { previous_response_id: id });
    expect(JSON.stringify(next.body.output)).toContain('"recalled: pineapple');
    const made = await ask(0, "SAY one two three four five ;; SLOW 100", { background: true, store: true });
    expect(made.body.status).toBe("queued");
    const waited = async (at: number, which: string): Promise<string> => {
      for (;;) {
        const { body } = await call(at, "GET", `/${which}`);
        if (body.status !== "queued" && body.status !== "in_progress") return String(body.status);
        await Bun.sleep(50);
      }
    };
    expect(await waited(1, made.body.id as string)).toBe("completed");
    const endless = await ask(1, "SAY one two ;; HANG 1", { background: true, store: true });
    expect((await call(2, "POST", `/${endless.body.id}/cancel`)).status).toBe(200);
    expect(await waited(0, endless.body.id as string)).toBe("cancelled");
    // At once, and by its id alone.
    const said = await ask(1, "SAY marzipan");
    const [item] = said.body.output as { id: string }[];
    const user = (content: string) => ({ type: "message", role: "user", content });
    const referring = [user("say it"), { type: "item_reference", id: item?.id }, user("RECALL marzipan")];
    const again = await call(0, "POST", "", { model: "gpt-5.5", input: referring });
    expect(JSON.stringify(again.body.output ?? again.body)).toContain('"recalled: marzipan');
    expect((await call(2, "DELETE", `/${id}`)).status).toBe(200);
    expect((await call(0, "GET", `/${id}`)).status).toBe(404);
  }, 60_000);

  test("one that runs other plugins is told of, in its log and in the others' answers", async () => {
    const seen = async (at: number) => {
      const headers = { authorization: `Bearer ${KEYS.boss}` };
      const answer = await fetch(`${instances[at]?.url}/admin/instances`, { headers });
      return (await answer.json()) as { instances: { name: string; chain: string }[]; agree: boolean };
    };
    const until = async (check: () => Promise<boolean>) => {
      const deadline = Date.now() + 15_000;
      while (!(await check())) {
        if (Date.now() > deadline) throw new Error(JSON.stringify(await seen(0)));
        await Bun.sleep(100);
      }
    };
    await until(async () => (await seen(0)).instances.length === 3);
    expect(await seen(1)).toMatchObject({ agree: true });
    const { plugins } = config as { plugins: unknown[] };
    {
      await using other = await startGateway({ config: { ...config, plugins: plugins.slice(0, -1) } });
      await other.printed(/other instances of this store run another chain/);
      await until(async () => !(await seen(0)).agree);
      await (instances[0] as Server).printed(/other instances of this store run another chain/);
      await other.stop();
    }
    // It said so when it went.
    await until(async () => (await seen(0)).agree);
  }, 60_000);

  test("one is killed, Postgres and Redis go away and come back: only the killed connections break, and no receipt is lost", async () => {
    const asked: Asked[] = [];
    let stop = false;
    const client = async (number: number) => {
      for (let at = 0; !stop; at++) asked.push(await turn(KEYS.free, `lasting-${number}-${at % 5}`));
    };
    const more = async (turns: number) => {
      const from = asked.length;
      while (asked.length < from + turns) await Bun.sleep(10);
    };
    // Where a session is not known yet nobody can be asked for its account while the store is away.
    for (const at of instances.keys())
      for (let number = 0; number < 40; number++)
        asked.push(await turn(KEYS.free, `lasting-${number % 8}-${number % 5}`, "SAY ok", at));
    const clients = Array.from({ length: 8 }, (_, number) => client(number));
    await more(TURNS / 10);
    const doomed = instances[2] as Server;
    instances[2] = undefined;
    await doomed.kill9();
    await more(TURNS / 10);
    await postgres.kill9();
    await Promise.all([more(20), Bun.sleep(1500)]);
    await postgres.start();
    await more(TURNS / 10);
    await redis.kill9();
    await Promise.all([more(TURNS / 10), Bun.sleep(1000)]);
    await redis.restart();
    // What it left is its own to write: nobody else sees its folder.
    instances[2] = await startGateway({ config, data: data[2] as string });
    await more(TURNS / 10);
    while (((await issuer.counts()).refreshes ?? 0) < 2 * ACCOUNTS.length) await Bun.sleep(100);
    stop = true;
    await Promise.all(clients);
    const broken = asked.filter(({ whole }) => !whole);
    expect(broken.filter(({ at, status }) => at !== 2 || status !== 0)).toEqual([]);
    // As many as were open, and those that came before the kernel had told.
    expect(broken.length).toBeLessThanOrEqual(16);
    const finished = asked.filter(({ whole }) => whole).map(({ id }) => id);
    const receipts = await receiptsOf(finished);
    const ids = receipts.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const mine = receipts.filter(({ session }) => session?.startsWith("lasting-"));
    expect(strayed(mine)).toEqual([]);
    const usage = JSON.parse(await run("usage", "--json")) as { total: { turns: number } };
    expect(usage.total.turns).toBe(ids.length);
    console.log(
      `${finished.length} turns over a kill and two restarts, ${broken.length} broken with the killed one; ` +
        `${await refreshedOncePerExpiry()}`,
    );
  }, 180_000);
});
