// A gateway with one of the examples in its chain, loaded from its file as anybody's plugin is, in front of a sandbox.

import { join } from "node:path";
import { serveSandbox } from "../../../src/upstream/sandbox/serve.ts";
import type { Client } from "../../recordings/dialects.ts";
import { type Gateway, type Json, startFromSource } from "../../recordings/gateway.ts";

const FOLDER = join(import.meta.dir, "../../../plugins/examples");

export interface Trial extends Gateway {
  /** How often the upstream was asked for an answer. */
  asked(): Promise<number>;
  /** The body of the last question. */
  last(): Promise<Json>;
  /** Asks in the words of a dialect. */
  ask(
    client: Client,
    text: string,
    options?: { stream?: boolean; model?: string; more?: Json; key?: string },
  ): Promise<Response>;
}

/** `name` is the example's file or folder. */
export async function startExample(
  name: string,
  options?: Json,
  config: Json = {},
  env?: Record<string, string>,
  wire: "responses" | "chat" = "responses",
): Promise<Trial> {
  const sandbox = serveSandbox();
  const path = join(FOLDER, name);
  const gateway = await startFromSource(
    {
      upstreams: {
        up: { kind: "openai", wire, baseUrl: `${sandbox.url}/v1`, accounts: [{ apiKey: "sk-test-000000" }] },
      },
      plugins: ["auth", "model-effort", "translate", "usage-log", "compact", options ? { [path]: options } : path],
      ...config,
    },
    env,
  );
  const requests = async () => {
    const all = (await (await fetch(`${sandbox.url}/sandbox/requests?n=1000`)).json()) as {
      method: string;
      body: Json;
    }[];
    return all.filter(({ method }) => method === "POST");
  };
  return {
    ...gateway,
    asked: async () => (await requests()).length,
    last: async () => ((await requests()).at(-1)?.body ?? {}) as Json,
    ask(client, text, { stream = false, model = "gpt-5.5", more = {}, key } = {}) {
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
      return gateway.post(client.path(model, stream), { ...client.body(model, text, stream), ...more }, headers);
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await sandbox.stop();
    },
  };
}

/** The text of an answer, whichever form it came in. */
export async function textOf(client: Client, answer: Response, stream: boolean): Promise<string> {
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status}: ${text}`);
  return stream ? client.read(text).said.text : client.whole(JSON.parse(text) as Json).said.text;
}
