// Whatever bytes an upstream sends, every dialect gets an answer or a failure of the upstream's, soon, and never our own collapse.

import { expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { startGateway } from "../binary.ts";

const KEY = "zq-the-key-of-the-upstream";
const SSE = "Content-Type: text/event-stream\r\n";
const JSONS = "Content-Type: application/json\r\n";

const answer = (headers: string, body: string, status = "200 OK") =>
  `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
const events = (...data: string[]) => answer(SSE, data.map((one) => `data: ${one}\n\n`).join(""));

/** What the upstream sends, and whether some dialect may make an answer of it. */
const NONSENSE: Record<string, [bytes: string, mayAnswer?: true]> = {
  "no HTTP": ["hello there\r\n\r\n"],
  nothing: [""],
  "no body": ["HTTP/1.1 200 OK\r\n\r\n"],
  "204": ["HTTP/1.1 204 No Content\r\n\r\n"],
  "304": ["HTTP/1.1 304 Not Modified\r\n\r\n"],
  "101": ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
  "a status nobody knows": [answer("", "x", "999 x")],
  "a broken chunk": [`HTTP/1.1 200 OK\r\n${SSE}Transfer-Encoding: chunked\r\n\r\nZZ\r\n`],
  "less than it says": [`HTTP/1.1 200 OK\r\n${SSE}Content-Length: 1000\r\n\r\nevent: response.created\n`],
  "a lie about gzip": [answer(`${SSE}Content-Encoding: gzip\r\n`, "not gzip at all")],
  "a giant header": [`HTTP/1.1 200 OK\r\nx-codex-a: ${"x".repeat(100_000)}\r\n${SSE}\r\n`],
  "a page": [answer("Content-Type: text/html\r\n", "<html><title>x</title></html>")],
  "an empty stream": [answer(SSE, "")],
  "empty JSON": [answer(JSONS, "")],
  null: [answer(JSONS, "null")],
  "a list": [answer(JSONS, "[]")],
  "an empty object": [answer(JSONS, "{}")],
  "an error in a success": [answer(JSONS, `{"error":{"message":"no such key ${KEY}","code":"nope"}}`)],
  "a refusal that repeats the key": [answer(JSONS, `{"error":{"message":"no such key ${KEY}"}}`, "400 x")],
  "only [DONE]": [events("[DONE]")],
  "an error without a word": [events('{"type":"error"}')],
  "an error that is a text": [events('{"type":"error","error":"boom"}')],
  "a failure without a response": [events('{"type":"response.failed"}')],
  "a failure without an error": [events('{"type":"response.failed","response":{"error":null}}')],
  "an end that is no JSON": [answer(SSE, "event: response.completed\ndata: {nope\n\n"), true],
  "an end without a response": [events('{"type":"response.completed"}'), true],
  "an end with nothing": [events('{"type":"response.completed","response":null}'), true],
  "items that are none": [
    events(
      '{"type":"response.output_item.done","item":null}',
      '{"type":"response.output_item.done","item":7}',
      '{"type":"response.completed","response":{"output":[null,7,"x",[],{"type":"message"},{"type":"function_call"}],"usage":"x"}}',
    ),
    true,
  ],
  "deltas that are none": [
    events(
      '{"type":"response.output_text.delta","delta":5}',
      '{"type":"response.output_text.delta"}',
      '{"type":"response.function_call_arguments.delta","item_id":{},"delta":null}',
      '{"type":"response.completed","response":{"output":[],"usage":{"input_tokens":"a"}}}',
    ),
    true,
  ],
  "events that are none": [
    events('{"type":7}', "5", "null", '"x"', '{"type":"response.completed","response":{"output":[]}}'),
    true,
  ],
};

/** The same for a provider that speaks Chat. */
const CHAT_NONSENSE: typeof NONSENSE = {
  ...Object.fromEntries(
    ["no HTTP", "nothing", "204", "an empty stream", "empty JSON", "null", "a list", "an empty object"].map((name) => [
      name,
      NONSENSE[name] as [string],
    ]),
  ),
  "an error in a success": NONSENSE["an error in a success"] as [string],
  "only [DONE]": NONSENSE["only [DONE]"] as [string],
  "no JSON": [events("{nope")],
  "events that are none": [events("null", "5", '"x"', "[]", "{}", "[DONE]")],
  "an error event": [events('{"error":"boom"}')],
  "no choices": [answer(JSONS, '{"choices":null}')],
  "choices that are none": [answer(JSONS, '{"choices":[null]}'), true],
  "a message that is none": [answer(JSONS, '{"choices":[{"message":null}]}'), true],
  "parts that are none": [
    answer(
      JSONS,
      '{"choices":[{"message":{"content":[null,5],"tool_calls":[null,5,{},{"function":null}]}}],"usage":"x"}',
    ),
    true,
  ],
  "deltas that are none": [
    events(
      '{"choices":[null]}',
      '{"choices":[{"delta":null}]}',
      '{"choices":[{"delta":{"content":5,"tool_calls":[null,5,{},{"index":"x","function":null},{"index":0,"function":{"name":5,"arguments":{}}}]}}]}',
      '{"choices":[{"delta":{"tool_calls":"x","reasoning_content":{}},"finish_reason":7}],"usage":[]}',
      "[DONE]",
    ),
    true,
  ],
};

const DIALECTS: [path: string, body: Record<string, unknown>, streams: boolean][] = [
  ["/v1/responses", { input: "x" }, true],
  ["/v1/chat/completions", { messages: [{ role: "user", content: "x" }] }, true],
  ["/v1/messages", { max_tokens: 4, messages: [{ role: "user", content: "x" }] }, true],
  ["/v1beta/models/gpt-5.5:generateContent", { contents: [{ parts: [{ text: "x" }] }] }, false],
  ["/v1beta/models/gpt-5.5:streamGenerateContent?alt=sse", { contents: [{ parts: [{ text: "x" }] }] }, false],
  ["/v1/responses/compact", { input: "x" }, false],
];

for (const [wire, nonsense] of [
  ["responses", NONSENSE],
  ["chat", CHAT_NONSENSE],
] as const)
  test(`no nonsense of an upstream becomes a false 200, our own error, a leak or a wait: wire ${wire}`, () =>
    expectSense(wire, nonsense));

async function expectSense(wire: string, nonsense: typeof NONSENSE): Promise<void> {
  let reply = "";
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(Buffer.from(reply, "latin1")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const up = {
    kind: "compatible",
    wire,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    models: ["gpt-5.5"],
    accounts: [{ apiKey: KEY }],
  };
  await using gateway = await startGateway({
    config: { limits: { retries: 0, idle: "2s", firstByte: "2s" }, upstreams: { up } },
  });
  for (const [name, [bytes, mayAnswer]] of Object.entries(nonsense))
    for (const [path, body, streams] of DIALECTS)
      for (const stream of streams ? [false, true] : [false]) {
        reply = bytes;
        const response = await fetch(`${gateway.base}${path}`, {
          method: "POST",
          body: JSON.stringify({ model: "gpt-5.5", stream, ...body }),
          // Ten times as long as the upstream may be silent: who waits longer waits for ever.
          signal: AbortSignal.timeout(20_000),
        });
        const text = await response.text();
        const here = [name, path, stream];
        expect([...here, text.includes(KEY), /internal_error/.test(text)]).toEqual([...here, false, false]);
        // Compaction is a 400 on the wire that has none.
        if (mayAnswer) expect([...here, [200, 400, 502].includes(response.status)]).toEqual([...here, true]);
        else expect([...here, response.status >= 400 && response.status !== 500]).toEqual([...here, true]);
      }
  expect(gateway.stderr()).not.toContain("internal error");
  for (const socket of sockets) socket.destroy();
  server.close();
}
