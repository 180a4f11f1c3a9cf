// What the tests of upstreams share: an exchange, quiet services, and a real HTTP server to talk to.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConfiguredAccounts } from "../../src/account/accounts.ts";
import type { Event } from "../../src/core/event.ts";
import type { Exchange, Log } from "../../src/core/hooks.ts";
import { countingMint } from "../../src/core/mint.ts";
import type { Turn } from "../../src/core/turn.ts";
import { Values } from "../../src/core/values.ts";
import { ChatUpstream } from "../../src/upstream/chat.ts";
import type { Answer, Services, Upstream, UpstreamSettings } from "../../src/upstream/index.ts";
import { ResponsesUpstream } from "../../src/upstream/responses.ts";

export const DATA = resolve(process.env.CODEXD_TEST_DATA ?? join(import.meta.dir, "../../../shared/data"));
export const CAPTURES = join(DATA, "captures/codex");
export const HAS_DATA = existsSync(CAPTURES);

/** A request that the real Codex CLI sent. */
export interface Capture {
  file: string;
  headers: Headers;
  body: Record<string, unknown>;
}

export function captures(): Capture[] {
  const files = readdirSync(CAPTURES, { recursive: true, encoding: "utf8" }).filter((file) =>
    /POST_.*responses\.json$/.test(file),
  );
  return files.sort().map((file) => {
    const { headers, body } = JSON.parse(readFileSync(join(CAPTURES, file), "utf8"));
    const plain = (headers as [string, string][]).filter(([name]) => !name.startsWith(":"));
    return { file, headers: new Headers(plain), body };
  });
}

export interface Logged {
  level: string;
  message: string;
  fields: Record<string, unknown> | undefined;
}

export function listener(): { log: Log; lines: Logged[] } {
  const lines: Logged[] = [];
  const write = (level: string) => (message: string, fields?: Record<string, unknown>) =>
    void lines.push({ level, message, fields });
  return { log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") }, lines };
}

export function exchangeOf(turn: Partial<Turn>, over: Partial<Exchange> = {}): Exchange {
  return {
    id: "req_1",
    dialect: "responses",
    operation: "turn",
    headers: new Headers(),
    principal: { id: "local" },
    signal: new AbortController().signal,
    codexClient: false,
    stream: true,
    strict: false,
    lenientEffort: false,
    reasoning: "both",
    wants: {},
    session: { id: "session-1", source: "body" },
    turn: { ...(turn.model === undefined ? { model: "gpt-5.5" } : {}), ...turn } as Turn,
    askedModel: "gpt-5.5",
    dropped: new Set(),
    answerHeaders: new Headers(),
    values: new Values(),
    run: () => Promise.reject(new Error("this exchange has no upstream of its own")),
    compact: () => Promise.reject(new Error("this exchange has no upstream of its own")),
    before: () => undefined,
    log: listener().log,
    ...over,
  };
}

/** A Codex client's exchange, as the server makes it from its request. */
export function codexExchange({ headers, body }: Capture): Exchange {
  const session = headers.get("session-id") ?? "none";
  return exchangeOf(structuredClone(body) as Turn, {
    headers,
    codexClient: true,
    session: { id: session, source: "header" },
  });
}

export function upstreamAt(
  baseUrl: string,
  settings: Partial<UpstreamSettings> = {},
  services: Partial<Services> = {},
): Upstream {
  const Wire = settings.wire === "chat" ? ChatUpstream : ResponsesUpstream;
  return new Wire(
    {
      name: "codex",
      kind: "chatgpt",
      wire: "responses",
      baseUrl,
      instructions: "Be helpful.",
      accounts: [{ name: "work", accessToken: "token-of-work-account", accountId: "acc-1" }],
      ...settings,
    },
    {
      accounts: (configs, missing) => new ConfiguredAccounts(configs, services.clock ?? Date.now, missing),
      clock: Date.now,
      log: listener().log,
      mint: countingMint(),
      limits: { connect: 2000, firstByte: 2000, idle: 2000 },
      version: "0.1.0",
      ...services,
    },
  );
}

export type Handler = (request: Request) => Response | Promise<Response>;

/** A real server on a port of its own; `seen` has every request with its body. */
export function serve(handle: Handler): {
  url: string;
  seen: { request: Request; body: string }[];
  stop(): Promise<void>;
} {
  const seen: { request: Request; body: string }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      seen.push({ request, body: await request.clone().text() });
      return await handle(request);
    },
  });
  return { url: `http://127.0.0.1:${server.port}/v1`, seen, stop: () => server.stop(true) };
}

export function sse(...events: { type: string; [field: string]: unknown }[]): Response {
  const text = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

export const DONE = { type: "response.completed", response: { id: "resp_1", status: "completed", output: [] } };

export async function eventsOf(answer: Answer): Promise<Event[]> {
  const events: Event[] = [];
  for await (const batch of answer.events) events.push(...batch);
  return events;
}

/** What was thrown. */
export async function thrownBy(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (thrown) {
    return thrown;
  }
  throw new Error("nothing was thrown");
}

/** One turn, prepared and asked. */
export async function askWith(
  upstream: Upstream,
  exchange = exchangeOf({}),
  signal = exchange.signal,
): Promise<Answer> {
  return await upstream.ask(upstream.prepare(exchange), exchange, signal);
}
