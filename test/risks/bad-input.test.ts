// Bad bodies, keys and headers get a clear error that names the place and what is legal; nothing else happens.

import { expect, test } from "bun:test";
import { connect } from "node:net";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ring } from "./ring.ts";

interface Envelope {
  error: { message: string; code: string; param: string | null; type: string };
}

test("every bad body is a 400 that names the field, and the upstream is never asked", async () => {
  await using it = await ring();
  const send = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const response = await it.post(path, {}, { body, headers });
    return { status: response.status, ...((await response.json()) as Envelope).error };
  };
  const cases: [path: string, body: string, status: number, message: RegExp][] = [
    ["/v1/responses", "", 400, /no body/],
    ["/v1/responses", "{", 400, /not valid JSON/],
    ["/v1/responses", "[]", 400, /JSON object/],
    ["/v1/responses", '{"input":"x"}', 400, /model is missing/],
    ["/v1/responses", '{"model":"gpt-5.5","input":7}', 400, /input is a number; legal: a string or a list/],
    ["/v1/responses", '{"model":"gpt-5.5","input":[7]}', 400, /input\[0\]/],
    [
      "/v1/responses",
      '{"model":"gpt-5.5","input":"x","stream":"yes"}',
      400,
      /stream is a string; legal: true or false/,
    ],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","tools":{}}', 400, /tools/],
    [
      "/v1/responses",
      '{"model":"gpt-5.5","input":"x","previous_response_id":"resp_1"}',
      404,
      /Previous response with id "resp_1" not found/,
    ],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","previous_response_id":7}', 400, /id of a response/],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","conversation":{}}', 400, /id of a conversation/],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","conversation":"conv_1"}', 404, /no conversation "conv_1"/],
    [
      "/v1/responses",
      '{"model":"gpt-5.5","input":"x","conversation":"conv_1","previous_response_id":"resp_1"}',
      400,
      /exclude each other/,
    ],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","background":true,"store":false}', 400, /background/],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","background":"yes"}', 400, /background is a string/],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","store":"yes"}', 400, /store is a string/],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","prompt":{"id":"pmpt_1"}}', 400, /prompt is not supported/],
    ["/v1/conversations", '{"items":{}}', 400, /items must be a list/],
    ["/v1/conversations/conv_1/items", '{"items":[]}', 404, /no conversation "conv_1"/],
    [
      "/v1/responses",
      '{"model":"gpt-5.5","input":"x","reasoning":{"effort":"banana"}}',
      400,
      /low, medium, high, xhigh/,
    ],
    ["/v1/responses", '{"model":"gpt-5.5","input":"x","session_id":7}', 400, /session_id/],
    ["/v1/chat/completions", '{"model":"gpt-5.5"}', 400, /messages/],
    ["/v1/chat/completions", '{"model":"gpt-5.5","messages":[{"role":"wizard","content":"x"}]}', 400, /role/],
    ["/v1/chat/completions", '{"model":"gpt-5.5","n":2,"messages":[{"role":"user","content":"x"}]}', 400, /\bn\b/],
    [
      "/v1/chat/completions",
      `{"model":"gpt-5.5","messages":${"[".repeat(200)}${"]".repeat(200)}}`,
      400,
      /deeper than 128/,
    ],
  ];
  for (const [path, body, status, message] of cases) {
    const error = await send(path, body);
    expect([body.slice(0, 80), error.status]).toEqual([body.slice(0, 80), status]);
    expect(error.message).toMatch(message);
    expect(error.type).toBe("invalid_request_error");
  }
  expect((await it.stats()).requests).toBe(0);
});

test("a body over the limit is a 413 in the envelope, declared, chunked or packed; bombs are cut", async () => {
  await using it = await ring({ config: { limits: { body: "64KiB" } } });
  const big = JSON.stringify({ model: "gpt-5.5", input: "x".repeat(100_000) });
  const chunked = new ReadableStream({
    pull(controller) {
      controller.enqueue(Buffer.from(big));
      controller.close();
    },
  });
  for (const init of [
    { body: big },
    { body: chunked, duplex: "half" },
    { body: gzipSync(big), headers: { "content-encoding": "gzip" } },
    { body: zstdCompressSync(Buffer.alloc(50_000_000, "x")), headers: { "content-encoding": "zstd" } },
  ]) {
    const response = await it.post("/v1/responses", {}, init as RequestInit);
    expect(response.status).toBe(413);
    expect(((await response.json()) as Envelope).error.code).toBe("request_too_large");
  }
  expect((await it.stats()).requests).toBe(0);
});

test("packed bodies are read: the Codex CLI sends zstd", async () => {
  await using it = await ring();
  const body = JSON.stringify({ model: "gpt-5.5", input: "packed", stream: false });
  for (const [encoding, packed] of [
    ["zstd", zstdCompressSync(body)],
    ["gzip", gzipSync(body)],
  ] as const) {
    const response = await it.post("/v1/responses", {}, { body: packed, headers: { "content-encoding": encoding } });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("packed");
  }
});

test("a `__proto__` key in a body is inert", async () => {
  await using it = await ring();
  const response = await it.post(
    "/v1/responses",
    {},
    {
      body: '{"model":"gpt-5.5","input":"x","stream":false,"__proto__":{"store":true},"metadata":{"__proto__":{"polluted":1}}}',
    },
  );
  expect(response.status).toBe(200);
});

/** Sends raw bytes and gives the first line of the answer. */
function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on("data", (chunk) => {
      answer += chunk;
      if (answer.includes("\r\n")) {
        resolve(answer.slice(0, answer.indexOf("\r\n")));
        socket.destroy();
      }
    });
    socket.on("close", () => resolve(answer === "" ? "closed" : answer));
    socket.on("error", () => resolve("closed"));
  });
}

test("smuggling, doubled hosts and too many headers are refused", async () => {
  await using it = await ring();
  const { url } = it.gateway;
  const host = new URL(url).host;
  const post = "POST /codex/v1/responses HTTP/1.1\r\n";
  expect(
    await raw(url, `${post}Host: ${host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  ).toMatch(/ 400 |closed/);
  expect(await raw(url, `${post}Host: ${host}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`)).toMatch(
    / 400 |closed/,
  );
  expect(await raw(url, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\n\r\n`)).toMatch(
    / 400 |closed/,
  );
  expect(await raw(url, `GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n`)).toMatch(/ 400 |closed/);
  const many = Array.from({ length: 101 }, (_, index) => `x-h${index}: 1\r\n`).join("");
  expect(await raw(url, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n${many}\r\n`)).toContain(" 431 ");
  expect(await raw(url, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nx-big: ${"x".repeat(20_000)}\r\n\r\n`)).toContain(
    " 200 ",
  );
  expect(await raw(url, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nx-big: ${"x".repeat(40_000)}\r\n\r\n`)).toContain(
    " 431 ",
  );
});

test("without a licence, pages of other names and origins get nothing (DNS rebinding)", async () => {
  await using it = await ring();
  const port = it.gateway.port;
  const rebound = await it.ask("x", {}, { headers: { host: `evil.example:${port}` } });
  expect(rebound.status).toBe(400);
  const foreign = await it.ask("x", {}, { headers: { origin: "https://evil.example" } });
  expect(foreign.status).toBe(403);
  expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
  expect((await it.ask("x", {}, { headers: { origin: `http://localhost:${port}` } })).status).toBe(200);
});

test("paths: unknown is 404, a wrong method is 405 with Allow, HEAD and hello answer without a licence", async () => {
  await using it = await ring({ gateway: { env: { CODEXD_KEYS: "right-key-000" } } });
  const { base, url } = it.gateway;
  const unknown = await fetch(`${base}/v1/nothing`);
  expect(unknown.status).toBe(404);
  expect(((await unknown.json()) as Envelope).error.message).toContain("/codex/v1/nothing");
  const wrong = await fetch(`${base}/v1/chat/completions`);
  expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"]);
  expect((await fetch(`${base}/v1/responses`, { method: "PUT", body: "{}" })).status).toBe(405);
  expect((await fetch(`${base}/responses`, { method: "HEAD" })).status).toBe(200);
  expect((await fetch(`${base}/api/hello`)).status).toBe(200);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  const upgrade = await fetch(`${base}/responses`, {
    headers: {
      upgrade: "websocket",
      connection: "upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
    },
  });
  expect(upgrade.status).toBe(426);
  for (const [method, path] of [
    ["POST", "/v1/images/generations"],
    ["POST", "/v1/videos"],
    ["POST", "/alpha/search"],
  ] as const) {
    const response = await fetch(`${base}${path}`, { method, body: "{}", headers: { "x-api-key": "right-key-000" } });
    expect([path, response.status, ((await response.json()) as Envelope).error.code]).toEqual([
      path,
      501,
      "unsupported_endpoint",
    ]);
  }
});
