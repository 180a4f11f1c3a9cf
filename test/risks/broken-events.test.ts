// An upstream whose events are broken themselves costs no stream its end and no exchange its receipt, on any dialect.

import { afterAll, expect, test } from "bun:test";
import { startGateway } from "../binary.ts";
import { readAll, settledReceipts } from "./ring.ts";

const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const created = event("response.created", { response: { id: "resp_1", model: "m" } });
const delta = event("response.output_text.delta", { output_index: 0, content_index: 0, item_id: "msg_1", delta: "hi" });
const completed = event("response.completed", { response: { id: "resp_1", status: "completed", output: [] } });

/** Each fails; `code` is what the unary answer says, on every dialect. */
const BROKEN: Record<string, { stream: string; code: string }> = {
  "a completed that is not JSON": {
    stream: `${created}${delta}event: response.completed\ndata: {x\n\n`,
    code: "stream_error",
  },
  "a completed that is null": {
    stream: `${created}${delta}event: response.completed\ndata: null\n\n`,
    code: "stream_error",
  },
  "a failed that is not JSON": {
    stream: `${created}${delta}event: response.failed\ndata: {x\n\n`,
    code: "upstream_error",
  },
  "a failed without an error": { stream: created + delta + event("response.failed", {}), code: "upstream_error" },
  "an error that is not JSON": { stream: `${created}${delta}event: error\ndata: {x\n\n`, code: "upstream_error" },
  "an error without a type": {
    stream: `${created}${delta}data: {"error":{"code":"boom","message":"plain"}}\n\n`,
    code: "upstream_error",
  },
  "an item that is not JSON": {
    stream: `${created}event: response.output_item.done\ndata: {x\n\n${completed}`,
    code: "stream_error",
  },
  "nothing but comments": { stream: ": a\n\n: b\n\n", code: "stream_error" },
};

const upstream = Bun.serve({
  port: 0,
  async fetch(request) {
    if (request.method === "GET") return Response.json({ data: [] });
    const name = /CASE (.*?)!/.exec(await request.text())?.[1] ?? "";
    return new Response(BROKEN[name]?.stream ?? "", { headers: { "content-type": "text/event-stream" } });
  },
});
afterAll(() => upstream.stop(true));

type Ask = (content: string, stream: boolean) => [path: string, body: object];
const model = "gpt-5.5";
const DIALECTS: Record<string, Ask> = {
  responses: (input, stream) => ["/v1/responses", { model, input, stream }],
  chat: (content, stream) => ["/v1/chat/completions", { model, stream, messages: [{ role: "user", content }] }],
  messages: (content, stream) => [
    "/v1/messages",
    { model, stream, max_tokens: 9, messages: [{ role: "user", content }] },
  ],
  gemini: (text, stream) => [
    `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    { contents: [{ role: "user", parts: [{ text }] }] },
  ],
};

test("broken events end every stream with an error, and every exchange with its receipt", async () => {
  const up = { kind: "openai", baseUrl: `http://127.0.0.1:${upstream.port}/v1`, accounts: [{ apiKey: "sk-test-0" }] };
  await using gateway = await startGateway({ config: { limits: { retries: 0 }, upstreams: { up } } });
  let asked = 0;
  for (const [name, { code }] of Object.entries(BROKEN)) {
    for (const [dialect, ask] of Object.entries(DIALECTS)) {
      for (const stream of [true, false]) {
        asked++;
        const [path, body] = ask(`CASE ${name}!`, stream);
        const response = await fetch(gateway.base + path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(5000),
        });
        const { text, cut } = await readAll(response);
        const at = [name, dialect, stream];
        expect([...at, cut]).toEqual([...at, false]);
        expect([...at, /"error"|response\.failed/.test(text)]).toEqual([...at, true]);
        expect([...at, text.includes("internal_error")]).toEqual([...at, false]);
        if (!stream) expect([...at, response.status, text.includes(code)]).toEqual([...at, 502, true]);
      }
    }
  }
  const receipts = await settledReceipts(gateway, asked);
  expect(receipts).toHaveLength(asked);
  expect(receipts.every((receipt) => receipt.outcome === "failed")).toBe(true);
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).toContain("codexd_exchanges_open 0\n");
}, 60_000);
