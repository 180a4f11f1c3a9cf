// Several workers on one port are one server: limits, receipts, metrics, conversations and accounts hold across them, and one that dies costs only its own streams.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { issuing, stored } from "../account/setting.ts";
import { binaryPath, codexd, type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { type Ring, readAll, receiptsOf, ring, typesOf } from "../risks/ring.ts";

type Json = Record<string, unknown>;

const ADMIN = { authorization: "Bearer sk-of-the-boss" };

/** A licence with limits, and one that may look at everything. */
const plugins = (limits: Json = {}) => [
  {
    auth: {
      keys: [
        { id: "boss", key: "sk-of-the-boss", admin: true },
        { id: "ci", key: "sk-limited", ...limits },
      ],
    },
  },
  ...["model-effort", "translate", "usage-log", "compact"],
];

const serving = (config: Json = {}, workers = 2, more: Parameters<typeof ring>[0] = {}) =>
  ring({ ...more, config: { plugins: plugins(), ...config }, gateway: { args: ["--workers", String(workers)] } });

/** The processes below the one that was started. */
function workersOf({ pid }: Server): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
};

async function until(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await check()) return;
    await Bun.sleep(25);
  }
  throw new Error(`never came: ${what}`);
}

/** Each request on a connection of its own, so that the system deals them out. */
const apart = (init: RequestInit = {}): RequestInit => ({
  ...init,
  keepalive: false,
  headers: { ...ADMIN, connection: "close", ...(init.headers as Record<string, string>) },
});

const ask = (it: Ring, prompt = "SAY ok", body: Json = {}, headers: Record<string, string> = {}) =>
  it.ask(prompt, body, apart({ headers }));

const LIMITED = { authorization: "Bearer sk-limited" };

interface Line {
  message: string;
  worker?: number;
  id?: string;
  [field: string]: unknown;
}

const logOf = (gateway: Server): Line[] =>
  gateway
    .stderr()
    .split("\n")
    .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Line] : []));

/** Which worker served the exchange with this id. */
async function workerOf(gateway: Server, id: string): Promise<number> {
  await gateway.printed(new RegExp(`"exchange".*"id":"${id}"`));
  return logOf(gateway).find((line) => line.message === "exchange" && line.id === id)?.worker ?? 0;
}

type Post = (path: string, body: unknown) => Promise<Response>;

/** For each worker a connection that stays with it. */
async function connections(it: Ring, workers = 2): Promise<Post[]> {
  const found = new Map<number, Post>();
  for (let tries = 0; found.size < workers && tries < 200; tries++) {
    const session = new Bun.FetchSession({ keepAlive: { maxIdleSockets: 1 } });
    const id = `probe-${crypto.randomUUID()}`;
    const post = (path: string, body: unknown, more: Record<string, string> = {}) =>
      session.fetch(`${it.gateway.base}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { ...ADMIN, "content-type": "application/json", ...more },
      });
    const answer = await post("/v1/responses", { model: "gpt-5.5", input: "SAY probe" }, { "x-request-id": id });
    await answer.text();
    found.set(await workerOf(it.gateway, id), post);
  }
  expect([...found.keys()].sort()).toEqual(Array.from({ length: workers }, (_, at) => at + 1));
  return [...found].sort(([a], [b]) => a - b).map(([, post]) => post);
}

async function metrics({ url }: Server): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`, apart())).text();
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

test("both workers serve on one port, said once; receipts and metrics are exact, whichever worker is asked", async () => {
  await using it = await serving({ server: { workers: 3 } });
  expect(it.gateway.stdout().match(/codexd listening on/g)).toHaveLength(1);
  // The flag wins over the file.
  expect(workersOf(it.gateway)).toHaveLength(2);
  const REQUESTS = 300;
  const ids = new Set<string>();
  for (let at = 0; at < REQUESTS; at += 30) {
    const some = await Promise.all(Array.from({ length: 30 }, () => ask(it, "SAY ok", { stream: at % 60 === 0 })));
    for (const answer of some) {
      expect(answer.status).toBe(200);
      ids.add(answer.headers.get("x-request-id") as string);
      await answer.text();
    }
  }
  const receipts = await it.settled(REQUESTS);
  expect(new Set(receipts.map(({ id }) => id))).toEqual(ids);
  expect(receipts).toHaveLength(REQUESTS);
  const served = logOf(it.gateway).filter(({ message }) => message === "exchange");
  for (const worker of [1, 2]) expect(served.filter((line) => line.worker === worker).length).toBeGreaterThan(60);
  for (let times = 0; times < 8; times++) {
    const all = await metrics(it.gateway);
    const sum = (family: RegExp) =>
      [...all].reduce((total, [name, value]) => total + (family.test(name) ? value : 0), 0);
    expect(sum(/^codexd_exchanges_total\{.*outcome="ok"/)).toBe(REQUESTS);
    expect(sum(/^codexd_first_content_seconds_count/)).toBe(REQUESTS);
    expect(all.get("codexd_workers")).toBe(2);
    for (const worker of [1, 2])
      expect(all.get(`process_resident_memory_bytes{worker="${worker}"}`)).toBeGreaterThan(1e7);
    const { plugins: chain } = (await (await fetch(`${it.gateway.url}/admin/plugins`, apart())).json()) as {
      plugins: { name: string; hooks: { name: string; calls: number }[]; workers: Json[] }[];
    };
    const log = chain.find(({ name }) => name === "usage-log");
    expect(log?.hooks[0]).toMatchObject({ name: "settled", calls: REQUESTS });
    expect(log?.workers).toEqual([
      { worker: 1, state: "on" },
      { worker: 2, state: "on" },
    ]);
  }
  expect(await it.gateway.stop()).toBe(0);
  const { stdout } = await codexd(["usage", "--json"], { data: it.gateway.data as string });
  expect(JSON.stringify(JSON.parse(stdout))).toContain(`${REQUESTS}`);
}, 60_000);

test("a worker that is killed loses its own streams only, is replaced, and no receipt of a finished turn is lost", async () => {
  await using it = await serving();
  const before = workersOf(it.gateway);
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(it, "SLOW 100\nLONG 40")));
  const reading = answers.map(readAll);
  const finished = await Promise.all(Array.from({ length: 40 }, () => ask(it, "SAY ok", { stream: false })));
  const ids = finished.map((answer) => answer.headers.get("x-request-id") as string);
  for (const answer of finished) await answer.text();
  // What was served within the last moment is only in its worker's journal.
  process.kill(before[0] as number, "SIGKILL");
  const ended = await Promise.all(reading);
  const cut = ended.filter((one) => one.cut);
  const whole = ended.filter(({ text }) => typesOf(text).at(-1) === "response.completed");
  expect(cut.length).toBeGreaterThan(0);
  expect(whole.length).toBeGreaterThan(0);
  expect(cut.length + whole.length).toBe(20);
  await it.gateway.printed(/"a worker serves"/);
  expect(it.gateway.stderr()).toMatch(/a worker ended; another takes its place.*"signal":"?(SIGKILL|9)/);
  const after = workersOf(it.gateway);
  expect(after).toHaveLength(2);
  expect(after).toContain(before[1] as number);
  await connections(it);
  await until(() => {
    const kept = new Set(it.receipts().map(({ id }) => id));
    return ids.every((id) => kept.has(id));
  }, "the receipts of all turns that finished");
  expect((await metrics(it.gateway)).get("codexd_worker_restarts_total")).toBe(1);
  expect(await it.gateway.stop()).toBe(0);
}, 60_000);

test("SIGTERM drains all workers at once; the code is 0 and every stream has its end and its receipt", async () => {
  await using it = await serving();
  const open = await Promise.all(Array.from({ length: 30 }, () => ask(it, "SLOW 100\nLONG 15")));
  const reading = open.map(readAll);
  const workers = workersOf(it.gateway);
  const probes = Array.from({ length: 12 }, () => new Bun.FetchSession());
  const ready = () =>
    Promise.all(probes.map(({ fetch }) => fetch(`${it.gateway.url}/readyz`).then(({ status }) => status)));
  expect(new Set(await ready())).toEqual(new Set([200]));
  it.gateway.signal("SIGTERM");
  // A terminal tells all of them, which is no second signal.
  for (const pid of workers) process.kill(pid, "SIGTERM");
  await it.gateway.printed(/shutting down[\s\S]*shutting down/);
  expect(new Set(await ready())).toEqual(new Set([503]));
  for (const { text } of await Promise.all(reading)) expect(typesOf(text).at(-1)).toBe("response.completed");
  expect(await it.gateway.exited).toBe(0);
  expect(it.receipts().filter(({ outcome }) => outcome === "ok")).toHaveLength(30);
  expect(workers.filter(isAlive)).toEqual([]);
}, 30_000);

test("a second signal ends all of them at once", async () => {
  await using it = await serving();
  const reading = readAll(await ask(it, "SLOW 100\nLONG 5000"));
  const workers = workersOf(it.gateway);
  it.gateway.signal("SIGTERM");
  await it.gateway.printed(/shutting down/);
  it.gateway.signal("SIGTERM");
  expect(await it.gateway.exited).toBe(1);
  expect((await reading).cut).toBe(true);
  await until(() => !workers.some(isAlive), "the end of the workers");
}, 30_000);

test("when the process above is killed, its workers finish what they have and go", async () => {
  await using it = await serving();
  const reading = readAll(await ask(it, "SLOW 50\nLONG 10"));
  const workers = workersOf(it.gateway);
  await it.gateway.kill9();
  expect(typesOf((await reading).text).at(-1)).toBe("response.completed");
  await until(() => !workers.some(isAlive), "the end of the workers");
}, 30_000);

test("SIGHUP and the admin's reload reach every worker; a bad file changes nothing in any", async () => {
  await using it = await serving();
  const file = it.gateway.configFile as string;
  const text = readFileSync(file, "utf8");
  const withAlias = (model: string) => JSON.stringify({ ...JSON.parse(text), models: { aliases: { mine: model } } });
  const resolved = async () => {
    const said = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const answer = await it.post("/v1/responses", { model: "mine", input: "SAY ok" }, apart());
        await answer.text();
        return answer.headers.get("x-codexd-model");
      }),
    );
    return [...new Set(said)];
  };
  writeFileSync(file, withAlias("gpt-5.2"));
  it.gateway.signal("SIGHUP");
  await it.gateway.printed(/configuration reloaded[\s\S]*configuration reloaded/);
  expect(await resolved()).toEqual(["gpt-5.2"]);
  writeFileSync(file, "{");
  it.gateway.signal("SIGHUP");
  await it.gateway.printed(/not reloaded[\s\S]*not reloaded/);
  expect(await resolved()).toEqual(["gpt-5.2"]);
  writeFileSync(file, withAlias("gpt-5.5"));
  const answer = await fetch(`${it.gateway.url}/admin/reload`, apart({ method: "POST" }));
  expect([answer.status, await answer.json()]).toEqual([
    200,
    expect.objectContaining({ reloaded: true, problems: [] }),
  ]);
  expect(await resolved()).toEqual(["gpt-5.5"]);
  writeFileSync(file, "{");
  const refused = await fetch(`${it.gateway.url}/admin/reload`, apart({ method: "POST" }));
  expect(await refused.json()).toMatchObject({ reloaded: false });
}, 30_000);

test("a start that cannot work is one line and the code of a start without workers", async () => {
  await using first = await startGateway({ args: ["--workers", "2"] });
  const file = join(temporary(), "codexd.yaml");
  writeFileSync(file, "server: { prot: 1 }\n");
  for (const [args, code, message] of [
    [["--sandbox", "--workers", "2", "--port", String(first.port)], 1, /the port is in use/],
    [["--sandbox", "--port", String(first.port)], 1, /the port is in use/],
    [["--sandbox", "--workers", "2", "--port", "0", "--host", "203.0.113.1"], 1, /cannot listen on 203\.0\.113\.1:0/],
    [["--workers", "2", "--port", "0", "--config", file, "--sandbox"], 1, /server\.prot: unknown key/],
    [["--sandbox", "--workers", "0"], 2, /1 to 128|from 1/],
    [["--sandbox", "--workers", "129"], 2, /1 to 128/],
    [["--sandbox", "--workers", "many"], 2, /whole number/],
  ] as const) {
    const outcome = await codexd(["serve", ...args], {
      data: join(temporary(), "data"),
      env: { CODEXD_KEYS: "a-key" },
    });
    expect([args, outcome.code, outcome.stdout]).toEqual([args, code, ""]);
    expect(outcome.stderr).toMatch(/^codexd: [^\n]+\n$/);
    expect(outcome.stderr).toMatch(message);
  }
}, 30_000);

test("what the operator's own environment says of workers changes nothing", async () => {
  const child = Bun.spawn(
    [await binaryPath(), "serve", "--sandbox", "--port", "0", "--data", join(temporary(), "data")],
    {
      env: { PATH: process.env.PATH ?? "", HOME: temporary(), CODEXD_WORKER: '{"number":7,"of":9,"port":1}' },
      stdout: "pipe",
      stderr: "ignore",
    },
  );
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toContain("codexd listening on");
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
});

test("a licence's requests per minute are exact over the workers, and a killed worker frees the places it held", async () => {
  await using it = await serving({ plugins: plugins({ requestsPerMinute: 25, streams: 4 }) });
  const open = await Promise.all(Array.from({ length: 20 }, () => ask(it, "SLOW 100\nLONG 500", {}, LIMITED)));
  const held = open.filter(({ status }) => status === 200);
  expect(held).toHaveLength(4);
  const [doomed] = workersOf(it.gateway);
  process.kill(doomed as number, "SIGKILL");
  await it.gateway.printed(/"a worker serves"/);
  for (const one of held) void one.body?.cancel().catch(() => undefined);
  let fits = held.length;
  await until(async () => {
    const answer = await ask(it, "SAY ok", { stream: false }, LIMITED);
    await answer.text();
    if (answer.status === 200) fits++;
    return answer.status === 200;
  }, "a free place");
  for (let at = 0; at < 10; at++) {
    const some = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const answer = await ask(it, "SAY ok", { stream: false }, LIMITED);
        await answer.text();
        return answer.status;
      }),
    );
    fits += some.filter((status) => status === 200).length;
  }
  expect(fits).toBe(25);
}, 60_000);

test("limits.streams is held by the workers together", async () => {
  await using it = await serving({ limits: { streams: 5 } });
  const open = await Promise.all(Array.from({ length: 40 }, () => ask(it, "SLOW 50\nLONG 40")));
  expect(open.filter(({ status }) => status === 200)).toHaveLength(5);
  for (const one of open) await readAll(one);
}, 30_000);

test("a conversation goes on whichever worker is asked: kept answers, references to items, remembered reasoning, its account", async () => {
  await using it = await serving({}, 2, { kind: "chatgpt" });
  const at = await connections(it);
  const post = async (turn: number, body: Json, path = "/v1/responses") => {
    const answer = await (at[turn % 2] as Post)(path, body);
    const said = (await answer.json()) as Json & { id: string; output: Json[] };
    expect([answer.status, said]).toEqual([200, said]);
    return said;
  };
  let previous: string | undefined;
  for (let turn = 0; turn < 6; turn++) {
    const more = previous ? { previous_response_id: previous } : {};
    previous = (await post(turn, { model: "gpt-5.5", store: true, input: `SAY turn ${turn}`, ...more })).id;
  }
  const read = new Bun.FetchSession();
  for (let times = 0; times < 6; times++)
    expect((await read.fetch(`${it.gateway.base}/v1/responses/${previous}`, apart())).status).toBe(200);
  for (let turn = 0; turn < 6; turn++) {
    const { output } = await post(turn, { model: "gpt-5.5", input: "SAY an item" });
    const references = output.map(({ id }) => ({ type: "item_reference", id }));
    await post(turn + 1, { model: "gpt-5.5", input: [...references, { role: "user", content: "SAY and now" }] });
  }
  const script = 'REASON one ;; CALL look {"at":1} ;; THEN REASON two ;; CALL look {"at":2} ;; THEN SAY done';
  const messages: Json[] = [{ role: "user", content: script }];
  await fetch(`${it.sandbox.url}/sandbox/stats`, { method: "DELETE" });
  for (let turn = 0; turn < 3; turn++) {
    const said = await post(turn, { model: "gpt-5.5", messages }, "/v1/chat/completions");
    const [choice] = said.choices as { message: Json & { tool_calls?: { id: string }[] } }[];
    const { role, content, tool_calls } = choice?.message ?? {};
    messages.push({ role, content, tool_calls });
    for (const { id } of tool_calls ?? []) messages.push({ role: "tool", tool_call_id: id, content: "seen" });
  }
  const sent = (await (await fetch(`${it.sandbox.url}/sandbox/requests`)).json()) as {
    path: string;
    body: { input?: Json[] };
  }[];
  const thoughts = sent
    .filter(({ path }) => path.endsWith("/responses"))
    .map(({ body }) => (body.input ?? []).filter(({ type }) => type === "reasoning").length);
  expect(thoughts).toEqual([0, 1, 2]);
}, 60_000);

test("two workers renew one account once per expiry, and a session stays with its account on either of them", async () => {
  await using sandbox = await startSandbox({ args: ["--auth", "--token-lifetime", "4s", "--accounts", "2"] });
  const issuer = await issuing({ url: sandbox.url });
  const data = join(temporary(), "data");
  const store = await openStore(data);
  const logins = ["user1@sandbox.test", "user2@sandbox.test"];
  for (const [at, email] of logins.entries())
    await store.accounts.put(stored(sandbox.url, await issuer.login(email), `account-${at}`));
  await store.close();
  const backend = `${sandbox.url}/backend-api`;
  const codex = {
    ...{ kind: "chatgpt", baseUrl: `${backend}/codex`, issuer: sandbox.url, chatgptUrl: backend },
    strategy: "round-robin",
  };
  await using gateway = await startGateway({ config: { upstreams: { codex } }, data, args: ["--workers", "2"] });
  await issuer.control({ tokenDelay: 100 });
  const failed: string[] = [];
  const began = Date.now();
  const SESSIONS = 8;
  await Promise.all(
    Array.from({ length: SESSIONS }, async (_, session) => {
      while (Date.now() - began < 9000) {
        const answer = await fetch(
          `${gateway.base}/v1/responses`,
          apart({
            method: "POST",
            headers: { "content-type": "application/json", session_id: `talk-${session}` },
            body: JSON.stringify({ model: "gpt-5.5", input: "hi there", prompt_cache_key: `talk-${session}` }),
          }),
        );
        const text = await answer.text();
        if (answer.status !== 200) failed.push(`${answer.status} ${text}`);
        await Bun.sleep(30);
      }
    }),
  );
  const lived = (Date.now() - began) / 1000;
  expect(failed).toEqual([]);
  const counts = await issuer.counts();
  expect(counts).toMatchObject({ reused: 0, refused: 0, failed: 0 });
  // Due at half of so short a life, for each of the two accounts.
  expect(counts.refreshes).toBeLessThanOrEqual(2 * (Math.ceil(lived / 2) + 1));
  expect(await gateway.stop()).toBe(0);
  const receipts = receiptsOf(gateway) as unknown as { session: string; account: string }[];
  const accounts = Array.from(
    { length: SESSIONS },
    (_, at) => new Set(receipts.filter(({ session }) => session === `talk-${at}`).map(({ account }) => account)).size,
  );
  expect(accounts).toEqual(Array(SESSIONS).fill(1));
  expect(new Set(receipts.map(({ account }) => account)).size).toBe(2);
  const workers = logOf(gateway).filter(({ message }) => message === "exchange");
  expect(new Set(workers.map(({ worker }) => worker))).toEqual(new Set([1, 2]));
  expect(readdirSync(join(data, "journal"))).toEqual([]);
}, 60_000);
