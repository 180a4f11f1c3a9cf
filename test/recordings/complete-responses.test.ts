// Every Response and compaction object that a client gets is complete: in both forms, on both wires, however little the upstream says.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import { dataFolder, dataPresent, dataText, recordings } from "../data.ts";
import { faultsOf } from "./dialects.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { question, type Replay, startReplay } from "./replay.ts";
import { eventsOf } from "./said.ts";

const MODEL = "gpt-5.5";

/** What the public API fills, beyond what its schema requires. */
const FILLED = [
  ...["background", "completed_at", "max_output_tokens", "max_tool_calls", "previous_response_id", "prompt_cache_key"],
  ...["reasoning", "safety_identifier", "service_tier", "store", "text", "top_logprobs", "truncation", "usage", "user"],
];

/** A failure keeps the code that clients match, whether or not the public API lists it. */
const faultsIn = (response: Json): string[] =>
  faultsOf("openai.Response", [response]).filter((fault) => !fault.startsWith("openai.Response: data/error/code "));

/** The Response objects of a stream, each with its event. */
function responsesIn(text: string): { type: string; response: Json }[] {
  return eventsOf(new TextEncoder().encode(text))
    .map(({ data }) => data as Json)
    .filter(({ response }) => response !== undefined)
    .map(({ type, response }) => ({ type: String(type), response: response as Json }));
}

const opening = { limits: { retries: 0 }, models: { default: MODEL } };
const account = { apiKey: "sk-test-000000" };

async function asked(gateway: Gateway, body: Json, path = "/v1/responses"): Promise<{ status: number; text: string }> {
  const answer = await gateway.post(path, { model: MODEL, ...body });
  return { status: answer.status, text: await answer.text() };
}

describe.skipIf(!dataPresent)("recorded streams", () => {
  const rows = recordings("responses", true).map((row, index) => ({ ...row, index }));
  let replay: Replay;
  let gateway: Gateway;
  beforeAll(async () => {
    replay = await startReplay();
    const up = { kind: "openai", baseUrl: replay.url, models: [MODEL], accounts: [account] };
    gateway = await startFromSource({ ...opening, upstreams: { up } });
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await replay?.[Symbol.asyncDispose]();
  });

  for (const { file, index } of rows.filter(({ malformed }) => malformed !== true)) {
    test(file, async () => {
      const input = question(index, "whole");
      // Items may be ahead of the schema; around them nothing may be missing.
      const envelope = ({ output: _, ...response }: Json) => faultsIn({ ...response, output: [] });
      const streamed = await asked(gateway, { input, stream: true });
      // A failure before any content is no Response at all.
      const failed = dataText(`recordings/${file}`).includes('"response.failed"');
      expect(streamed.status === 200).toBe(!failed);
      if (failed) return;
      const events = responsesIn(streamed.text);
      expect(events.length).toBeGreaterThan(1);
      for (const { type, response } of events) expect([type, envelope(response)]).toEqual([type, []]);
      const whole = await asked(gateway, { input });
      expect(whole.status).toBe(200);
      const response = JSON.parse(whole.text) as Json;
      expect(envelope(response)).toEqual([]);
      for (const field of FILLED) expect(response).toHaveProperty(field);
    });
  }
});

const tools = [{ type: "function", name: "look", parameters: { type: "object", properties: {} } }];
const request = {
  instructions: "Be brief.",
  tools,
  tool_choice: { type: "function", name: "look" },
  metadata: { a: "b" },
  text: { verbosity: "low" },
};
const SCRIPTS: Record<string, { input: string; status: string }> = {
  "an answer": { input: 'REASON so ;; SAY hi ;; CALL look {"a":1} ;; SEARCH it', status: "completed" },
  "an answer that was cut off": { input: "INCOMPLETE ;; SAY hi", status: "incomplete" },
  "an answer that was filtered": { input: "INCOMPLETE content_filter ;; SAY hi", status: "incomplete" },
  "a failure within": { input: "FAIL server_error during 2 ;; LONG 20", status: "failed" },
  "a cut": { input: "CUT 2 ;; LONG 20", status: "failed" },
};

describe.skipIf(!dataPresent).each(["chatgpt", "openai", "chat"])("the sandbox as %s", (name) => {
  let sandbox: ReturnType<typeof Bun.serve>;
  let gateway: Gateway;
  beforeAll(async () => {
    sandbox = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: createSandbox({ served: true }).fetch });
    const url = `http://127.0.0.1:${sandbox.port}`;
    const up = {
      chatgpt: {
        kind: "chatgpt",
        baseUrl: `${url}/backend-api/codex`,
        accounts: [{ accessToken: "t", accountId: "a" }],
      },
      openai: { kind: "openai", baseUrl: `${url}/v1`, accounts: [account] },
      chat: { kind: "compatible", wire: "chat", baseUrl: `${url}/v1`, accounts: [account], models: [MODEL] },
    }[name];
    const plugins = ["auth", "model-effort", "translate", "usage-log", { compact: { summarise: true } }];
    gateway = await startFromSource({ ...opening, upstreams: { up }, plugins });
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await sandbox?.stop(true);
  });

  for (const [what, { input, status }] of Object.entries(SCRIPTS)) {
    test(what, async () => {
      const events = responsesIn((await asked(gateway, { ...request, input, stream: true })).text);
      expect(events.at(-1)?.response.status).toBe(status);
      for (const { type, response } of events) expect([type, faultsIn(response)]).toEqual([type, []]);
      const whole = await asked(gateway, { ...request, input });
      if (status === "failed") return expect(whole.status).toBeGreaterThanOrEqual(400);
      const response = JSON.parse(whole.text) as Json;
      expect([response.status, faultsIn(response)]).toEqual([status, []]);
      for (const field of FILLED) expect(response).toHaveProperty(field);
      expect(response.completed_at === null).toBe(status !== "completed");
      expect(response).toMatchObject({
        instructions: "Be brief.",
        tool_choice: request.tool_choice,
        metadata: { a: "b" },
      });
      expect(response.tools).toMatchObject([{ type: "function", name: "look" }]);
    });
  }

  test("an answer that is kept, and one that is made in the background", async () => {
    const fetched = async (id: unknown) => (await (await fetch(`${gateway.base}/v1/responses/${id}`)).json()) as Json;
    const kept = JSON.parse((await asked(gateway, { ...request, input: "SAY hi", store: true })).text) as Json;
    const ended = await fetched(kept.id);
    expect([kept, ended].map(faultsIn)).toEqual([[], []]);
    expect([kept.store, ended]).toEqual([true, kept]);
    const next = await asked(gateway, { input: "SAY more", previous_response_id: kept.id });
    expect(JSON.parse(next.text)).toMatchObject({ status: "completed", previous_response_id: kept.id });
    const begun = JSON.parse(
      (await asked(gateway, { ...request, input: "SLOW 20 ;; LONG 10", background: true })).text,
    ) as Json;
    expect([["queued", "in_progress"].includes(String(begun.status)), begun.background]).toEqual([true, true]);
    let last = begun;
    while (last.status === "queued" || last.status === "in_progress") {
      expect([last.status, faultsIn(last)]).toEqual([last.status, []]);
      for (const field of FILLED) expect(last).toHaveProperty(field);
      await Bun.sleep(20);
      last = await fetched(begun.id);
    }
    expect([last.status, last.background, faultsIn(last)]).toEqual(["completed", true, []]);
    for (const field of FILLED) expect(last).toHaveProperty(field);
  });

  // Where the upstream has no endpoint for it, the summary is made here.
  test("a compaction", async () => {
    const body = { input: [{ role: "user", content: "hello" }], instructions: "x" };
    for (const path of ["/v1/responses/compact", "/responses/compact"]) {
      const { status, text } = await asked(gateway, body, path);
      expect([status, faultsOf("openai.CompactResource", [JSON.parse(text) as Json])]).toEqual([200, []]);
    }
  });
});

/** Streams whose Response objects hold next to nothing: what the Codex CLI is content with. */
const fixtures = dataPresent
  ? readdirSync(join(dataFolder, "captures/codex/fixtures")).filter((file) => file.endsWith(".sse"))
  : [];

const compactions: Record<string, Json[]> = {
  "an older one": [
    { role: "user", content: "hello" },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "hi" }] },
    { type: "compaction_summary", encrypted_content: "gAAAAAB" },
  ],
  "a new one": [{ type: "compaction", id: "cmp_1", encrypted_content: "gAAAAAB" }],
};

describe.skipIf(!dataPresent)("an upstream that says next to nothing", () => {
  let server: ReturnType<typeof Bun.serve>;
  let gateway: Gateway;
  beforeAll(async () => {
    server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const text = await request.text();
        const [, name = ""] = /play ([\w .]+)/.exec(text) ?? [];
        if (request.url.endsWith("/compact")) return Response.json({ output: compactions[name] });
        if (!fixtures.includes(name)) return new Response(null, { status: 404 });
        const headers = { "content-type": "text/event-stream" };
        return new Response(dataText(`captures/codex/fixtures/${name}`), { headers });
      },
    });
    const up = { kind: "compatible", baseUrl: `http://127.0.0.1:${server.port}`, models: [MODEL] };
    gateway = await startFromSource({ ...opening, upstreams: { up } });
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await server?.stop(true);
  });

  test.each(fixtures)("%s", async (file) => {
    const body = { ...request, input: `play ${file}` };
    const streamed = await asked(gateway, { ...body, stream: true });
    const events = streamed.status === 200 ? responsesIn(streamed.text) : [];
    for (const { type, response } of events) expect([type, faultsIn(response)]).toEqual([type, []]);
    expect(new Set(events.map(({ response }) => `${response.id} ${response.created_at}`)).size).toBeLessThan(2);
    const whole = await asked(gateway, body);
    const failed = /^(fail|no_completed)/.test(file);
    expect([whole.status === 200, events.at(-1)?.response.status === "failed" || events.length === 0]).toEqual([
      !failed,
      failed,
    ]);
    if (failed) return;
    const response = JSON.parse(whole.text) as Json;
    expect(faultsIn(response)).toEqual([]);
    for (const field of FILLED) expect(response).toHaveProperty(field);
  });

  test.each(Object.keys(compactions))("a compaction, %s", async (name) => {
    const { status, text } = await asked(gateway, { input: `play ${name}` }, "/v1/responses/compact");
    expect([status, faultsOf("openai.CompactResource", [JSON.parse(text) as Json])]).toEqual([200, []]);
  });

  test("a Codex client gets what there was, and no more", async () => {
    const answer = await gateway.post(
      "/responses",
      { model: MODEL, input: "play reason_call.sse", stream: true },
      { originator: "codex_exec" },
    );
    const [created] = responsesIn(await answer.text());
    expect(Object.keys(created?.response ?? {})).toEqual(["id", "object", "created_at", "status", "model"]);
  });
});
