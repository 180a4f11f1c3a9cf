// The official SDK of each dialect, asking the running gateway: what it makes of an answer, or the error it throws.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import pinned from "../clients/versions.json";
import type { Answer } from "../dialects/gemini/play.ts";
import { saidByAnswers, saidByCompletion, saidByMessage } from "./answers.ts";
import type { Name } from "./dialects.ts";
import type { Json } from "./gateway.ts";
import { type Said, saidByResponse } from "./said.ts";

export interface Sdk {
  stream(model: string, text: string): Promise<Said>;
  whole(model: string, text: string): Promise<Said>;
}

const key = "sk-test-000000";

/** The SDKs by dialect; without the one of Gemini where it is not installed. */
export async function sdksAt(base: string): Promise<Partial<Record<Name, Sdk>>> {
  const openai = new OpenAI({ apiKey: key, baseURL: `${base}/v1`, maxRetries: 0 });
  const anthropic = new Anthropic({ apiKey: key, baseURL: base, maxRetries: 0 });
  const gemini = await genaiAt(base);
  return {
    chat: {
      async stream(model, text) {
        const messages = [{ role: "user" as const, content: text }];
        const stream = openai.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
        return saidByCompletion((await stream.finalChatCompletion()) as unknown as Json);
      },
      async whole(model, text) {
        const answer = await openai.chat.completions.create({ model, messages: [{ role: "user", content: text }] });
        return saidByCompletion(answer as unknown as Json);
      },
    },
    responses: {
      stream: async (model, text) =>
        saidByResponse((await openai.responses.stream({ model, input: text }).finalResponse()) as unknown as Json),
      whole: async (model, text) =>
        saidByResponse((await openai.responses.create({ model, input: text })) as unknown as Json),
    },
    messages: {
      stream: async (model, text) =>
        saidByMessage((await anthropic.messages.stream(question(model, text)).finalMessage()) as unknown as Json),
      whole: async (model, text) =>
        saidByMessage((await anthropic.messages.create(question(model, text))) as unknown as Json),
    },
    ...(gemini && { gemini }),
  };
}

function question(model: string, text: string) {
  const thinking = { type: "adaptive" as const };
  return { model, max_tokens: 1000, thinking, messages: [{ role: "user" as const, content: text }] };
}

interface Genai {
  GoogleGenAI: new (
    options: Json,
  ) => {
    models: {
      generateContent(request: Json): Promise<Answer>;
      generateContentStream(request: Json): Promise<AsyncIterable<Answer>>;
    };
  };
}

const GENAI = "@google/genai";

async function genaiAt(base: string): Promise<Sdk | undefined> {
  const [version] = pinned[GENAI].versions;
  const folder = resolve(import.meta.dir, `../../.cache/clients/${GENAI}@${version}/node_modules/${GENAI}`);
  if (!existsSync(folder)) {
    console.warn(`not judged by ${GENAI}: it is not installed (bun test/clients/install.ts ${GENAI})`);
    return undefined;
  }
  const { GoogleGenAI } = (await import(Bun.resolveSync(GENAI, folder))) as Genai;
  const { models } = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base } });
  const request = (model: string, contents: string) => ({
    model,
    contents,
    config: { thinkingConfig: { includeThoughts: true } },
  });
  return {
    async stream(model, text) {
      const answers: Answer[] = [];
      for await (const answer of await models.generateContentStream(request(model, text))) answers.push(answer);
      return saidByAnswers(answers);
    },
    whole: async (model, text) => saidByAnswers([await models.generateContent(request(model, text))]),
  };
}

/** What the SDK says of recorded bytes that no gateway has touched: undefined when it takes them. */
export async function complaintOf(recorded: Uint8Array): Promise<string | undefined> {
  const openai = new OpenAI({
    apiKey: key,
    maxRetries: 0,
    fetch: async () => new Response(Buffer.from(recorded), { headers: { "content-type": "text/event-stream" } }),
  });
  const asked = openai.responses.stream({ model: "any", input: "" }).finalResponse();
  return await asked.then(
    () => undefined,
    (error: Error) => error.message,
  );
}
