// LangChain's OpenAI model, in both of its dialects, as entries of the table.
import { byStatus, type Entry, load, TOWN, Town, weather, weatherSchema } from "./sdk.ts";

interface Message {
  content: unknown;
  text: string;
  tool_calls?: { id: string; args: { city: string } }[];
  additional_kwargs: { reasoning?: { summary: { text: string }[] }; reasoning_content?: string };
}

const entry = (name: string, useResponsesApi: boolean): Entry => ({
  name: `@langchain/openai (${name})`,
  errors: ["BadRequestError", "AuthenticationError", "RateLimitError", "InternalServerError"],
  async connect({ base, key, model }) {
    const { ChatOpenAI } = await load("@langchain/openai");
    const { HumanMessage, ToolMessage } = await load("@langchain/openai", "@langchain/core/messages");
    const settings = { model, apiKey: key, maxRetries: 0, useResponsesApi, configuration: { baseURL: `${base}/v1` } };
    const chat = new ChatOpenAI(settings);
    const reasoner = new ChatOpenAI({
      ...settings,
      ...(useResponsesApi && { reasoning: { summary: "auto" }, zdrEnabled: true }),
    });
    const tools = [{ type: "function", function: { name: "weather", parameters: weatherSchema } }];

    async function loop(prompt: string) {
      const messages: object[] = [new HumanMessage(prompt)];
      let shown = "";
      for (;;) {
        const message = (await reasoner.bindTools(tools).invoke(messages)) as Message;
        const { reasoning, reasoning_content } = message.additional_kwargs;
        shown += reasoning?.summary.map(({ text }) => text).join("") ?? reasoning_content ?? "";
        messages.push(message);
        if (!message.tool_calls?.length) return { shown, text: message.text };
        for (const { id, args } of message.tool_calls)
          messages.push(new ToolMessage({ content: weather(args), tool_call_id: id }));
      }
    }
    return {
      text: async (prompt) => (await chat.invoke(prompt)).text,
      async stream(prompt) {
        const chunks = (await Array.fromAsync(await chat.stream(prompt))) as Message[];
        return chunks.map(({ text }) => text).filter((piece) => piece !== "");
      },
      tools: async (prompt) => (await loop(prompt)).text,
      structured: async () =>
        await chat.withStructuredOutput(Town, { name: "town", method: "jsonSchema" }).invoke(`SAY ${TOWN}`),
      async image(prompt, png) {
        const content = [
          { type: "text", text: prompt },
          { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
        ];
        return (await chat.invoke([new HumanMessage({ content })])).text;
      },
      reasoning: loop,
      abort: async (prompt, signal) => await Array.fromAsync(await chat.stream(prompt, { signal })),
      errorOf: byStatus,
    };
  },
});

export const langchain: Entry[] = [entry("chat", false), entry("responses", true)];
