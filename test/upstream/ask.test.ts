// One try against a real server: what goes over, what comes back, and that every wait has an end.

import { afterEach, describe, expect, test } from "bun:test";
import type { Failure } from "../../src/core/failure.ts";
import { accountMark, seal } from "../../src/core/seal.ts";
import type { Turn } from "../../src/core/turn.ts";
import { passingHeaders } from "../../src/upstream/headers.ts";
import {
  askWith,
  captures,
  codexExchange,
  DONE,
  eventsOf,
  exchangeOf,
  HAS_DATA,
  type Handler,
  listener,
  serve,
  sse,
  thrownBy,
  upstreamAt,
} from "./setting.ts";

const servers: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

function backend(handle: Handler) {
  const server = serve(handle);
  servers.push(server);
  return server;
}

const frame = (event: { type: string; [field: string]: unknown }) =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** A stream under the test's control, and the moment at which the other side let go of it. */
function controlled() {
  const encoder = new TextEncoder();
  let push: (text: string) => void = () => undefined;
  let end: () => void = () => undefined;
  const { promise: released, resolve } = Promise.withResolvers<void>();
  const response = () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        push = (text) => controller.enqueue(encoder.encode(text));
        end = () => controller.close();
        push(": open\n\n");
      },
      cancel: () => resolve(),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  return { response, push: (text: string) => push(text), end: () => end(), released };
}

describe("what goes over", () => {
  test("is the header set of the real client, with our account", async () => {
    const { url, seen } = backend(() => sse(DONE));
    const headers = new Headers({
      authorization: "Bearer licence-of-the-client",
      "chatgpt-account-id": "of-the-client",
      cookie: "a=b",
      "x-forwarded-for": "1.2.3.4",
      host: "evil.example",
      "x-codex-window-id": "w:0",
      "x-codex-turn-metadata": "{}",
      "x-openai-subagent": "review",
      "x-codex-secret-of-the-client": "no",
      originator: "codex_exec",
    });
    await eventsOf(await askWith(upstreamAt(url), exchangeOf({ service_tier: "priority" }, { headers })));
    const [{ request } = { request: new Request(url) }] = seen;
    const sent = Object.fromEntries(request.headers);
    expect(new URL(request.url).pathname).toBe("/v1/responses");
    expect(sent).toMatchObject({
      authorization: "Bearer token-of-work-account",
      "chatgpt-account-id": "acc-1",
      version: "0.169.0",
      originator: "codex_cli_rs",
      "session-id": "session-1",
      "thread-id": "session-1",
      "x-client-request-id": "session-1",
      "x-codex-window-id": "w:0",
      "x-codex-turn-metadata": "{}",
      "x-openai-subagent": "review",
      "x-codex-routing-hint": "model=gpt-5.5;tier=priority",
      accept: "text/event-stream",
      "content-type": "application/json",
    });
    expect(sent["user-agent"]).toMatch(/^codex_cli_rs\/0\.169\.0 \(.+\) codexd\/0\.1\.0$/);
    for (const name of [
      "cookie",
      "x-forwarded-for",
      "x-codex-secret-of-the-client",
      "x-openai-internal-codex-responses-lite",
    ]) {
      expect(sent).not.toHaveProperty(name);
    }
    expect(sent.host).not.toContain("evil");
  });

  test("to another provider has nothing of Codex that the client did not send", async () => {
    const { url, seen } = backend(() => sse(DONE));
    const upstream = upstreamAt(url, { kind: "compatible", accounts: [] });
    const answer = await askWith(upstream);
    await eventsOf(answer);
    const names = [...(seen[0]?.request.headers.keys() ?? [])];
    for (const name of ["authorization", "version", "originator", "chatgpt-account-id", "x-codex-routing-hint"])
      expect(names).not.toContain(name);
    expect(seen[0]?.request.headers.get("user-agent")).toBe("codexd/0.1.0");
    expect(answer.account).toBe("anonymous");
  });

  test("a session that no header can carry goes as its digest", async () => {
    const { url, seen } = backend(() => sse(DONE));
    const session = { id: "naïve\r\nx-evil: 1", source: "body" as const };
    await eventsOf(await askWith(upstreamAt(url), exchangeOf({}, { session })));
    expect(seen[0]?.request.headers.get("session-id")).toMatch(/^[0-9a-f]{64}$/);
    expect(seen[0]?.request.headers.get("x-evil")).toBeNull();
  });

  test.skipIf(!HAS_DATA)("for the Codex CLI is the value that it sent", async () => {
    const { url, seen } = backend(() => sse(DONE));
    const upstream = upstreamAt(url, { kind: "openai" });
    for (const capture of captures().slice(0, 6)) {
      await eventsOf(await askWith(upstream, codexExchange(capture)));
      const { body, request } = seen.at(-1) as (typeof seen)[number];
      expect(body).toBe(JSON.stringify(capture.body));
      for (const name of [
        "session-id",
        "thread-id",
        "x-client-request-id",
        "x-codex-window-id",
        "x-codex-turn-metadata",
        "x-openai-internal-codex-responses-lite",
      ]) {
        expect(request.headers.get(name)).toBe(capture.headers.get(name));
      }
    }
  });

  test("sealed reasoning is opened for the account that made it and no other", async () => {
    const { url, seen } = backend(() => sse(DONE));
    const input = [
      { type: "reasoning", summary: [], encrypted_content: seal("gAAAAours", "work", "rs_1") },
      { type: "reasoning", summary: [], encrypted_content: seal("gAAAAtheirs", "other", "rs_2") },
      {
        type: "reasoning",
        summary: [{ type: "summary_text", text: "seen" }],
        encrypted_content: seal("gAAAAtheirs", "other", "rs_3"),
      },
      { type: "reasoning", id: "rs_4", summary: [], encrypted_content: "gAAAAbare" },
    ];
    await eventsOf(await askWith(upstreamAt(url), exchangeOf({ input })));
    expect(accountMark("work")).not.toBe(accountMark("other"));
    expect(JSON.parse(seen[0]?.body ?? "").input).toEqual([
      { type: "reasoning", summary: [], encrypted_content: "gAAAAours", id: "rs_1" },
      { type: "reasoning", summary: [{ type: "summary_text", text: "seen" }] },
      { type: "reasoning", id: "rs_4", summary: [], encrypted_content: "gAAAAbare" },
    ]);
  });

  test("reasoning that cannot be verified is left out of one more try", async () => {
    const refusal = {
      error: {
        message: "The encrypted content gAAA... could not be verified.",
        type: "invalid_request_error",
        code: "invalid_encrypted_content",
      },
    };
    const { url, seen } = backend(() =>
      seen.at(-1)?.body.includes("gAAAA") ? Response.json(refusal, { status: 400 }) : sse(DONE),
    );
    const input = [
      { type: "message", role: "user", content: "q" },
      { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAAforeign" },
    ];
    await eventsOf(await askWith(upstreamAt(url), exchangeOf({ input })));
    expect(seen.map(({ body }) => JSON.parse(body).input.length)).toEqual([2, 1]);
  });
});

describe("the turn state", () => {
  const two = [
    { name: "a", accessToken: "token-a" },
    { name: "b", accessToken: "token-b" },
  ];

  test("goes back to the account that gave it, not to another", async () => {
    const { url, seen } = backend(() => {
      const response = sse(DONE);
      response.headers.set("x-codex-turn-state", "state-1");
      return response;
    });
    const upstream = upstreamAt(url, { accounts: two });
    const asked = async (id: string, state?: string) => {
      const headers = new Headers(state ? { "x-codex-turn-state": state } : {});
      const answer = await askWith(upstream, exchangeOf({}, { headers, session: { id, source: "header" } }));
      await eventsOf(answer);
      return {
        account: answer.account,
        state: seen.at(-1)?.request.headers.get("x-codex-turn-state"),
        headers: answer.headers,
      };
    };
    const first = await asked("s-0");
    expect(first.headers.get("x-codex-turn-state")).toBe("state-1");
    expect((await asked("s-0", "state-1")).state).toBe("state-1");
    let other = "";
    for (let at = 1; !other; at++) if ((await asked(`s-${at}`)).account !== first.account) other = `s-${at}`;
    await asked("s-0");
    expect((await asked(other, "state-1")).state).toBeNull();
    expect((await asked("s-0", "never-seen")).state).toBeNull();
  });

  test("from before a restart is passed where there is only one account", async () => {
    const { url, seen } = backend(() => sse(DONE));
    await eventsOf(
      await askWith(upstreamAt(url), exchangeOf({}, { headers: new Headers({ "x-codex-turn-state": "old" }) })),
    );
    expect(seen[0]?.request.headers.get("x-codex-turn-state")).toBe("old");
  });
});

describe("what comes back", () => {
  test("are the events as they came, and only the headers that a client reads", async () => {
    const delta = { type: "response.output_text.delta", delta: "hé" };
    const { url } = backend(() => {
      const response = sse(delta, DONE);
      for (const [name, value] of Object.entries({
        ...{
          "x-codex-primary-used-percent": "12",
          "x-codex-turn-state": "s",
          "openai-model": "gpt-5.5",
          "x-models-etag": '"e"',
        },
        ...{
          "x-reasoning-included": "true",
          "x-request-id": "up-9",
          "set-cookie": "a=b",
          "x-gpt-9-primary-used-percent": "3",
          server: "x",
        },
      }))
        response.headers.set(name, value);
      return response;
    });
    const answer = await askWith(upstreamAt(url));
    expect([...answer.headers.keys()].sort()).toEqual(
      [
        ...["openai-model", "x-codex-primary-used-percent", "x-codex-turn-state", "x-gpt-9-primary-used-percent"],
        ...["x-models-etag", "x-reasoning-included"],
      ].sort(),
    );
    expect(answer).toMatchObject({ account: "work", upstreamRequestId: "up-9" });
    const events = await eventsOf(answer);
    expect(events.map((event) => event.type)).toEqual([delta.type, DONE.type]);
    expect(new TextDecoder().decode(events[0]?.raw)).toBe(frame(delta));
    expect(passingHeaders(new Headers({ authorization: "x" })).get("authorization")).toBeNull();
  });

  test("names that had to change are changed back", async () => {
    const name = "my tool!";
    const item = { type: "function_call", id: "fc_1", call_id: "call_1", name: "my_tool_", arguments: "{}" };
    const { url, seen } = backend(() =>
      sse(
        { type: "response.output_item.added", output_index: 0, item },
        { type: "response.output_item.done", output_index: 0, item },
        {
          type: "response.completed",
          response: { id: "r", output: [item], tools: [{ type: "function", name: "my_tool_" }] },
        },
      ),
    );
    const tools = [{ type: "function", name, parameters: { type: "object", properties: {} } }];
    const events = await eventsOf(await askWith(upstreamAt(url), exchangeOf({ tools })));
    expect(JSON.parse(seen[0]?.body ?? "").tools[0].name).toBe("my_tool_");
    expect(JSON.stringify(events.map((event) => event.data)).match(/my tool!/g)?.length).toBe(4);
    expect(JSON.stringify(events.map((event) => event.data))).not.toContain("my_tool_");
  });

  test("an answer in one piece is played as a stream", async () => {
    const body = {
      ...{
        id: "resp_1",
        object: "response",
        status: "completed",
        model: "m",
        usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
      },
      output: [
        { type: "reasoning", id: "rs_1", summary: [] },
        {
          type: "message",
          id: "msg_1",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "hi", annotations: [] }],
        },
        { type: "function_call", id: "fc_1", call_id: "c", name: "f", arguments: "{}", status: "completed" },
      ],
    };
    const { url } = backend(() => Response.json(body));
    const events = await eventsOf(await askWith(upstreamAt(url, { kind: "compatible" })));
    expect(events[0]?.type).toBe("response.created");
    expect(events.at(-1)).toMatchObject({ type: "response.completed", data: { response: body } });
    const done = events.filter((event) => event.type === "response.output_item.done").map((event) => event.data.item);
    expect(done).toEqual(body.output);
    expect(events.map((event) => event.data.sequence_number)).toEqual([...events.keys()]);
  });

  test("JSON or a page that is no answer is a failure that says so", async () => {
    const { url } = backend(() => Response.json({ choices: [] }));
    const thrown = await thrownBy(async () => eventsOf(await askWith(upstreamAt(url))));
    expect(thrown).toMatchObject({ code: "upstream_error", message: expect.stringContaining("wire") });
    const { url: failing } = backend(() => Response.json({ error: { message: "slow", code: 429 } }));
    expect(await thrownBy(askWith(upstreamAt(failing)))).toMatchObject({
      code: "rate_limit_exceeded",
      message: "slow",
    });
    const { url: edge } = backend(
      () => new Response("<html>hello</html>", { headers: { "content-type": "text/html" } }),
    );
    expect(await thrownBy(askWith(upstreamAt(edge)))).toMatchObject({ code: "upstream_edge_challenge" });
  });

  test("events without a content type are events all the same, JSON without one is JSON", async () => {
    const { url } = backend(() => new Response(new Blob([frame(DONE)], { type: "" })));
    expect((await eventsOf(await askWith(upstreamAt(url)))).map((event) => event.type)).toEqual([DONE.type]);
    const whole = JSON.stringify({ id: "r", status: "completed", output: [] });
    const { url: json } = backend(() => new Response(whole, { headers: { "content-type": "text/plain" } }));
    const events = await eventsOf(await askWith(upstreamAt(json)));
    expect(events.map((event) => event.type)).toEqual(["response.created", "response.completed"]);
    const { url: page } = backend(
      () => new Response("  <!doctype html>", { headers: { "content-type": "text/plain" } }),
    );
    expect(await thrownBy(askWith(upstreamAt(page)))).toMatchObject({ code: "upstream_edge_challenge" });
  });
});

describe("refusals", () => {
  test("name the upstream, log the account, and repeat no credential", async () => {
    const { url } = backend(() =>
      Response.json({ error: { message: "bad token-of-work-account", code: "token_expired" } }, { status: 401 }),
    );
    const { log, lines } = listener();
    const thrown = (await thrownBy(askWith(upstreamAt(url, {}, { log })))) as Failure;
    expect(thrown).toMatchObject({ kind: "upstream_credential", code: "upstream_auth_failed", shouldRetry: false });
    expect(thrown.message).toContain("codex login");
    expect(JSON.stringify([thrown.message, thrown.upstream, lines])).not.toContain("token-of-work-account");
    expect(lines).toMatchObject([{ level: "warn", fields: { upstream: "codex", account: "work", status: 401 } }]);
  });

  test("redirects are not followed", async () => {
    const elsewhere = backend(() => sse(DONE));
    const { url } = backend(() => Response.redirect(elsewhere.url, 307));
    expect(await thrownBy(askWith(upstreamAt(url)))).toMatchObject({
      kind: "transport",
      code: "upstream_unreachable",
      shouldRetry: false,
    });
    expect(elsewhere.seen).toEqual([]);
  });

  test("an endless error body is read so far and no further", async () => {
    let sent = 0;
    const { url } = backend(() => {
      const chunk = new TextEncoder().encode("x".repeat(16 * 1024));
      const body = new ReadableStream({
        pull(controller) {
          controller.enqueue(chunk);
          sent += chunk.length;
        },
      });
      return new Response(body, { status: 500 });
    });
    const thrown = (await thrownBy(askWith(upstreamAt(url)))) as Failure;
    expect(thrown).toMatchObject({ code: "upstream_error", status: 502 });
    expect(thrown.message.length).toBeLessThanOrEqual(500);
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });

  test("nobody listening, no such name, a closed door", async () => {
    const gone = serve(() => sse(DONE));
    await gone.stop();
    for (const url of [gone.url, "http://no-such-host.invalid/v1"]) {
      const thrown = (await thrownBy(askWith(upstreamAt(url)))) as Failure;
      expect(thrown).toMatchObject({ kind: "transport", code: "upstream_unreachable", status: 502 });
      expect(thrown.message).toMatch(
        /^upstream codex could not be reached: (the connection was refused|its name does not resolve.*)$/,
      );
    }
    const door = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: (socket) => void socket.terminate(), data: () => undefined },
    });
    const thrown = await thrownBy(askWith(upstreamAt(`http://127.0.0.1:${door.port}`)));
    door.stop(true);
    expect(thrown).toMatchObject({ code: "upstream_unreachable" });
  });
});

describe("every wait has an end", () => {
  const limits = { connect: 40, firstByte: 40, idle: 40 };

  test("for the first byte", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { url } = backend(() => promise);
    const thrown = await thrownBy(askWith(upstreamAt(url, {}, { limits })));
    resolve(sse(DONE));
    expect(thrown).toMatchObject({ kind: "upstream_timeout", code: "upstream_timeout", status: 504 });
  });

  test("in the middle, and the upstream is told to stop", async () => {
    const stream = controlled();
    const { url } = backend(stream.response);
    const answer = await askWith(upstreamAt(url, {}, { limits }));
    stream.push(frame({ type: "response.created", response: {} }));
    await answer.events.next();
    const thrown = await thrownBy(eventsOf(answer));
    expect(thrown).toMatchObject({ kind: "upstream_timeout", code: "upstream_timeout" });
    await stream.released;
  });

  test("but not while nobody asks for more", async () => {
    const stream = controlled();
    const { url } = backend(stream.response);
    const answer = await askWith(upstreamAt(url, {}, { limits: { ...limits, idle: 60 } }));
    stream.push(frame({ type: "response.created", response: {} }));
    await answer.events.next();
    await Bun.sleep(120);
    stream.push(frame(DONE));
    stream.end();
    expect((await eventsOf(answer)).map((event) => event.type)).toContain(DONE.type);
  });

  test("a connection that breaks is not an end", async () => {
    const half = frame({ type: "response.created", response: {} });
    const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    const { promise: cut, resolve } = Promise.withResolvers<void>();
    const socket = {
      open: () => undefined,
      data(peer: Bun.Socket) {
        peer.write(`${head}${half.length.toString(16)}\r\n${half}\r\n`);
        cut.then(() => peer.terminate());
      },
    };
    const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
    const answer = await askWith(upstreamAt(`http://127.0.0.1:${server.port}`));
    await answer.events.next();
    resolve();
    expect(await thrownBy(eventsOf(answer))).toMatchObject({ kind: "stream_broken", code: "stream_error" });
    server.stop(true);
  });

  test("an end without a last event is left to the caller", async () => {
    const { url } = backend(() => sse({ type: "response.created", response: {} }));
    expect((await eventsOf(await askWith(upstreamAt(url)))).map((event) => event.type)).toEqual(["response.created"]);
  });
});

describe("the client leaving", () => {
  const left = new Error("the client left");

  test("before the answer ends the request", async () => {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const { url } = backend((request) => {
      request.signal.addEventListener("abort", () => resolve());
      arrived.resolve();
      return new Promise<Response>(() => undefined);
    });
    const controller = new AbortController();
    const thrown = thrownBy(askWith(upstreamAt(url), exchangeOf({}), controller.signal));
    await arrived.promise;
    controller.abort(left);
    expect(await thrown).toBe(left);
    await aborted;
  });

  test("in the middle ends the upstream's stream", async () => {
    const stream = controlled();
    const { url } = backend(stream.response);
    const controller = new AbortController();
    const answer = await askWith(upstreamAt(url), exchangeOf({}), controller.signal);
    const thrown = thrownBy(eventsOf(answer));
    controller.abort(left);
    expect(await thrown).toBe(left);
    await stream.released;
  });

  test("without having read anything does too", async () => {
    const stream = controlled();
    const { url } = backend(stream.response);
    const answer = await askWith(upstreamAt(url));
    await answer.events.return(undefined);
    await stream.released;
    expect(await answer.events.next()).toEqual({ done: true, value: undefined });
  });

  test("while a transport does not listen is noticed at once", async () => {
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Response>();
    const thrown = thrownBy(
      askWith(upstreamAt("http://in.process", {}, { transport: () => promise }), exchangeOf({}), controller.signal),
    );
    await Bun.sleep(0);
    controller.abort(left);
    expect(await thrown).toBe(left);
    const stream = controlled();
    resolve(stream.response());
    await stream.released;
  });

  test("was gone already", async () => {
    const { url, seen } = backend(() => sse(DONE));
    expect(await thrownBy(askWith(upstreamAt(url), exchangeOf({}), AbortSignal.abort(left)))).toBe(left);
    expect(seen).toEqual([]);
  });
});

describe("compaction", () => {
  test("sends what the old endpoint takes, and answers what it answered", async () => {
    const output = [{ type: "compaction_summary", encrypted_content: "gAAAA" }];
    const { url, seen } = backend(() =>
      Response.json({ object: "response.compaction", output }, { headers: { "x-codex-turn-state": "s" } }),
    );
    const turn: Partial<Turn> = {
      input: [{ type: "message", role: "user", content: "h" }],
      service_tier: "priority",
      store: false,
      stream: true,
    };
    const exchange = exchangeOf(turn, { operation: "compact" });
    const upstream = upstreamAt(url);
    const prepared = upstream.prepare(exchange);
    expect(prepared.dropped).toEqual(["service_tier", "stream"]);
    const { status, body, account, headers } = await upstream.compact(prepared, exchange, exchange.signal);
    expect(new URL(seen[0]?.request.url ?? url).pathname).toBe("/v1/responses/compact");
    expect(Object.keys(JSON.parse(seen[0]?.body ?? "")).sort()).toEqual([
      "input",
      "instructions",
      "model",
      "prompt_cache_key",
    ]);
    expect({ status, body, account }).toEqual({
      status: 200,
      body: { object: "response.compaction", output },
      account: "work",
    });
    expect(headers.get("x-codex-turn-state")).toBe("s");
  });

  test("that the upstream does not have fails with its status", async () => {
    const { url } = backend(() => Response.json({ detail: "Not Found" }, { status: 404 }));
    const exchange = exchangeOf({}, { operation: "compact" });
    const upstream = upstreamAt(url);
    expect(await thrownBy(upstream.compact(upstream.prepare(exchange), exchange, exchange.signal))).toMatchObject({
      upstream: { status: 404 },
    });
  });
});

describe("the catalogue", () => {
  test("of each kind", async () => {
    const { url, seen } = backend(() => Response.json({ models: [{ slug: "gpt-5.5" }] }, { headers: { etag: '"1"' } }));
    expect(await upstreamAt(url).catalogue()).toEqual({ models: [{ slug: "gpt-5.5" }], etag: '"1"' });
    expect(new URL(seen[0]?.request.url ?? url).search).toBe("?client_version=0.169.0");
    const other = backend(() => Response.json({ object: "list", data: [{ id: "qwen3" }] }));
    expect(await upstreamAt(other.url, { kind: "compatible" }).catalogue()).toEqual({ models: [{ id: "qwen3" }] });
    expect(new URL(other.seen[0]?.request.url ?? url).search).toBe("");
  });

  test("may be missing, wrong or refused", async () => {
    const missing = backend(() => new Response("no", { status: 404 }));
    expect(await upstreamAt(missing.url).catalogue()).toBeUndefined();
    const wrong = backend(() => Response.json({ hello: "world" }));
    expect(await thrownBy(upstreamAt(wrong.url).catalogue())).toMatchObject({ code: "upstream_error" });
    const refused = backend(() => new Response("no", { status: 401 }));
    expect(await thrownBy(upstreamAt(refused.url).catalogue())).toMatchObject({ code: "upstream_auth_failed" });
  });
});

describe("passing on", () => {
  const request = (path: string) => ({
    method: "POST",
    path,
    query: "?a=b",
    headers: new Headers({ "content-type": "application/json", authorization: "Bearer licence", cookie: "c" }),
    body: new TextEncoder().encode('{"prompt":"x"}'),
  });
  const { signal } = new AbortController();

  test("sends body and query as they are, with our account", async () => {
    const { url, seen } = backend(() =>
      Response.json({ data: [1] }, { status: 201, headers: { "set-cookie": "x=y" } }),
    );
    const answer = await upstreamAt(url).pass(request("/images/generations"), signal);
    expect([answer.status, await answer.json(), answer.headers.get("set-cookie")]).toEqual([201, { data: [1] }, null]);
    const [asked] = seen;
    expect(asked?.body).toBe('{"prompt":"x"}');
    expect(new URL(asked?.request.url ?? url).search).toBe("?a=b");
    expect(asked?.request.headers.get("authorization")).toBe("Bearer token-of-work-account");
    expect(asked?.request.headers.get("cookie")).toBeNull();
  });

  test("leaves the backend's own refusals alone, but for our credential's", async () => {
    const { url } = backend((asked) => new Response("{}", { status: asked.url.includes("search") ? 401 : 422 }));
    expect((await upstreamAt(url).pass(request("/images/edits"), signal)).status).toBe(422);
    expect(await thrownBy(upstreamAt(url).pass(request("/alpha/search"), signal))).toMatchObject({
      code: "upstream_auth_failed",
    });
  });

  test("goes to known places of kind chatgpt only", async () => {
    const { url, seen } = backend(() => Response.json({}));
    for (const path of ["/../wham/usage", "/responses", "//evil.example/images/generations"]) {
      expect(await thrownBy(upstreamAt(url).pass(request(path), signal))).toMatchObject({ status: 404 });
    }
    expect(await thrownBy(upstreamAt(url, { kind: "openai" }).pass(request("/images/edits"), signal))).toMatchObject({
      status: 501,
    });
    expect(seen).toEqual([]);
  });
});
