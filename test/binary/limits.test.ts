// Every limit of the configuration does what its description says, each failure in words that tell the operator where to look.

import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { startGateway, startSandbox } from "../binary.ts";
import { least, timed } from "../least.ts";
import { readAll, ring, typesOf } from "../risks/ring.ts";

interface Envelope {
  error: { message: string; code: string };
}

test("beyond limits.streams the answer is 503 with Retry-After at once, and what is open goes on", async () => {
  await using it = await ring({ config: { limits: { streams: 2 } } });
  const open = await Promise.all([it.ask("SLOW 30 ;; LONG 120"), it.ask("SLOW 30 ;; LONG 120")]);
  let ended = 0;
  const reading = open.map(async (one) => {
    const { text } = await readAll(one);
    ended++;
    return typesOf(text).at(-1);
  });
  for (const path of ["/v1/responses", "/v1/chat/completions", "/v1/messages"]) {
    const response = await it.post(path, { model: "gpt-5.5", input: "x", messages: [], max_tokens: 1 });
    expect([response.status, response.headers.get("retry-after")]).toEqual([path === "/v1/messages" ? 529 : 503, "1"]);
    expect(((await response.json()) as Envelope).error.code).toBe("server_is_overloaded");
  }
  // Nobody was made to wait for a place.
  expect(ended).toBe(0);
  expect(await Promise.all(reading)).toEqual(["response.completed", "response.completed"]);
  expect((await it.ask("x", { stream: false })).status).toBe(200);
});

/** Accepts connections and never says a word. */
async function mute(): Promise<{ port: number; open(): number } & Disposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    open: () => sockets.size,
    [Symbol.dispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const config = (port: number, limits: Record<string, unknown>) => ({
  limits,
  upstreams: {
    far: {
      kind: "openai",
      baseUrl: `http://127.0.0.1:${port}/v1`,
      models: ["gpt-5.5"],
      accounts: [{ apiKey: "sk-x" }],
    },
  },
});

const asking = (base: string, stream: boolean) =>
  fetch(`${base}/v1/responses`, { method: "POST", body: JSON.stringify({ model: "gpt-5.5", input: "x", stream }) });

test("an upstream that accepts and never answers is a 504 after connect and firstByte, and is let go", async () => {
  using far = await mute();
  await using gateway = await startGateway({
    config: config(far.port, { connect: "200ms", firstByte: "300ms", retries: 0 }),
  });
  for (const stream of [false, true]) {
    const took = await least(2000, () =>
      timed(async () => {
        const response = await asking(gateway.base, stream);
        expect([response.status, ((await response.json()) as Envelope).error.code]).toEqual([504, "upstream_timeout"]);
      }),
    );
    expect(took).toBeGreaterThan(250);
    expect(took).toBeLessThan(2000);
  }
  for (let tries = 0; tries < 100 && far.open() > 0; tries++) await Bun.sleep(20);
  expect(far.open()).toBe(0);
});

test("an upstream that stops in the middle is cut after limits.idle, in the stream and without one", async () => {
  await using it = await ring({ config: { limits: { idle: "300ms" } } });
  const { text } = await readAll(await it.ask("HANG 3 ;; SAY one two three four five"));
  expect(typesOf(text).at(-1)).toBe("response.failed");
  expect(text).toContain("upstream_timeout");
  const whole = await it.ask("HANG 3 ;; SAY one two three four five", { stream: false });
  expect([whole.status, ((await whole.json()) as Envelope).error.code]).toEqual([504, "upstream_timeout"]);
  await it.until(({ open }) => open === 0, "the upstream is let go");
});

test("an upstream is asked again as often as limits.retries says, and not once more", async () => {
  for (const [retries, failures, status] of [
    [0, 1, 502],
    [1, 1, 200],
    [1, 2, 502],
    [2, 2, 200],
  ] as const) {
    await using it = await ring({ config: { limits: { retries } } });
    const response = await it.ask(`FAIL server_error times ${failures} ;; SAY recovered`, { stream: false });
    expect([retries, failures, response.status]).toEqual([retries, failures, status]);
    expect((await it.settled(1))[0]?.tries).toBe(Math.min(retries, failures) + 1);
  }
});

test("what is the client's own fault is not asked again", async () => {
  await using it = await ring({ config: { limits: { retries: 2 } } });
  for (const code of [
    "context_length_exceeded",
    "invalid_prompt",
    "usage_limit_reached",
    "insufficient_quota",
    "token_expired",
  ])
    await readAll(await it.ask(`FAIL ${code}`));
  expect((await it.settled(5)).map(({ tries }) => tries)).toEqual([1, 1, 1, 1, 1]);
});

test("an upstream that is away is a 502 that names it, and serves again when it is back", async () => {
  const first = await startSandbox();
  const { port } = first;
  await using gateway = await startGateway({ config: config(port, { retries: 0 }) });
  expect((await asking(gateway.base, false)).status).toBe(200);
  await first.kill9();
  for (const stream of [false, true]) {
    const response = await asking(gateway.base, stream);
    const { error } = (await response.json()) as Envelope;
    expect([response.status, error.code]).toEqual([502, "upstream_unreachable"]);
    expect(error.message).toContain("far");
    expect(error.message).not.toContain(String(port));
  }
  await using again = await startSandbox({ args: ["--port", String(port)] });
  expect(again.port).toBe(port);
  expect((await asking(gateway.base, true)).status).toBe(200);
});

test("limits.heartbeat says something in time, and 0 says nothing at all", async () => {
  const beats = (text: string) => text.split("event: keepalive").length - 1;
  {
    await using it = await ring({ config: { limits: { heartbeat: "100ms", hold: "50ms" } } });
    expect(beats((await readAll(await it.ask("SILENT 600 ;; SAY x"))).text)).toBeGreaterThanOrEqual(3);
    const whole = await (await it.ask("SLOW 150 ;; SAY one two three four", { stream: false })).text();
    expect(whole).toMatch(/^ +\{/);
  }
  await using it = await ring({ config: { limits: { heartbeat: 0, hold: "200ms" } } });
  // Where the upstream's first event is later than the hold, the stream is opened with a sign of life.
  const silent = async () => {
    const { text } = await readAll(await it.ask("SILENT 600 ;; SAY x"));
    expect(typesOf(text).at(-1)).toBe("response.completed");
    return beats(text);
  };
  expect(await least(1, silent)).toBe(0);
  expect(await (await it.ask("SLOW 150 ;; SAY one two three four", { stream: false })).text()).toMatch(/^\{/);
});

test("an upstream whose catalogue never comes holds up the first requests only, and not for long", async () => {
  let turns = 0;
  using upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch(request) {
      if (request.method === "GET") return new Promise<Response>(() => undefined);
      turns++;
      return Response.json({ error: { message: "no", type: "invalid_request_error" } }, { status: 400 });
    },
  });
  const up = { kind: "openai", baseUrl: `http://127.0.0.1:${upstream.port}/v1`, accounts: [{ apiKey: "sk-x" }] };
  await using gateway = await startGateway({ config: { upstreams: { up } } });
  const asked = async () => {
    const response = await asking(gateway.base, false);
    expect([response.status, ((await response.json()) as Envelope).error.message]).toEqual([400, "no"]);
  };
  const given = /the catalogue of an upstream could not be read/;
  const first = await timed(asked);
  expect(gateway.stdout() + gateway.stderr()).not.toMatch(given);
  await gateway.printed(given);
  expect(await least(first / 2, () => timed(asked), 3)).toBeLessThan(first / 2);
  expect(turns).toBeWithin(2, 5);
});

test("while it drains, readiness is refused in every way a balancer may ask, and health is not", async () => {
  await using it = await ring({ config: { limits: { drain: "5s" } } });
  const { url } = it.gateway;
  const probe = (path: string, method: string) =>
    fetch(`${url}${path}`, { method, keepalive: true }).then(({ status }) => status);
  expect([await probe("/readyz", "GET"), await probe("/readyz", "HEAD")]).toEqual([200, 200]);
  const open = await it.ask("SLOW 100 ;; LONG 20");
  const probing = (async () => {
    const seen = new Set<string>();
    for (;;) {
      try {
        for (const method of ["GET", "HEAD"]) seen.add(`${method} ${await probe("/readyz", method)}`);
      } catch {
        return seen;
      }
    }
  })();
  it.gateway.signal("SIGTERM");
  expect(typesOf((await readAll(open)).text).at(-1)).toBe("response.completed");
  expect([...(await probing)].sort()).toEqual(expect.arrayContaining(["GET 503", "HEAD 503"]));
  expect(await it.gateway.exited).toBe(0);
});

/** Listens, but takes no connection: its queue is full, as behind a firewall that drops what comes. */
async function walled(): Promise<{ port: number } & Disposable> {
  const script = `
    const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      process.stdout.write(server.address().port + "\\n", () => Bun.sleepSync(600_000));
    });`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "ignore" });
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  const filling: Socket[] = [];
  for (let full = false; !full; ) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    filling.push(socket);
    full = await Promise.race([
      new Promise<boolean>((resolve) => socket.on("connect", () => resolve(false))),
      Bun.sleep(1500).then(() => true),
    ]);
  }
  return {
    port,
    [Symbol.dispose]() {
      for (const socket of filling) socket.destroy();
      child.kill("SIGKILL");
    },
  };
}

test.skipIf(process.platform !== "linux")(
  "an upstream that takes no connection is a 502 after limits.connect, however long a first byte may take (on Linux: only its full backlog swallows connections)",
  async () => {
    using far = await walled();
    await using gateway = await startGateway({ config: config(far.port, { connect: "500ms", retries: 0 }) });
    for (const stream of [false, true]) {
      const took = await least(4000, () =>
        timed(async () => {
          const response = await asking(gateway.base, stream);
          const { error } = (await response.json()) as Envelope;
          expect([response.status, error.code]).toEqual([502, "upstream_unreachable"]);
          expect(error.message).toContain("no connection within 0.5 s");
        }),
      );
      expect(took).toBeGreaterThan(400);
      expect(took).toBeLessThan(4000);
    }
  },
);
