// A gateway in front of a sandbox, each a process of its own, and the questions that risk tests ask of them.

import { Database } from "bun:sqlite";
import { join } from "node:path";
import { type GatewayOptions, type Server, startGateway, startSandbox } from "../binary.ts";

export interface Ring extends AsyncDisposable {
  gateway: Server;
  sandbox: Server;
  /** POST below the gateway's base path. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  /** Asks on the responses dialect, streaming unless the body says otherwise. */
  ask(directive: string, body?: Record<string, unknown>, init?: RequestInit): Promise<Response>;
  stats(): Promise<{
    requests: number;
    open: number;
    maxOpen: number;
    finished: number;
    cancelled: number;
    dropped: number;
    failed: number;
  }>;
  /** Waits until the sandbox's numbers are as wanted. */
  until(check: (stats: Awaited<ReturnType<Ring["stats"]>>) => boolean, what: string): Promise<void>;
  receipts(): Receipt[];
  /** Waits until there are so many receipts, and gives them. */
  settled(count: number): Promise<Receipt[]>;
}

export interface Receipt {
  id: string;
  outcome: string;
  status: number;
  code: string | null;
  dialect: string;
  licence: string | null;
  session: string | null;
  tries: number;
  input_tokens: number;
  output_tokens: number;
}

export async function ring(
  options: {
    config?: Record<string, unknown>;
    kind?: "openai" | "chatgpt";
    /** On an upstream that only speaks Chat Completions. */
    chat?: boolean;
    gateway?: GatewayOptions;
    sandboxArgs?: string[];
  } = {},
): Promise<Ring> {
  const sandbox = await startSandbox(options.sandboxArgs ? { args: options.sandboxArgs } : {});
  const kind = options.kind ?? "openai";
  const up =
    kind === "openai"
      ? { kind, baseUrl: `${sandbox.url}/v1`, accounts: [{ name: "key", apiKey: "sk-test-000000" }] }
      : {
          kind,
          baseUrl: `${sandbox.url}/backend-api/codex`,
          accounts: [{ name: "login", accessToken: "test-token", accountId: "acc" }],
        };
  const upstreams = { up: options.chat ? { ...up, wire: "chat" } : up };
  const gateway = await startGateway({ ...options.gateway, config: { ...options.config, upstreams } });
  const ringed: Ring = {
    gateway,
    sandbox,
    post: (path, body, init = {}) =>
      fetch(`${gateway.base}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        ...init,
        headers: { "content-type": "application/json", ...(init.headers as Record<string, string> | undefined) },
      }),
    ask: (directive, body = {}, init) =>
      ringed.post("/v1/responses", { model: "gpt-5.5", input: directive, stream: true, ...body }, init),
    stats: async () => (await fetch(`${sandbox.url}/sandbox/stats`)).json() as ReturnType<Ring["stats"]>,
    async until(check, what) {
      for (let tries = 0; tries < 400; tries++) {
        if (check(await ringed.stats())) return;
        await Bun.sleep(25);
      }
      throw new Error(`never came: ${what}; the sandbox says ${JSON.stringify(await ringed.stats())}`);
    },
    receipts: () => receiptsOf(gateway),
    settled: (count) => settledReceipts(gateway, count),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
  return ringed;
}

/** What the store of a running gateway holds. */
export function receiptsOf(gateway: Server): Receipt[] {
  const database = new Database(join(gateway.data as string, "codexd.db"), { readonly: true });
  try {
    return database.query("select * from receipts order by rowid").all() as Receipt[];
  } finally {
    database.close();
  }
}

/** Waits until the store holds so many: they reach it a moment after the exchange. */
export async function settledReceipts(gateway: Server, count: number): Promise<Receipt[]> {
  for (let tries = 0; tries < 400; tries++) {
    const found = receiptsOf(gateway);
    if (found.length >= count) return found;
    await Bun.sleep(25);
  }
  throw new Error(`only ${receiptsOf(gateway).length} of ${count} receipts came`);
}

/** Reads a stream to its end, or to its cut. */
export async function readAll(response: Response): Promise<{ text: string; cut: boolean }> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
      text += decoder.decode(chunk, { stream: true });
    return { text, cut: false };
  } catch {
    return { text, cut: true };
  }
}

/** The types of the events in an SSE text. */
export function typesOf(text: string): string[] {
  return [...text.matchAll(/^event: (.*)$/gm)].map((match) => match[1] as string);
}
