// The OpenAI Agents SDK, in both of its dialects, as entries of the table.
import { byStatus, type Entry, load, TOWN, Town, weather, weatherSchema } from "./sdk.ts";

interface Run {
  finalOutput: unknown;
  newItems: { type: string; rawItem: { content?: { text: string }[]; rawContent?: { text: string }[] } }[];
}

const entry = (name: string, kind: "OpenAIChatCompletionsModel" | "OpenAIResponsesModel"): Entry => ({
  name: `@openai/agents (${name})`,
  errors: ["BadRequestError", "AuthenticationError", "RateLimitError", "InternalServerError"],
  async connect({ base, key, model }) {
    const agents = await load("@openai/agents");
    const { default: OpenAI } = await load("@openai/agents", "openai");
    agents.setTracingDisabled(true);
    const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
    const settings = { name: "helper", instructions: "You help.", model: new agents[kind](client, model) };
    const plain = new agents.Agent(settings);
    const tool = agents.tool({
      name: "weather",
      description: "Tells the weather.",
      parameters: weatherSchema,
      strict: false,
      execute: weather,
    });
    const modelSettings = {
      store: false,
      reasoning: { summary: "auto" },
      providerData: { include: ["reasoning.encrypted_content"] },
    };
    const forecaster = new agents.Agent({
      ...settings,
      tools: [tool],
      ...(kind === "OpenAIResponsesModel" && { modelSettings }),
    });
    const run = (agent: unknown, input: unknown): Promise<Run> => agents.run(agent, input);
    const textOf = async (input: unknown, agent: unknown = plain) => (await run(agent, input)).finalOutput as string;
    return {
      text: (prompt) => textOf(prompt),
      async stream(prompt) {
        const streamed = await agents.run(plain, prompt, { stream: true });
        return await Array.fromAsync(streamed.toTextStream());
      },
      tools: (prompt) => textOf(prompt, forecaster),
      structured: async () =>
        (await run(new agents.Agent({ ...settings, outputType: Town }), `SAY ${TOWN}`)).finalOutput,
      async image(prompt, png) {
        const content = [
          { type: "input_text", text: prompt },
          { type: "input_image", image: `data:image/png;base64,${png}` },
        ];
        return await textOf([{ role: "user", content }]);
      },
      async reasoning(prompt) {
        const { newItems, finalOutput } = await run(forecaster, prompt);
        const items = newItems.filter(({ type }) => type === "reasoning_item").map(({ rawItem }) => rawItem);
        const parts = items.flatMap(({ content, rawContent }) => (content?.length ? content : (rawContent ?? [])));
        return { shown: parts.map(({ text }) => text).join(""), text: finalOutput as string };
      },
      async abort(prompt, signal) {
        const streamed = await agents.run(plain, prompt, { stream: true, signal });
        await Array.fromAsync(streamed.toTextStream());
        await streamed.completed;
        signal.throwIfAborted();
      },
      errorOf: byStatus,
    };
  },
});

export const openaiAgents: Entry[] = [
  entry("responses", "OpenAIResponsesModel"),
  entry("chat", "OpenAIChatCompletionsModel"),
];
