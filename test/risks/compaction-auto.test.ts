// A conversation longer than the window, with a client that knows nothing of compaction: it goes on, and pays once.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startGateway, startSandbox, temporary } from "../binary.ts";
import { type Ring, readAll, ring } from "./ring.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies of four dialects, read by path
type Json = Record<string, any>;
type Said = { role: "user" | "assistant"; text: string };

const MODEL = "gpt-5.5";
const WINDOW = 6000;
const chain = (options: Json) => ["auth", "model-effort", "translate", "usage-log", { compact: options }];
const AUTO = { plugins: chain({ auto: true }), limits: { retries: 0 } };
const words = (count: number) => Array.from({ length: count }, (_, at) => `w${at}`).join(" ");

const forms = {
  responses: (turns: Said[], stream: boolean) => ({
    path: "/v1/responses",
    body: { model: MODEL, store: false, stream, input: turns.map(({ role, text }) => ({ role, content: text })) },
  }),
  chat: (turns: Said[], stream: boolean) => ({
    path: "/v1/chat/completions",
    body: { model: MODEL, stream, messages: turns.map(({ role, text }) => ({ role, content: text })) },
  }),
  messages: (turns: Said[], stream: boolean) => ({
    path: "/v1/messages",
    body: { model: MODEL, max_tokens: 500, stream, messages: turns.map(({ role, text }) => ({ role, content: text })) },
  }),
  gemini: (turns: Said[], stream: boolean) => ({
    path: `/v1beta/models/${MODEL}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: {
      contents: turns.map(({ role, text }) => ({ role: role === "user" ? "user" : "model", parts: [{ text }] })),
    },
  }),
};
type Dialect = keyof typeof forms;

/** One user, one client, one conversation: the client sends all of it with every turn. */
class Talk {
  readonly turns: Said[] = [];
  /** `x-codexd-compacted` of each answer, "" without it. */
  readonly marks: string[] = [];
  readonly #it: Pick<Ring, "post">;
  readonly #dialect: Dialect;
  readonly #stream: boolean;
  readonly #session: string;

  constructor(
    it: Pick<Ring, "post">,
    dialect: Dialect = "responses",
    stream = false,
    session: string = crypto.randomUUID(),
  ) {
    this.#it = it;
    this.#dialect = dialect;
    this.#stream = stream;
    this.#session = session;
  }

  send(text: string): Promise<Response> {
    this.turns.push({ role: "user", text });
    const { path, body } = forms[this.#dialect](this.turns, this.#stream);
    return this.#it.post(path, body, { headers: { session_id: this.#session } });
  }

  async say(text: string): Promise<string> {
    const response = await this.send(text);
    const { text: told } = await readAll(response);
    if (response.status !== 200) throw new Error(`${response.status} ${told}`);
    this.marks.push(response.headers.get("x-codexd-compacted") ?? "");
    const answer = /(?:recalled: \w+|not recalled: \w+|noted|remembered: [\w ]+)/.exec(plain(told))?.[0] ?? told;
    this.turns.push({ role: "assistant", text: answer });
    return answer;
  }

  /** Until the history is three windows long. */
  async long(each = 500): Promise<void> {
    for (let length = 0; length < 3 * WINDOW; length += each * 1.2) await this.say(`SAY noted\n${words(each)}`);
  }
}

/** The text of an answer, whatever frames it came in. */
function plain(told: string): string {
  if (!told.includes("data: ")) return told;
  const texts = told.split("\n").flatMap((line) => {
    if (!line.startsWith("data: {")) return [];
    const data = JSON.parse(line.slice(6)) as Json;
    if (data.type === "response.output_text.delta") return [data.delta];
    return [
      data.choices?.[0]?.delta?.content ?? data.delta?.text ?? data.candidates?.[0]?.content?.parts?.[0]?.text ?? "",
    ];
  });
  return texts.join("");
}

const asked = async (it: Ring): Promise<{ path: string; body: Json }[]> =>
  (await (await fetch(`${it.sandbox.url}/sandbox/requests?n=50`)).json()) as { path: string; body: Json }[];
const forget = (it: Ring) => fetch(`${it.sandbox.url}/sandbox/stats`, { method: "DELETE" });

const upstreams = [
  { on: "the ChatGPT backend", kind: "chatgpt", args: ["--compaction", "trigger"] },
  { on: "an API with the endpoint only", kind: "openai", args: ["--compaction", "endpoint"] },
  { on: "a provider that cannot compact", kind: "openai", args: ["--compaction", "none"] },
  { on: "the chat wire", kind: "openai", args: ["--wire", "chat"], chat: true },
] as const;
const starting = ({ kind, args, ...more }: Omit<(typeof upstreams)[number], "on">, config: Json = AUTO) =>
  ring({ kind, config, sandboxArgs: [...args, "--window", String(WINDOW)], chat: "chat" in more });

describe.each(upstreams)("on $on", (upstream) => {
  const cases = (Object.keys(forms) as Dialect[]).flatMap((dialect) =>
    [true, false].map((stream) => ({ dialect, stream })),
  );
  test("three windows of every dialect, streamed or not: every turn is answered, and the first fact is known", async () => {
    await using it = await starting(upstream);
    for (const { dialect, stream } of cases) {
      const talk = new Talk(it, dialect, stream);
      await talk.say("REMEMBER the word is plum");
      await talk.long();
      expect([dialect, stream, await talk.say("RECALL plum")]).toEqual([dialect, stream, "recalled: plum"]);
      expect(await talk.say("RECALL pear")).toBe("not recalled: pear");
      expect(talk.marks).toContain("new");
      expect(talk.marks).toContain("reused");
    }
  }, 60_000);

  test("what was compacted is paid once, and its beginning stays the same byte for byte until the next time", async () => {
    await using it = await starting(upstream);
    const talk = new Talk(it);
    await talk.say("REMEMBER the word is plum");
    while (talk.marks.at(-1) !== "new") await talk.say(`SAY noted\n${words(400)}`);
    const [before] = (await asked(it)).slice(-1);
    await forget(it);
    expect([await talk.say("SAY noted"), talk.marks.at(-1)]).toEqual(["noted", "reused"]);
    const after = await asked(it);
    expect(after).toHaveLength(1);
    const list = ({ body }: { body: Json }): unknown[] => body.input ?? body.messages;
    const [first, then] = [list(before as { body: Json }), list(after[0] as { body: Json })];
    expect(then.slice(0, first.length)).toEqual(first);
    expect(then).toHaveLength(first.length + 2);
  });
});

test("what was compacted is known after a restart, and to another instance on the same store", async () => {
  const data = join(temporary(), "data");
  const start = () =>
    ring({
      ...{ chat: true, config: AUTO, gateway: { data } },
      sandboxArgs: ["--wire", "chat", "--window", String(WINDOW)],
    });
  let turns: Said[];
  {
    await using it = await start();
    const talk = new Talk(it, "responses", false, "one");
    await talk.say("REMEMBER the word is plum");
    while (talk.marks.at(-1) !== "new") await talk.say(`SAY noted\n${words(400)}`);
    turns = talk.turns;
  }
  await using it = await start();
  const talk = new Talk(it, "responses", false, "one");
  talk.turns.push(...turns);
  expect([await talk.say("RECALL plum"), talk.marks.at(-1)]).toEqual(["recalled: plum", "reused"]);
  expect(await asked(it)).toHaveLength(1);
});

test("turns of one session that arrive together compact it once", async () => {
  await using it = await starting(upstreams[3]);
  const talk = new Talk(it, "chat", false, "together");
  await talk.say("REMEMBER the word is plum");
  while (talk.marks.at(-1) !== "new") await talk.say(`SAY noted\n${words(400)}`);
  // The same conversation, as another process that knows nothing of it yet.
  await using fresh = await starting(upstreams[3]);
  const together = await Promise.all(
    Array.from({ length: 6 }, async (_, at) => {
      const one = new Talk(fresh, "chat", at % 2 === 0, "together");
      one.turns.push(...talk.turns);
      return await one.say("RECALL plum");
    }),
  );
  expect(together).toEqual(Array(6).fill("recalled: plum"));
  const questions = (await asked(fresh)).filter(({ body }) =>
    JSON.stringify(body).includes("Summarise this conversation"),
  );
  expect(questions.length).toBeLessThanOrEqual(2);
});

test("a turn that is too long by itself gets the upstream's own refusal, and nothing is compacted for it", async () => {
  await using it = await starting(upstreams[0]);
  const talk = new Talk(it, "messages");
  const response = await talk.send(words(3 * WINDOW));
  expect(response.status).toBe(400);
  expect(await response.text()).toContain("prompt is too long");
  expect(response.headers.has("x-codexd-compacted")).toBe(false);
  expect((await asked(it)).length).toBe(1);
});

test("calls and outputs of the last turn stay as they are, and the answer goes on from them", async () => {
  await using it = await starting(upstreams[0]);
  const talk = new Talk(it);
  await talk.say("REMEMBER the word is plum");
  await talk.long();
  const tools = [{ type: "function", name: "look", parameters: { type: "object", properties: {} } }];
  const history = talk.turns.map(({ role, text }) => ({ role, content: text }));
  const calls = [
    { role: "user", content: "CALL look {} ;; CALL look {}" },
    { type: "function_call", call_id: "call_1", name: "look", arguments: "{}" },
    { type: "function_call", call_id: "call_2", name: "look", arguments: "{}" },
    { type: "function_call_output", call_id: "call_1", output: `one ${words(300)}` },
    { type: "function_call_output", call_id: "call_2", output: `two ${words(300)}` },
  ];
  const body = { model: MODEL, store: false, tools, input: [...history, ...calls] };
  const answer = (await (await it.post("/v1/responses", body)).json()) as Json;
  expect(answer.output.at(-1).content[0].text).toStartWith("tool said: one");
  expect(answer.output.at(-1).content[0].text).toContain("two");
});

test("when another account cannot read what the first one made, it is made again from the client's own history", async () => {
  await using sandbox = await startSandbox({ args: ["--accounts", "2", "--window", String(WINDOW)] });
  const control = async (body: Json) =>
    (await fetch(`${sandbox.url}/sandbox/control`, { method: "POST", body: JSON.stringify(body) })).json();
  const { accounts } = (await control({})) as { accounts: { id: string }[] };
  const up = {
    kind: "chatgpt",
    baseUrl: `${sandbox.url}/backend-api/codex`,
    accounts: accounts.map(({ id }, at) => ({ name: `account-${at}`, accessToken: `token-${at}`, accountId: id })),
  };
  await using gateway = await startGateway({ config: { ...AUTO, upstreams: { up } } });
  const post: Ring["post"] = (path, body, init) =>
    fetch(`${gateway.base}${path}`, { method: "POST", body: JSON.stringify(body), ...init });
  const talk = new Talk({ post });
  await talk.say("REMEMBER the word is plum");
  while (talk.marks.at(-1) !== "new") await talk.say(`SAY noted\n${words(400)}`);
  const [last] = (await (await fetch(`${sandbox.url}/sandbox/requests?n=1`)).json()) as Json[];
  const served = last?.headers["chatgpt-account-id"];
  await control({ account: served, limited: 300 });
  expect([await talk.say("RECALL plum"), talk.marks.at(-1)]).toEqual(["recalled: plum", "new"]);
  const [next] = (await (await fetch(`${sandbox.url}/sandbox/requests?n=1`)).json()) as Json[];
  expect(next?.headers["chatgpt-account-id"]).not.toBe(served);
});

test("a slow compaction keeps its client alive, and the answer says from the start that there is one", async () => {
  await using sandbox = await startSandbox({ args: ["--wire", "chat", "--window", String(WINDOW)] });
  await using slow = Bun.serve({
    port: 0,
    async fetch(request) {
      const body = await request.text();
      if (body.includes("Summarise this conversation")) await Bun.sleep(1000);
      const { pathname } = new URL(request.url);
      return await fetch(`${sandbox.url}${pathname}`, {
        method: request.method,
        headers: request.headers,
        ...(body && { body }),
      });
    },
  });
  const up = { kind: "openai", wire: "chat", baseUrl: `${slow.url.origin}/v1`, accounts: [{ apiKey: "sk-test" }] };
  const limits = { hold: "100ms", heartbeat: "100ms" };
  await using gateway = await startGateway({ config: { ...AUTO, limits, upstreams: { up } } });
  const post: Ring["post"] = (path, body, init) =>
    fetch(`${gateway.base}${path}`, { method: "POST", body: JSON.stringify(body), ...init });
  const talk = new Talk({ post }, "messages", true);
  let told = "";
  for (let turn = 0; turn < 20 && talk.marks.at(-1) !== "new"; turn++) {
    const response = await talk.send(`SAY noted\n${words(500)}`);
    told = (await readAll(response)).text;
    talk.marks.push(response.headers.get("x-codexd-compacted") ?? "");
    talk.turns.push({ role: "assistant", text: "noted" });
  }
  expect(talk.marks.at(-1)).toBe("new");
  expect(told.match(/event: ping/g)?.length).toBeGreaterThan(3);
  expect(told).toContain("message_stop");
});

test("a chain of stored responses grows beyond the window, and goes on", async () => {
  await using it = await starting(upstreams[2], { ...AUTO, responses: { store: "explicit" } });
  let previous: string | undefined;
  const ask = async (input: string): Promise<string> => {
    const chained = previous === undefined ? {} : { previous_response_id: previous };
    const response = await it.post("/v1/responses", { model: MODEL, store: true, input, ...chained });
    const body = (await response.json()) as Json;
    if (response.status !== 200) throw new Error(JSON.stringify(body));
    previous = body.id;
    return body.output.at(-1).content[0].text;
  };
  await ask("REMEMBER the word is plum");
  for (let turn = 0; turn < 24; turn++) expect(await ask(`SAY noted\n${words(500)}`)).toBe("noted");
  expect(await ask("RECALL plum")).toBe("recalled: plum");
  // What is kept is what was said, not what became of it upstream.
  const { data } = (await (
    await fetch(`${it.gateway.base}/v1/responses/${previous}/input_items?limit=100`)
  ).json()) as Json;
  expect(JSON.stringify(data)).not.toContain("Summary of the conversation");
  expect(data.length).toBeGreaterThan(45);
});

test("what keeps a conversation from being compacted for a moment is told, not that it is too long for ever", async () => {
  let isBusy = true;
  const answer = (text: string) => {
    const item = { type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text }] };
    const last = { type: "response.completed", response: { id: "resp_1", status: "completed", output: [item] } };
    const headers = { "content-type": "text/event-stream" };
    return new Response(`event: ${last.type}\ndata: ${JSON.stringify(last)}\n\n`, { headers });
  };
  const refuse = (status: number, code: string, headers = {}) =>
    Response.json({ error: { code, message: code } }, { status, headers });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (request.method !== "POST") return Response.json({ data: [] });
      const body = await request.text();
      if (!request.url.endsWith("/responses") || body.includes("compaction_trigger")) return refuse(404, "not_found");
      if (!body.includes("Summarise this conversation"))
        return body.length > 40_000 ? refuse(400, "context_length_exceeded") : answer("done");
      return isBusy ? refuse(429, "rate_limit_exceeded", { "retry-after": "1" }) : answer("short");
    },
  });
  const baseUrl = `http://127.0.0.1:${server.port}/v1`;
  const upstreams = { up: { kind: "openai", baseUrl, accounts: [{ apiKey: "sk-upstream" }] } };
  const plugins = ["auth", "model-effort", "translate", "usage-log", { compact: { auto: true } }];
  await using gateway = await startGateway({ config: { upstreams, plugins, limits: { retries: 0 } } });
  const messages = Array.from({ length: 9 }, (_, at) => ({
    role: at % 2 ? "assistant" : "user",
    content: "some words ".repeat(500),
  }));
  const body = JSON.stringify({ model: "gpt-5.5", messages });
  const ask = () => fetch(`${gateway.base}/v1/chat/completions`, { method: "POST", body });
  const busy = await ask();
  expect([busy.status, busy.headers.get("retry-after")]).toEqual([429, "1"]);
  isBusy = false;
  await Bun.sleep(1100);
  const again = await ask();
  expect([again.status, again.headers.get("x-codexd-compacted")]).toEqual([200, "new"]);
  await server.stop(true);
});

test("off, nothing is compacted, counted or told", async () => {
  await using it = await starting(upstreams[0], { plugins: chain({}) });
  const talk = new Talk(it);
  await expect(talk.long()).rejects.toThrow(/context_length_exceeded/);
  expect(talk.marks.filter(Boolean)).toEqual([]);
});

test("the receipt of a turn counts what its compaction cost, in tokens and tries", async () => {
  await using it = await starting(upstreams[3]);
  const talk = new Talk(it);
  await talk.say("REMEMBER the word is plum");
  while (talk.marks.at(-1) !== "new") await talk.say(`SAY noted\n${words(400)}`);
  const receipts = await it.settled(talk.marks.length);
  const last = receipts.at(-1);
  expect(last?.tries).toBeGreaterThanOrEqual(2);
  expect(last?.input_tokens).toBeGreaterThan(receipts.at(-2)?.input_tokens as number);
});
