// The Anthropic SDK as an entry of the table.
import Anthropic from "@anthropic-ai/sdk";
import type { MessageParam, Tool } from "@anthropic-ai/sdk/resources/messages";
import { byStatus, type Entry, TOWN, townSchema, weather, weatherSchema } from "./sdk.ts";

export const anthropic: Entry = {
  name: "@anthropic-ai/sdk",
  errors: ["BadRequestError", "AuthenticationError", "RateLimitError", "OverloadedError"],
  overload: 529,
  async connect({ base, key, model }) {
    const { messages } = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });
    const max_tokens = 4096;
    const said = (content: MessageParam["content"]): MessageParam[] => [{ role: "user", content }];
    const tools: Tool[] = [{ name: "weather", input_schema: { ...weatherSchema, type: "object" } }];
    const textOf = (message: Anthropic.Message) =>
      message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

    async function loop(prompt: string) {
      const history = said(prompt);
      let shown = "";
      for (;;) {
        const thinking = { type: "enabled" as const, budget_tokens: 2048 };
        const answer = await messages.create({ model, max_tokens, messages: history, tools, thinking });
        shown += answer.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join("");
        const calls = answer.content.filter((block) => block.type === "tool_use");
        if (calls.length === 0) return { shown, text: textOf(answer) };
        const results = calls.map(({ id, input }) => ({
          type: "tool_result" as const,
          tool_use_id: id,
          content: weather(input as { city: string }),
        }));
        history.push({ role: "assistant", content: answer.content }, { role: "user", content: results });
      }
    }
    return {
      text: async (prompt) => textOf(await messages.create({ model, max_tokens, messages: said(prompt) })),
      async stream(prompt) {
        const pieces: string[] = [];
        const stream = messages.stream({ model, max_tokens, messages: said(prompt) });
        stream.on("text", (piece) => pieces.push(piece));
        await stream.finalMessage();
        return pieces;
      },
      tools: async (prompt) => (await loop(prompt)).text,
      async structured() {
        const format = { type: "json_schema" as const, schema: townSchema };
        const answer = await messages.parse({
          model,
          max_tokens,
          messages: said(`SAY ${TOWN}`),
          output_config: { format: { ...format, parse: (text: string) => JSON.parse(text) as unknown } },
        });
        return answer.parsed_output;
      },
      async image(prompt, png) {
        const source = { type: "base64" as const, media_type: "image/png" as const, data: png };
        const content = [
          { type: "image" as const, source },
          { type: "text" as const, text: prompt },
        ];
        return textOf(await messages.create({ model, max_tokens, messages: said(content) }));
      },
      reasoning: loop,
      async abort(prompt, signal) {
        return await Array.fromAsync(
          await messages.create({ model, max_tokens, messages: said(prompt), stream: true }, { signal }),
        );
      },
      errorOf: byStatus,
    };
  },
};
