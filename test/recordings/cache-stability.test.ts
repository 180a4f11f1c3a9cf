// The upstream's prompt cache is kept warm: over twenty turns, whichever client, each body is the one before and something more.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import { dataPresent } from "../data.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { CLIENTS, type Client, type Opening, openingsOf } from "./growth.ts";

const MODEL = "gpt-5.5";
const TURNS = 20;
/** Conversations of each client: most on the wire that nearly all of them will take. */
const MOST = { chatgpt: 12, openai: 4, chat: 4 };

/** What of a body changes by the client's own will with every turn, and is no part of what the model reads. */
const OWN = ["client_metadata"];

const UPSTREAMS = {
  chatgpt: { kind: "chatgpt", path: "/backend-api/codex", account: { accessToken: "token", accountId: "acc" } },
  openai: { kind: "openai", path: "/v1", account: { apiKey: "sk-test-000000" } },
  chat: { kind: "openai", wire: "chat", path: "/v1", account: { apiKey: "sk-test-000000" } },
} as const;

/** So many of a list, from all over it. */
function spread<One>(list: readonly One[], count: number): One[] {
  const every = Math.ceil(list.length / count);
  return list.filter((_, at) => at % every === 0);
}

/** A gateway in front of a strict sandbox, and the bodies that reached it. */
async function ring(name: keyof typeof UPSTREAMS): Promise<{ gateway: Gateway; last(): Json } & AsyncDisposable> {
  const sandbox = createSandbox({ served: true });
  let last: Json = {};
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (request.method === "POST") last = (await request.clone().json()) as Json;
      return await sandbox.fetch(request);
    },
  });
  const { path, account, ...up } = UPSTREAMS[name];
  const upstream = { ...up, baseUrl: `http://127.0.0.1:${server.port}${path}`, accounts: [account], models: [MODEL] };
  const gateway = await startFromSource({
    upstreams: { upstream },
    models: { default: MODEL },
    limits: { retries: 0 },
  });
  return {
    gateway,
    last: () => last,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await server.stop(true);
    },
  };
}

const history = (body: Json): unknown[] => (body.input ?? body.messages) as unknown[];

/** All of a body but its history, in its order. */
const around = (body: Json): string =>
  JSON.stringify(
    Object.entries(body).map(([name, value]) => (isHistory(name) || OWN.includes(name) ? [name] : [name, value])),
  );
const isHistory = (name: string): boolean => name === "input" || name === "messages";

/** The calls that went up without the reasoning that led to them, which stands right before the call or before what was said on the way. */
function thoughtless(input: Json[]): number {
  return input.filter(({ type, name }, at) => {
    if (type !== "function_call" || name !== "look") return false;
    const before = input[at - 1]?.type === "message" ? at - 2 : at - 1;
    return input[before]?.type !== "reasoning";
  }).length;
}

/** The model that we ask for in the client's place, and a list where the client might have written a string. */
function prepared({ path, body, ...opening }: Opening): Opening {
  const input = typeof body.input === "string" ? { input: [{ role: "user", content: body.input }] } : {};
  const { previous_response_id: _, ...rest } = body;
  return {
    ...opening,
    path: path.replace(/models\/[^:]+:/, `models/${MODEL}:`),
    body: path.includes("/models/") ? body : { ...rest, ...input, model: MODEL },
  };
}

describe.skipIf(!dataPresent).each(Object.keys(UPSTREAMS) as (keyof typeof UPSTREAMS)[])("upstream %s", (name) => {
  let it: Awaited<ReturnType<typeof ring>>;
  beforeAll(async () => {
    it = await ring(name);
  });
  afterAll(() => it?.[Symbol.asyncDispose]());

  async function conversation(client: Client, opening: Opening): Promise<Json[]> {
    const { path, headers, body } = prepared(opening);
    const sent: Json[] = [];
    for (let turn = 1; turn <= TURNS; turn++) {
      const answer = await it.gateway.post(path, body, headers);
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`turn ${turn}: ${answer.status} ${text}`);
      sent.push(it.last());
      client.grow(body, text, turn);
    }
    return sent;
  }

  for (const client of dataPresent ? CLIENTS : []) {
    test(client.name, async () => {
      let grown = 0;
      for (const opening of spread(openingsOf(client), MOST[name])) {
        const first = await it.gateway.post(prepared(opening).path, prepared(opening).body, opening.headers);
        await first.body?.cancel();
        // What nothing can answer has no second turn.
        if (first.status !== 200) continue;
        const bodies = await conversation(client, opening);
        const [begun] = bodies as [Json];
        for (const [at, body] of bodies.entries()) {
          const before = bodies[at - 1] ?? begun;
          const turn = `${opening.file}, turn ${at + 1}`;
          expect([turn, around(body)]).toEqual([turn, around(before)]);
          const kept = history(body).slice(0, history(before).length);
          expect([turn, JSON.stringify(kept)]).toEqual([turn, JSON.stringify(history(before))]);
        }
        // On the API's own wire its client says itself whether the ciphertext is sent along.
        const carried = name === "chatgpt" || (name === "openai" && client.name !== "OpenAI SDK, responses");
        if (carried)
          expect([opening.file, thoughtless(history(bodies.at(-1) as Json) as Json[])]).toEqual([opening.file, 0]);
        grown++;
      }
      expect(grown).toBeGreaterThan(0);
      console.log(`${client.name}: ${grown} conversations`);
    }, 120_000);
  }
});
