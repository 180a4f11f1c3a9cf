// A compaction that fits nobody: every form that a client asks for, on upstreams that have it, have the other one, or have none.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startGateway, temporary } from "../binary.ts";
import { fault } from "../recordings/schemas.ts";
import { type Ring, ring } from "./ring.ts";

// biome-ignore lint/suspicious/noExplicitAny: answers, read by path
type Json = Record<string, any>;

const user = (text: string) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
const said = (text: string) => ({ type: "message", role: "assistant", content: [{ type: "output_text", text }] });
const history = [
  { type: "message", role: "developer", content: [{ type: "input_text", text: "You are kind." }] },
  user("REMEMBER the word is plum"),
  said("remembered"),
  user("CALL look {}"),
  { type: "function_call", call_id: "call_1", name: "look", arguments: "{}" },
  { type: "function_call_output", call_id: "call_1", output: "a plum tree" },
];
const chain = (options: Json) => ["auth", "model-effort", "translate", "usage-log", { compact: options }];

const upstreams = [
  { name: "an upstream with both forms", form: "both", has: true },
  { name: "one with the endpoint only", form: "endpoint", has: true },
  { name: "one with the trigger only", form: "trigger", has: true },
  { name: "one that refuses both", form: "none", has: false },
  { name: "one that passes over the trigger", form: "deaf", has: false },
  { name: "the chat wire", form: "chat", has: false },
] as const;
const places = upstreams.flatMap((upstream) =>
  (upstream.form === "chat" ? (["openai"] as const) : (["openai", "chatgpt"] as const)).flatMap((kind) =>
    [false, true].map((summarise) => ({ ...upstream, kind, summarise })),
  ),
);

describe.each(places)("on $name, kind $kind, summarise $summarise", ({ form, kind, has, summarise }) => {
  let it: Ring;
  beforeAll(async () => {
    const sandboxArgs = form === "chat" ? ["--wire", "chat"] : ["--compaction", form];
    const config = { plugins: chain({ summarise }), limits: { retries: 0 } };
    it = await ring({ kind, chat: form === "chat", sandboxArgs, config });
  });
  afterAll(() => it[Symbol.asyncDispose]());

  const answer = async (input: unknown[]): Promise<string> => {
    const response = await it.post("/v1/responses", { model: "gpt-5.5", store: false, input });
    const body = (await response.json()) as Json;
    return body.output?.at(-1)?.content?.[0]?.text ?? JSON.stringify(body);
  };
  const goesOn = async (items: unknown[]) => {
    expect(await answer([...items, user("RECALL plum")])).toBe("recalled: plum");
    expect(await answer([...items, user("RECALL pear")])).toBe("not recalled: pear");
  };
  const triggered = (stream: boolean, init?: RequestInit) =>
    it.post("/v1/responses", { model: "gpt-5.5", stream, store: false, input: [...history, TRIGGER] }, init);
  const refused = async (response: Response) => {
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("compact endpoint requires responses wire api");
  };

  // Twice each: what the first one had to learn, the second one knows.
  test.each([1, 2])("a trigger in a stream gives exactly one compaction, which goes on (%i)", async () => {
    const response = await triggered(true, { headers: { originator: "codex_exec" } });
    if (!has && !summarise) return await refused(response);
    expect(response.headers.get("content-type")).toStartWith("text/event-stream");
    const events = framesOf(await response.text());
    for (const event of events) expect(fault("openai.ResponseStreamEvent", event)).toBeUndefined();
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    const items = events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item);
    expect(items.map(({ type }) => type)).toEqual(["compaction"]);
    const last = events.at(-1);
    expect([last?.type, last?.response.output]).toEqual(["response.completed", items]);
    expect(last?.response.usage.total_tokens).toBeGreaterThan(0);
    await goesOn(items);
  });

  test.each([1, 2])("a trigger without a stream gives the same as one object (%i)", async () => {
    const response = await triggered(false);
    if (!has && !summarise) return await refused(response);
    const body = (await response.json()) as Json;
    expect(fault("openai.Response", body)).toBeUndefined();
    expect(body.output.map(({ type }: Json) => type)).toEqual(["compaction"]);
    await goesOn(body.output);
  });

  const bodies = [
    { client: "0.80 and 0.98", path: "/responses/compact", more: { instructions: "You are Codex." } },
    {
      client: "0.130",
      path: "/responses/compact",
      more: {
        ...{ instructions: "You are Codex.", parallel_tool_calls: true, reasoning: { effort: "low" } },
        ...{ tools: [], prompt_cache_key: "key", text: { verbosity: "low" } },
      },
    },
    { client: "the public API", path: "/v1/responses/compact", more: {} },
  ];
  test.each(bodies)(
    "the endpoint, as $client asks it, gives a complete object that goes on",
    async ({ path, more }) => {
      const response = await it.post(path, { model: "gpt-5.5", input: history, ...more });
      if (!has && !summarise) return await refused(response);
      expect(response.status).toBe(200);
      const body = (await response.json()) as Json;
      expect(fault("openai.CompactResource", body)).toBeUndefined();
      expect(body.output.filter(({ type }: Json) => type === "compaction")).toHaveLength(1);
      expect(body.output.at(-1).type).toBe("compaction");
      const words = body.output.filter(({ role }: Json) => role === "user").map(({ content }: Json) => content[0].text);
      expect(words).toEqual(["REMEMBER the word is plum", "CALL look {}"]);
      await goesOn(body.output);
    },
  );

  test("a receipt names the upstream and counts what it was asked", async () => {
    const before = (await it.stats()).requests;
    const response = await it.post("/v1/responses/compact", { model: "gpt-5.5", input: history }, named("counted"));
    if (!has && !summarise) return await refused(response);
    const { usage } = (await response.json()) as Json;
    const receipt = await receiptOf(it, "counted");
    expect(receipt).toMatchObject({ outcome: "ok", upstream: "up", tries: (await it.stats()).requests - before });
    expect(receipt.input_tokens).toBeGreaterThanOrEqual(usage.input_tokens);
  });
});

const TRIGGER = { type: "compaction_trigger" };
const named = (id: string) => ({ headers: { "x-request-id": id } });

async function receiptOf(it: Ring, id: string): Promise<Json> {
  for (let tries = 0; tries < 200; tries++) {
    const found = it.receipts().find((receipt) => receipt.id === id);
    if (found) return found;
    await Bun.sleep(25);
  }
  throw new Error(`no receipt ${id}`);
}

function framesOf(text: string): Json[] {
  return text
    .split("\n\n")
    .filter((frame) => frame.includes("data: "))
    .map((frame) => JSON.parse(frame.slice(frame.indexOf("data: ") + 6)) as Json);
}

test("an upstream is asked for a form that it lacks once, and never again", async () => {
  await using it = await ring({ sandboxArgs: ["--compaction", "trigger"] });
  const asked = async () => {
    const recorded = (await (await fetch(`${it.sandbox.url}/sandbox/requests?n=50`)).json()) as { path: string }[];
    return recorded.map(({ path }) => path.replace("/v1", ""));
  };
  for (let times = 0; times < 3; times++)
    await it.post("/responses/compact", { model: "gpt-5.5", input: history }).then((response) => response.text());
  expect(await asked()).toEqual(["/responses/compact", "/responses", "/responses", "/responses"]);
});

test.each(["none", "chat"])("a trigger that the conversation went on from is left out and told (%s)", async (form) => {
  const sandboxArgs = form === "chat" ? ["--wire", "chat"] : ["--compaction", form];
  await using it = await ring({ chat: form === "chat", sandboxArgs, config: { plugins: chain({ summarise: true }) } });
  const input = [TRIGGER, ...history.slice(0, 2), TRIGGER, ...history.slice(2)];
  const ask = (path: string, items: unknown[]) => it.post(path, { model: "gpt-5.5", input: items });
  const gone = await ask("/v1/responses", [...input, user("RECALL plum")]);
  expect([gone.status, gone.headers.get("x-codexd-dropped")]).toEqual([200, "input[0], input[3]"]);
  for (const asked of [ask("/v1/responses", [...input, TRIGGER, TRIGGER]), ask("/v1/responses/compact", input)]) {
    const body = (await (await asked).json()) as Json;
    expect(body.output.at(-1).type).toBe("compaction");
    const on = await ask("/v1/responses", [body.output.at(-1), user("RECALL plum")]);
    expect(await on.text()).toContain("recalled: plum");
  }
});

/** An upstream that answers each request for a compaction with the next of these outputs, and each other turn with a word. */
function outputs(given: Json[][]) {
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (request.method !== "POST") return Response.json({ data: [] });
      const { input = [] } = (await request.json()) as Json;
      const isEndpoint = new URL(request.url).pathname.endsWith("/compact");
      const isTriggered = input.at(-1)?.type === "compaction_trigger";
      asked.push(isEndpoint ? "endpoint" : isTriggered ? "trigger" : "turn");
      const word = [{ id: "msg_1", ...said("a summary"), status: "completed" }];
      const output = isEndpoint || isTriggered ? (given.shift() ?? []) : word;
      if (isEndpoint) return Response.json({ object: "response.compaction", output });
      const response = { id: "resp_1", object: "response", status: "completed", output };
      const last = { type: "response.completed", response };
      return new Response(`event: ${last.type}\ndata: ${JSON.stringify(last)}\n\n`, {
        headers: { "content-type": "text/event-stream" },
      });
    },
  });
  return { asked, url: `http://127.0.0.1:${server.port}/v1`, [Symbol.asyncDispose]: () => server.stop(true) };
}

test("an upstream that once gives no compaction is asked for one again, and an empty one is nobody's history", async () => {
  const item = { type: "compaction", id: "cmp_1", encrypted_content: "gAAAA" };
  const message = { id: "msg_1", ...said("no"), status: "completed" };
  await using up = outputs([[item], [], [message], [item], [message], [item], [message], [item]]);
  const upstreams = { up: { kind: "openai", baseUrl: up.url, accounts: [{ apiKey: "sk-upstream" }] } };
  await using gateway = await startGateway({ config: { upstreams, limits: { retries: 0 } } });
  const ask = async (path: string, input: unknown[]) => {
    const body = JSON.stringify({ model: "gpt-5.5", input });
    const response = await fetch(`${gateway.base}${path}`, { method: "POST", body });
    return { status: response.status, body: (await response.json()) as Json };
  };
  expect((await ask("/v1/responses/compact", history)).body.output.at(-1).type).toBe("compaction");
  expect(await ask("/v1/responses/compact", history)).toMatchObject({
    status: 502,
    body: { error: { code: "upstream_error" } },
  });
  // The trigger is not known there yet, and what answers instead has worked before.
  expect((await ask("/v1/responses", [...history, TRIGGER])).status).toBe(200);
  expect((await ask("/v1/responses", [...history, TRIGGER])).status).toBe(502);
  expect((await ask("/v1/responses", [...history, TRIGGER])).status).toBe(200);
  expect(up.asked).toEqual(["endpoint", "endpoint", "trigger", "endpoint", "endpoint", "endpoint"]);
});

describe("a compaction of our own", () => {
  const config = { plugins: chain({ summarise: true }) };
  const compacted = async (it: Ring): Promise<Json> => {
    const body = { model: "gpt-5.5", input: history };
    return ((await (await it.post("/responses/compact", body)).json()) as Json).output.at(-1);
  };
  const ask = async (it: Ring, input: unknown[], more: Json = {}) => {
    const response = await it.post("/v1/responses", { model: "gpt-5.5", store: false, input, ...more });
    const body = (await response.json()) as Json;
    return { response, text: body.output?.at(-1)?.content?.[0]?.text, body };
  };

  test("says nothing to its reader, and carries what the user said word for word", async () => {
    await using it = await ring({ chat: true, config });
    const item = await compacted(it);
    expect(Buffer.from(item.encrypted_content.split(".")[2], "base64url").toString("latin1")).not.toContain("plum");
    // A client that keeps the compaction alone still has the user's words; one that keeps them too has them once.
    await ask(it, [item, user("hi")]);
    await ask(it, [...history.slice(1, 2), item, user("hi")]);
    const [alone, beside] = ((await (await fetch(`${it.sandbox.url}/sandbox/requests?n=2`)).json()) as Json[]).map(
      ({ body }) => JSON.stringify(body.messages),
    );
    expect(alone?.match(/"REMEMBER the word is plum"/g)).toHaveLength(1);
    expect(beside?.match(/"REMEMBER the word is plum"/g)).toHaveLength(1);
  });

  test("is opened after a restart, in another session, by another instance on the same store, and on another wire", async () => {
    const data = join(temporary(), "data");
    let item: Json;
    {
      await using first = await ring({ chat: true, config, gateway: { data } });
      item = await compacted(first);
      await using second = await ring({ config, gateway: { data } });
      expect((await ask(second, [item, user("RECALL plum")], { session_id: "another" })).text).toBe("recalled: plum");
    }
    await using again = await ring({ chat: true, config, gateway: { data } });
    expect((await ask(again, [item, user("RECALL plum")])).text).toBe("recalled: plum");
  });

  test("that is foreign or damaged is left out and told; the turn is answered", async () => {
    await using it = await ring({ chat: true, config });
    await using elsewhere = await ring({ chat: true, config });
    const foreign = await compacted(elsewhere);
    const damaged = await compacted(it);
    damaged.encrypted_content = `${damaged.encrypted_content.slice(0, -8)}AAAAAAAA`;
    const nonsense = ["cdxc1.", "cdxc1.zz.zz", "cdxc1.00.", "cdxc1.aa.AAAA", "cdxc1.a.b.c"].map(
      (encrypted_content) => ({
        ...damaged,
        encrypted_content,
      }),
    );
    for (const item of [foreign, damaged, ...nonsense]) {
      const { response, text } = await ask(it, [item, user("RECALL plum")]);
      expect(text).toBe("not recalled: plum");
      expect(response.headers.get("x-codexd-dropped")).toBe("input[0]");
    }
    const strict = await it.post(
      "/v1/responses",
      { model: "gpt-5.5", store: false, input: [foreign, user("hi")] },
      { headers: { "x-codexd-strict": "1" } },
    );
    expect([strict.status, await strict.text()]).toEqual([400, expect.stringContaining("input[0]")]);
  });

  test("one of the upstream's that another account made is left out and told; the turn is answered", async () => {
    await using it = await ring({ kind: "chatgpt", config });
    await using elsewhere = await ring({ kind: "openai", config });
    const foreign = await compacted(elsewhere);
    const { response, text } = await ask(it, [foreign, user("RECALL plum")]);
    expect([response.status, text]).toEqual([200, "not recalled: plum"]);
    expect(response.headers.get("x-codexd-dropped")).toBe("input[0]");
  });
});
