// A gateway with plugins from files in its chain, run from the source on the embedded sandbox, and the questions tests ask of it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSandbox, temporary } from "../binary.ts";
import { type Gateway, startFromSource } from "../recordings/gateway.ts";

export type Json = Record<string, unknown>;

const HEAD = `import { definePlugin, Event, Failure, valueKey } from "codexd/plugin";\n`;

/** Writes a plugin; `setup` is the body of its setup function. Gives its path. */
export function pluginFile(name: string, setup: string, top = "", folder = temporary()): string {
  const file = join(folder, `${name}.ts`);
  writeFileSync(
    file,
    `${HEAD}${top}\nexport default definePlugin<any>({ name: "${name}", apiVersion: 1, setup(host, options) {\n${setup}\n} });\n`,
  );
  return file;
}

export const DEFAULT = ["auth", "model-effort", "translate", "usage-log", "compact"];

/** The four dialects: how to ask one for an answer, and what text an answer has, whole or as a stream. */
export const DIALECTS: Record<
  string,
  { path(stream: boolean): string; body(text: string, stream: boolean): Json; text(answer: Json): unknown }
> = {
  responses: {
    path: () => "/v1/responses",
    body: (text, stream) => ({ model: "gpt-5.5", input: text, stream }),
    text: ({ output }) => (output as { content: { text: string }[] }[])[0]?.content[0]?.text,
  },
  chat: {
    path: () => "/v1/chat/completions",
    body: (text, stream) => ({ model: "gpt-5.5", messages: [{ role: "user", content: text }], stream }),
    text: ({ choices }) => (choices as { message: { content: string } }[])[0]?.message.content,
  },
  messages: {
    path: () => "/v1/messages",
    body: (text, stream) => ({
      model: "gpt-5.5",
      max_tokens: 100,
      messages: [{ role: "user", content: text }],
      stream,
    }),
    text: ({ content }) => (content as { text: string }[])[0]?.text,
  },
  gemini: {
    path: (stream) => `/v1beta/models/gpt-5.5:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: (text) => ({ contents: [{ role: "user", parts: [{ text }] }] }),
    text: ({ candidates }) => (candidates as { content: { parts: { text: string }[] } }[])[0]?.content.parts[0]?.text,
  },
};

/** All text that a stream of any dialect brings. */
export function streamed(sse: string): string {
  let text = "";
  for (const [, data = ""] of sse.matchAll(/^data: (\{.*)$/gm)) {
    const event = JSON.parse(data) as Json & { delta?: unknown; choices?: { delta?: { content?: string } }[] };
    if (event.type === "response.output_text.delta") text += event.delta;
    else if (event.type === "content_block_delta") text += (event.delta as { text?: string }).text ?? "";
    else if (event.choices) text += event.choices[0]?.delta?.content ?? "";
    else if (event.candidates)
      text += (event.candidates as { content?: { parts?: { text?: string }[] } }[])[0]?.content?.parts?.[0]?.text ?? "";
  }
  return text;
}

export interface Served extends AsyncDisposable {
  gateway: Gateway;
  /** Requests that the upstream saw. */
  asked(): Promise<number>;
}

/** A gateway in front of a sandbox of its own, with this chain. */
export async function serving(plugins: unknown[], config: Json = {}): Promise<Served> {
  const sandbox = await startSandbox();
  const up = { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ name: "key", apiKey: "sk-test-000000" }] };
  const gateway = await startFromSource({ ...config, plugins, upstreams: { up } });
  return {
    gateway,
    asked: async () => ((await (await fetch(`${sandbox.url}/sandbox/stats`)).json()) as { requests: number }).requests,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}
