// However an exchange ends, it leaves exactly one receipt; one that is settled survives kill -9.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { startGateway } from "../binary.ts";
import { readAll, ring } from "./ring.ts";

test("each way an exchange can end leaves exactly one receipt, with its outcome", async () => {
  await using it = await ring({ config: { limits: { retries: 0 } } });
  const chat = (content: string, over: object = {}) =>
    it.post("/v1/chat/completions", { model: "gpt-5.5", messages: [{ role: "user", content }], ...over });
  const abort = new AbortController();
  const steps: [string, () => Promise<unknown>, { outcome: string; code?: string | null; status?: number }][] = [
    ["stream ok", async () => readAll(await it.ask("hello")), { outcome: "ok", code: null, status: 200 }],
    ["unary ok", async () => (await it.ask("hello", { stream: false })).text(), { outcome: "ok", status: 200 }],
    ["chat ok", async () => (await chat("hello")).text(), { outcome: "ok" }],
    ["incomplete", async () => readAll(await it.ask("SAY x\nINCOMPLETE max_output_tokens")), { outcome: "ok" }],
    [
      "failed before",
      async () => (await it.ask("FAIL server_is_overloaded before")).text(),
      { outcome: "failed", code: "server_is_overloaded", status: 503 },
    ],
    [
      "failed inside, early",
      async () => (await it.ask("FAIL context_length_exceeded during")).text(),
      { outcome: "failed", code: "context_length_exceeded", status: 400 },
    ],
    [
      "failed inside, late",
      async () => readAll(await it.ask("LONG 9\nFAIL server_is_overloaded during 3")),
      { outcome: "failed", code: "server_is_overloaded", status: 200 },
    ],
    ["cut", async () => readAll(await it.ask("LONG 9\nCUT 3")), { outcome: "failed", code: "stream_error" }],
    [
      "unary cut",
      async () => (await it.ask("LONG 9\nCUT 3", { stream: false })).text(),
      { outcome: "failed", code: "stream_error", status: 502 },
    ],
    [
      "bad body",
      async () => (await it.post("/v1/responses", {}, { body: "{" })).text(),
      { outcome: "refused", code: "invalid_json", status: 400 },
    ],
    [
      "unknown model",
      async () => (await it.ask("x", { model: "nope" })).text(),
      { outcome: "refused", code: "model_not_found" },
    ],
    [
      "bad effort",
      async () => (await it.ask("x", { model: "gpt-5.5-minimal" })).text(),
      { outcome: "refused", code: "unsupported_effort", status: 400 },
    ],
    [
      "not built",
      async () => (await it.post("/v1/videos", { model: "sora", prompt: "h" })).text(),
      { outcome: "refused", code: "unsupported_endpoint", status: 501 },
    ],
    [
      "aborted",
      async () => {
        const response = await it.ask("SLOW 50\nLONG 500", {}, { signal: abort.signal });
        await (response.body as ReadableStream<Uint8Array>).getReader().read();
        abort.abort();
      },
      { outcome: "aborted" },
    ],
    [
      "compact",
      async () =>
        (await it.post("/v1/responses/compact", { model: "gpt-5.5", input: [{ role: "user", content: "h" }] })).text(),
      { outcome: "ok" },
    ],
  ];
  for (const [at, [name, run, wanted]] of steps.entries()) {
    await run();
    const receipts = await it.settled(at + 1);
    expect([name, receipts.length]).toEqual([name, at + 1]);
    expect({ name, ...receipts.at(-1) }).toMatchObject({ name, ...wanted });
  }
  await Bun.sleep(100);
  expect(it.receipts()).toHaveLength(steps.length);
}, 60_000);

test("a refused key leaves a receipt without the caller's words", async () => {
  await using it = await ring({ gateway: { env: { CODEXD_KEYS: "right-key-000" } } });
  const response = await it.ask("x", {}, { headers: { authorization: "Bearer wrong-key", "x-request-id": "mine" } });
  expect(response.status).toBe(401);
  const [receipt] = await it.settled(1);
  expect(receipt).toMatchObject({ outcome: "refused", code: "invalid_api_key", licence: null });
  expect(receipt?.id).not.toBe("mine");
});

test("kill -9 under load loses no receipt whose end a client has seen, and the store opens clean", async () => {
  await using it = await ring();
  const seen: string[] = [];
  let stop = false;
  const client = async () => {
    while (!stop) {
      try {
        const response = await it.ask("hello");
        const id = response.headers.get("x-request-id") as string;
        if ((await readAll(response)).text.includes("response.completed")) seen.push(id);
      } catch {
        return;
      }
    }
  };
  const clients = Array.from({ length: 16 }, client);
  while (seen.length < 100) await Bun.sleep(10);
  await it.gateway.kill9();
  stop = true;
  await Promise.all(clients);
  const again = await startGateway({ data: it.gateway.data as string });
  await again[Symbol.asyncDispose]();
  const database = new Database(join(it.gateway.data as string, "codexd.db"), { readonly: true });
  const kept = new Set((database.query("select id from receipts").all() as { id: string }[]).map(({ id }) => id));
  const check = database.query("pragma integrity_check").get() as { integrity_check: string };
  database.close();
  expect(check.integrity_check).toBe("ok");
  expect(seen.filter((id) => !kept.has(id))).toEqual([]);
  console.log(`${seen.length} answers seen, ${kept.size} receipts kept`);
}, 60_000);
