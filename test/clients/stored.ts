// Gateways that share one store before one sandbox, and SDK clients of two licences, for tests of what is kept.

import { expect } from "bun:test";
import OpenAI from "openai";
import { type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { fault } from "../recordings/schemas.ts";
import { type Receipt, receiptsOf } from "../risks/ring.ts";

export const MODEL = "gpt-5.5";
const KEYS = { mine: "sk-codexd-mine", other: "sk-codexd-other" };

export interface Shared extends AsyncDisposable {
  data: string;
  sandbox: Server;
  /** Another process on the same store, with the same configuration but for what is told. */
  start(responses?: Record<string, unknown>, limits?: Record<string, unknown>): Promise<Server>;
  /** The bodies of the requests for answers that reached the upstream, oldest first. */
  asked(): Promise<Asked[]>;
  /** Waits until the sandbox works on so many answers. */
  open(count: number): Promise<void>;
  /** Waits until there are so many receipts, and gives them. */
  receipts(gateway: Server, count: number): Promise<Receipt[]>;
}

export interface Asked {
  input: { type?: string; role?: string; id?: string; content?: unknown }[];
  instructions?: string;
  store?: boolean;
  prompt_cache_key?: string;
}

/** `store`: the address of a Postgres; each gateway then has a data directory of its own. */
export async function shared(kind: "chatgpt" | "openai" | "chat" = "chatgpt", store?: string): Promise<Shared> {
  const sandbox = await startSandbox({ args: ["--wire", kind === "chat" ? "chat" : "responses"] });
  const data = `${temporary()}/data`;
  const account = kind === "chatgpt" ? { accessToken: "token", accountId: "account" } : { apiKey: "sk-upstream" };
  const upstream = {
    kind: kind === "chat" ? "compatible" : kind,
    baseUrl: `${sandbox.url}${kind === "chatgpt" ? "/backend-api/codex" : "/v1"}`,
    accounts: [account],
    ...(kind === "chat" ? { wire: "chat", models: [MODEL] } : {}),
  };
  const started: Server[] = [];
  return {
    data,
    sandbox,
    async start(responses = {}, limits = {}) {
      const keys = Object.entries(KEYS).map(([id, key]) => ({ id, key }));
      const gateway = await startGateway({
        data: store === undefined ? data : `${temporary()}/data`,
        config: {
          ...(store === undefined ? {} : { store }),
          responses,
          limits: { retries: 0, ...limits },
          upstreams: { backend: upstream },
          plugins: [{ auth: { keys } }, "model-effort", "translate", "usage-log", "compact"],
        },
      });
      started.push(gateway);
      return gateway;
    },
    async asked() {
      const all = (await (await fetch(`${sandbox.url}/sandbox/requests?n=100`)).json()) as {
        method: string;
        path: string;
        body: Asked;
      }[];
      return all.filter(({ method, path }) => method === "POST" && path.endsWith("/responses")).map(({ body }) => body);
    },
    async open(count) {
      for (let tries = 0; tries < 400; tries++) {
        const stats = (await (await fetch(`${sandbox.url}/sandbox/stats`)).json()) as { open: number };
        if (stats.open === count) return;
        await Bun.sleep(25);
      }
      throw new Error(`the sandbox never worked on ${count} answers`);
    },
    async receipts(gateway, count) {
      for (let tries = 0; tries < 200; tries++) {
        if (receiptsOf(gateway).length >= count) break;
        await Bun.sleep(25);
      }
      return receiptsOf(gateway);
    },
    async [Symbol.asyncDispose]() {
      for (const gateway of started) await gateway[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

export function sdk(gateway: Server, licence: keyof typeof KEYS = "mine"): OpenAI {
  return new OpenAI({ baseURL: `${gateway.base}/v1`, apiKey: KEYS[licence], maxRetries: 0 });
}

/** Asks for an answer that is kept. */
export function create(openai: OpenAI, input: string, more: object = {}): Promise<OpenAI.Responses.Response> {
  const body = { model: MODEL, input, store: true, ...more };
  return openai.responses.create(body as OpenAI.Responses.ResponseCreateParamsNonStreaming);
}

/** The official schema has nothing to say against it. */
export function complete(response: object): void {
  const { output_text: _, _request_id: __, ...bare } = response as Record<string, unknown>;
  expect(fault("openai.Response", bare)).toBeUndefined();
}

/** The status of a refusal. */
export async function statusOf(asked: Promise<unknown>): Promise<number | undefined> {
  return await asked.then(
    () => 200,
    (error: { status?: number }) => error.status,
  );
}

/** Polls a response until it has ended. */
export async function ended(openai: OpenAI, id: string): Promise<OpenAI.Responses.Response> {
  for (let tries = 0; tries < 400; tries++) {
    const response = await openai.responses.retrieve(id);
    if (response.status !== "queued" && response.status !== "in_progress") return response;
    await Bun.sleep(25);
  }
  throw new Error(`the response ${id} never ended`);
}
