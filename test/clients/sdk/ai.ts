// Vercel's AI SDK with each of its providers as entries of the table.
import { type Connection, type Entry, load, TOWN, Town, weather, weatherSchema } from "./sdk.ts";

/** A provider's model for this connection. */
type Model = (connection: Connection) => Promise<unknown>;

interface Way {
  model: Model;
  options?: object;
  /** Where `Output.object` becomes a tool that has to be called. */
  structured?: string;
  overload?: number;
  reasoning?: Entry["reasoning"];
}

const ways: Record<string, Way> = {
  openai: { model: async (to) => (await openai(to))(to.model), options: { openai: { reasoningSummary: "auto" } } },
  "openai, chat": { model: async (to) => (await openai(to)).chat(to.model), reasoning: "unread" },
  "openai-compatible": {
    async model({ base, key, model }) {
      const { createOpenAICompatible } = await load("ai", "@ai-sdk/openai-compatible");
      const settings = { name: "codexd", baseURL: `${base}/v1`, apiKey: key, supportsStructuredOutputs: true };
      return createOpenAICompatible(settings)(model);
    },
  },
  anthropic: {
    async model({ base, key, model }) {
      const { createAnthropic } = await load("ai", "@ai-sdk/anthropic");
      return createAnthropic({ baseURL: `${base}/v1`, apiKey: key })(model);
    },
    options: { anthropic: { thinking: { type: "enabled", budgetTokens: 2048 } } },
    structured: `CALL json ${TOWN}`,
    overload: 529,
  },
  google: {
    async model({ base, key, model }) {
      const { createGoogleGenerativeAI } = await load("ai", "@ai-sdk/google");
      return createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey: key })(model);
    },
    options: { google: { thinkingConfig: { includeThoughts: true } } },
  },
};

async function openai({ base, key }: Connection) {
  const { createOpenAI } = await load("ai", "@ai-sdk/openai");
  return createOpenAI({ baseURL: `${base}/v1`, apiKey: key });
}

export const aiSdks: Entry[] = Object.entries(ways).map(([name, way]) => ({
  name: `ai (${name})`,
  errors: ["APICallError", "APICallError", "APICallError", "APICallError"].map(
    (type) => `AI_${type}`,
  ) as Entry["errors"],
  ...(way.overload && { overload: way.overload }),
  ...(way.reasoning && { reasoning: way.reasoning }),
  async connect(connection) {
    const { generateText, streamText, Output, jsonSchema, isStepCount } = await load("ai");
    const { structured = `SAY ${TOWN}`, options } = way;
    const common = { model: await way.model(connection), maxRetries: 0 };
    const tools = { weather: { inputSchema: jsonSchema(weatherSchema), execute: weather } };
    const loop = (prompt: string) =>
      generateText({ ...common, prompt, tools, stopWhen: isStepCount(5), providerOptions: options });
    return {
      text: async (prompt) => (await generateText({ ...common, prompt })).text,
      stream: async (prompt) => await Array.fromAsync(streamText({ ...common, prompt }).textStream),
      tools: async (prompt) => (await loop(prompt)).text,
      structured: async () =>
        (await generateText({ ...common, prompt: structured, output: Output.object({ schema: Town }) })).output,
      async image(prompt, png) {
        const content = [
          { type: "text", text: prompt },
          { type: "file", mediaType: "image/png", data: png },
        ];
        return (await generateText({ ...common, messages: [{ role: "user", content }] })).text;
      },
      async reasoning(prompt) {
        const { steps, text } = await loop(prompt);
        return {
          shown: (steps as { reasoningText?: string }[]).map((step) => step.reasoningText ?? "").join(""),
          text,
        };
      },
      async abort(prompt, abortSignal) {
        let failure: unknown;
        const onError = ({ error }: { error: unknown }) => {
          failure = error;
        };
        await Array.fromAsync(streamText({ ...common, prompt, abortSignal, onError }).textStream);
        abortSignal.throwIfAborted();
        throw failure;
      },
      errorOf: (error) => ({ type: (error as Error).name, status: (error as { statusCode?: number }).statusCode }),
    };
  },
}));
