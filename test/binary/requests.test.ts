// What odd clients send and what every client reads: response headers, model lists, compaction, and requests nobody meant.

import { expect, test } from "bun:test";
import { connect } from "node:net";
import { startGateway, startSandbox } from "../binary.ts";
import { type Ring, readAll, ring } from "../risks/ring.ts";

interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

async function sentLast(it: Ring, count = 1): Promise<Sent[]> {
  return (await (await fetch(`${it.sandbox.url}/sandbox/requests?n=${count}`)).json()) as Sent[];
}

const codeOf = async (response: Response) =>
  ((await response.json()) as { error: { code?: string; message: string } }).error;

test("every exchange tells its request, model and effort, whatever becomes of it, and keeps a sane id", async () => {
  await using it = await ring({ kind: "chatgpt" });
  const ask = async (directive: string, id: string, body: Record<string, unknown> = {}) => {
    const response = await it.ask(directive, { model: "gpt-5.2-high", ...body }, { headers: { "x-request-id": id } });
    await readAll(response);
    const { headers } = response;
    return [
      response.status,
      headers.get("x-request-id"),
      headers.get("x-codexd-model"),
      headers.get("x-codexd-effort"),
    ];
  };
  expect(await ask("x", "one:1")).toEqual([200, "one:1", "gpt-5.2", "high"]);
  expect(await ask("x", "two", { stream: false })).toEqual([200, "two", "gpt-5.2", "high"]);
  expect(await ask("FAIL server_error", "three")).toEqual([502, "three", "gpt-5.2", "high"]);
  expect(await ask("FAIL usage_limit_reached before 7", "four")).toEqual([429, "four", "gpt-5.2", "high"]);
  expect(await ask("x", "five", { tools: {} })).toEqual([400, "five", null, null]);
  for (const insane of ["", "-x", "a b", "x".repeat(200), "a\tb", "ä"]) {
    const response = await it
      .ask("x", { stream: false }, { headers: { "x-request-id": insane } })
      .catch(() => undefined);
    if (response) expect(response.headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{32}$/);
  }
  const { base } = it.gateway;
  const kept = { headers: { "x-request-id": "mine" } };
  for (const path of ["/v1/models", "/v1/models/none", "/nothing"])
    expect((await fetch(`${base}${path}`, kept)).headers.get("x-request-id")).toBe("mine");
});

test("the same request id twice leaves two receipts", async () => {
  await using it = await ring();
  for (let at = 0; at < 2; at++) await it.ask("x", { stream: false }, { headers: { "x-request-id": "twice" } });
  expect((await it.settled(2)).map(({ id }) => id)).toEqual(["twice", "twice"]);
});

test("limits of the upstream's account reach the client, and Retry-After on failures from a limit", async () => {
  await using it = await ring({ kind: "chatgpt" });
  const fine = await it.ask("x", { stream: false });
  for (const name of [
    "x-codex-primary-used-percent",
    "x-codex-primary-window-minutes",
    "openai-model",
    "x-models-etag",
  ])
    expect([name, fine.headers.has(name)]).toEqual([name, true]);
  expect(fine.headers.get("x-codex-turn-state")).toBeTruthy();
  const limited = await it.ask("FAIL usage_limit_reached before 7", {});
  expect([limited.status, limited.headers.get("retry-after"), limited.headers.get("x-should-retry")]).toEqual([
    429,
    "7",
    "false",
  ]);
  expect(limited.headers.has("x-codex-primary-used-percent")).toBe(true);
  const busy = await it.ask("FAIL server_is_overloaded before 3", {});
  expect([busy.status, busy.headers.get("retry-after")]).toEqual([503, "3"]);
});

test("nothing of the client's own credentials, hops or addresses goes upstream", async () => {
  const mine = {
    ...{ "x-api-key": "a-key-0000", "x-goog-api-key": "a-key-0000", cookie: "session=1", "x-real-ip": "6.6.6.6" },
    ...{ authorization: "Bearer a-key-0000", "chatgpt-account-id": "of-the-client", "x-forwarded-for": "6.6.6.6" },
    ...{
      "x-forwarded-host": "evil.example",
      forwarded: "for=6.6.6.6",
      te: "trailers",
      "proxy-authorization": "Basic x",
    },
    ...{ "openai-organization": "org", "x-stainless-lang": "js", "x-openai-subagent": "review", via: "1.1 x" },
    ...{
      "accept-encoding": "br;q=0.1",
      "keep-alive": "timeout=1",
      referer: "http://evil.example",
      origin: "http://localhost",
    },
  };
  for (const kind of ["chatgpt", "openai"] as const) {
    await using it = await ring({ kind });
    expect((await it.ask("x", { stream: false }, { headers: mine })).status).toBe(200);
    const { headers } = (await sentLast(it))[0] as Sent;
    expect(headers.authorization).toBe(kind === "chatgpt" ? "Bearer test-token" : "Bearer sk-test-000000");
    expect(headers["chatgpt-account-id"]).toBe(kind === "chatgpt" ? "acc" : undefined);
    expect(headers["x-openai-subagent"]).toBe("review");
    expect(JSON.stringify(headers)).not.toMatch(/a-key-0000|6\.6\.6\.6|evil\.example|of-the-client|stainless|"org"/);
    for (const name of ["cookie", "te", "proxy-authorization", "via", "forwarded", "referer", "origin", "x-api-key"])
      expect([name, headers[name]]).toEqual([name, undefined]);
  }
});

test("a licence in the query stays here, and the rest of the query of a passed request goes on", async () => {
  await using it = await ring({ kind: "chatgpt", gateway: { env: { CODEXD_KEYS: "a-key-in-the-query" } } });
  expect((await it.post("/alpha/search?key=a-key-in-the-query&page=2", { query: "x" })).status).toBe(200);
  expect((await it.post("/v1/alpha/search?key=a-key-in-the-query", { query: "x" })).status).toBe(200);
  const paths = (await sentLast(it, 2)).map(({ path }) => path);
  expect(paths).toEqual(["/backend-api/codex/alpha/search?page=2", "/backend-api/codex/alpha/search"]);
});

test("an upstream's redirect is a failure, not an address to follow", async () => {
  let followed = 0;
  using upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      if (new URL(request.url).pathname === "/elsewhere") followed++;
      return Response.redirect(`${new URL(request.url).origin}/elsewhere`, 307);
    },
  });
  const up = { kind: "openai", baseUrl: `http://127.0.0.1:${upstream.port}/v1`, accounts: [{ apiKey: "sk-x" }] };
  await using gateway = await startGateway({ config: { upstreams: { up } } });
  const response = await fetch(`${gateway.base}/v1/responses`, {
    method: "POST",
    body: JSON.stringify({ model: "gpt-5.5", input: "x" }),
  });
  expect([response.status, (await codeOf(response)).code, followed]).toEqual([502, "upstream_unreachable", 0]);
});

test("models in every form, each with a tag that saves the second answer", async () => {
  await using it = await ring({ kind: "chatgpt" });
  const { base } = it.gateway;
  const forms: [path: string, headers: Record<string, string>, first: (body: never) => unknown][] = [
    ["/v1/models", {}, (body: { data: { id: string }[] }) => body.data[0]?.id],
    ["/models", {}, (body: { data: { id: string }[] }) => body.data[0]?.id],
    ["/models?client_version=0.170.0", {}, (body: { models: { slug: string }[] }) => body.models[0]?.slug],
    ["/v1/models?client_version=0.170.0", {}, (body: { models: { slug: string }[] }) => body.models[0]?.slug],
    [
      "/v1/models",
      { "anthropic-version": "2023-06-01" },
      (body: { data: { id: string }[]; has_more: boolean }) => body.has_more === false && body.data[0]?.id,
    ],
    ["/v1beta/models", {}, (body: { models: { name: string }[] }) => body.models[0]?.name.replace("models/", "")],
    [
      "/v1/models",
      { "x-goog-api-client": "x" },
      (body: { models: { name: string }[] }) => body.models[0]?.name.replace("models/", ""),
    ],
  ];
  for (const [path, headers, first] of forms) {
    const response = await fetch(`${base}${path}`, { headers });
    expect([path, response.status]).toEqual([path, 200]);
    expect(first((await response.json()) as never)).toBe("gpt-6.1-sol");
    const etag = response.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]+"$/);
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await fetch(`${base}${path}`, { headers: { ...headers, "if-none-match": tag } });
      expect([tag, again.status, await again.text(), again.headers.get("etag")]).toEqual([tag, 304, "", etag]);
    }
    expect((await fetch(`${base}${path}`, { headers: { ...headers, "if-none-match": '"other"' } })).status).toBe(200);
  }
});

test("an unknown model is 404 in each dialect's envelope, a known one is described, and no escape breaks it", async () => {
  await using it = await ring();
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${it.gateway.base}${path}`, { headers });
    return [response.status, (await response.json()) as Record<string, never>] as const;
  };
  expect((await get("/v1/models/none"))[1]).toMatchObject({ error: { code: "model_not_found", param: "model" } });
  expect((await get("/v1/models/none", { "anthropic-version": "1" }))[1]).toMatchObject({
    type: "error",
    error: { type: "not_found_error" },
  });
  expect((await get("/v1beta/models/none"))[1]).toMatchObject({ error: { code: 404, status: "NOT_FOUND" } });
  for (const path of ["/v1/models/%E0%A4%A", "/v1/models/a%2Fb", "/v1beta/models/%00", "/v1/models/..%2f..%2fhealthz"])
    expect([path, (await get(path))[0]]).toEqual([path, 404]);
  expect(await get("/v1/models/gpt%2D5.5")).toMatchObject([200, { id: "gpt-5.5", object: "model" }]);
  expect(await get("/v1/models/gpt-5.5", { "anthropic-version": "1" })).toMatchObject([200, { type: "model" }]);
  expect(await get("/v1beta/models/gpt-5.5")).toMatchObject([200, { name: "models/gpt-5.5" }]);
});

test("compaction passes to upstreams that have it, and tells what it left out", async () => {
  const old = { model: "gpt-5.5", input: [{ role: "user", content: "remember" }], instructions: "be brief" };
  for (const kind of ["chatgpt", "openai"] as const) {
    await using it = await ring({ kind });
    for (const path of ["/responses/compact", "/v1/responses/compact"]) {
      const plain = await it.post(path, old);
      expect([plain.status, plain.headers.get("x-codexd-dropped")]).toEqual([200, null]);
      expect(JSON.stringify(await plain.json())).toContain("compaction");
      const { body } = (await sentLast(it))[0] as Sent;
      expect([body.model, body.instructions, body.stream, body.store]).toEqual([
        "gpt-5.5",
        "be brief",
        undefined,
        undefined,
      ]);
      const streamed = await it.post(path, { ...old, stream: true });
      expect([streamed.status, (await codeOf(streamed)).message]).toEqual([400, expect.stringContaining("stream")]);
      const more = await it.post(path, {
        ...old,
        stream: false,
        store: false,
        service_tier: "priority",
        temperature: 1,
      });
      expect([more.status, more.headers.get("x-codexd-dropped")?.split(", ").sort()]).toEqual([
        200,
        ["service_tier", "temperature"],
      ]);
      const strict = await it.post(path, { ...old, temperature: 1 }, { headers: { "x-codexd-strict": "1" } });
      expect([strict.status, (await codeOf(strict)).code]).toEqual([400, "unsupported_parameter"]);
    }
  }
});

test("on a provider that speaks Chat, compaction is refused with the words that clients know", async () => {
  await using sandbox = await startSandbox({ args: ["--wire", "chat"] });
  const up = {
    kind: "compatible",
    wire: "chat",
    baseUrl: sandbox.base,
    models: ["gpt-5.5"],
    accounts: [{ apiKey: "sk-x" }],
  };
  await using gateway = await startGateway({ config: { upstreams: { up } } });
  for (const path of ["/responses/compact", "/v1/responses/compact"]) {
    const response = await fetch(`${gateway.base}${path}`, {
      method: "POST",
      body: JSON.stringify({ model: "gpt-5.5", input: "x" }),
    });
    expect(response.status).toBe(400);
    expect((await codeOf(response)).message).toBe("compact endpoint requires responses wire api");
  }
});

test("sessions of any length and alphabet are one conversation upstream", async () => {
  await using it = await ring({ kind: "chatgpt" });
  const keyOf = async (body: Record<string, unknown>, headers: Record<string, string> = {}) => {
    const response = await it.ask("x", { stream: false, ...body }, { headers });
    if (response.status !== 200) return response.status;
    const { body: sent, headers: up } = (await sentLast(it))[0] as Sent;
    expect(sent.session_id).toBeUndefined();
    expect(up["session-id"]).toMatch(/^[\x21-\x7e]{1,64}$/);
    expect(String(sent.prompt_cache_key).length).toBeLessThanOrEqual(64);
    return sent.prompt_cache_key;
  };
  expect(await keyOf({ session_id: "mine" })).toBe("mine");
  expect(await keyOf({}, { session_id: "mine" })).toBe("mine");
  for (const session_id of ["s".repeat(256), "会话\u0000\r\nx-evil: 1", " "])
    expect(await keyOf({ session_id })).toBeString();
  expect(await keyOf({ session_id: "s".repeat(257) })).toBe(400);
  expect(await keyOf({ session_id: "" })).toBeString();
  expect(await keyOf({ session_id: null })).toBeString();
  const long = await keyOf({ prompt_cache_key: "k".repeat(100_000) });
  expect(long).toBe(await keyOf({ prompt_cache_key: "k".repeat(100_000) }));
  for (const { session } of it.receipts()) expect((session ?? "").length).toBeLessThanOrEqual(256);
});

test("odd bodies that mean something are read: null stream, doubled keys, no or another content type, a byte order mark", async () => {
  await using it = await ring();
  const text = '{"model":"gpt-9","input":"odd","model":"gpt-5.5","stream":null}';
  for (const [body, headers] of [
    [text, { "content-type": "application/json" }],
    [text, { "content-type": "text/plain" }],
    [text, { "content-type": "application/x-www-form-urlencoded" }],
    [`\ufeff${text}`, { "content-type": "application/json; charset=utf-8" }],
    [` \r\n\t${text}\n`, { "content-type": "" }],
  ] as const) {
    const response = await fetch(`${it.gateway.base}/v1/responses`, { method: "POST", body, headers });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("odd");
  }
  for (const input of ["", "\u0000", "\ud800", "👩‍👩‍👧‍👦".repeat(1000), "\u2028\u2029"]) {
    const response = await it.ask(input, { stream: false });
    expect(response.status).toBe(200);
  }
  expect((await it.post("/v1/responses", { model: "", input: "x" })).status).toBe(400);
});

test("odd paths and methods get a clear answer", async () => {
  await using it = await ring();
  const { base, url } = it.gateway;
  const status = async (path: string, init?: RequestInit) => (await fetch(`${base}${path}`, init)).status;
  expect(await status("//v1/models")).toBe(404);
  expect(await status("/v1/%6dodels")).toBe(404);
  expect(await status(`/v1/${"x".repeat(20_000)}`)).toBe(404);
  expect(await status(`/v1/models?${"x=1&".repeat(4000)}`)).toBe(200);
  expect(await status("/v1/responses/", { method: "POST", body: '{"model":"gpt-5.5","input":"x"}' })).toBe(200);
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/codexx/v1/models`)).status).toBe(404);
  for (const method of ["OPTIONS", "PUT", "PATCH", "DELETE", "GET"]) {
    const response = await fetch(`${base}/v1/chat/completions`, { method });
    expect([method, response.status, response.headers.get("allow")]).toEqual([method, 405, "POST"]);
    expect(response.headers.has("access-control-allow-origin")).toBe(false);
  }
  for (const [path, envelope] of [
    ["/v1/messages/nothing", { type: "error" }],
    ["/v1beta/nothing", { error: { code: 404, status: "NOT_FOUND" } }],
    ["/v1/nothing", { error: { code: "not_found" } }],
  ] as const)
    expect(await (await fetch(`${base}${path}`)).json()).toMatchObject(envelope);
});

/** Speaks raw HTTP over one connection: sends each request when the one before was answered, and gives the statuses. */
function converse(port: number, requests: readonly string[]): Promise<number[]> {
  return new Promise((resolve) => {
    let text = "";
    let asked = 0;
    const socket = connect(port, "127.0.0.1", next);
    const statuses = () => [...text.matchAll(/HTTP\/1\.[01] (\d+)/g)].map((match) => Number(match[1]));
    const end = () => {
      socket.destroy();
      resolve(statuses());
    };
    function next() {
      const request = requests[asked++];
      if (request === undefined) end();
      else socket.write(request);
    }
    socket.on("data", (chunk) => {
      text += chunk;
      if (statuses().length === asked && /\r\n\r\n.*[}\n]$/s.test(text)) next();
    });
    socket.on("close", end);
    socket.on("error", end);
    socket.setTimeout(5000, end);
  });
}

test("one connection goes on after errors, and HTTP/1.0 is answered", async () => {
  await using it = await ring();
  const { port } = it.gateway;
  const head = (line: string, extra = "") => `${line} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${extra}\r\n`;
  const post = (text: string) =>
    head("POST /codex/v1/responses", `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n`) + text;
  const good = '{"model":"gpt-5.5","input":"x"}';
  expect(
    await converse(port, [
      post("{"),
      head("GET /codex/v1/nothing"),
      post('{"model":"gpt-9","input":"x"}'),
      post(good),
      head("OPTIONS /codex/v1/responses"),
      post('{"model":"gpt-5.5","input":"FAIL server_error"}'),
      post(good),
      head("GET /healthz"),
    ]),
  ).toEqual([400, 404, 400, 200, 405, 502, 200, 200]);
  expect(await converse(port, ["GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"])).toEqual([200]);
});
