// The OpenAI SDK's two dialects as entries of the table.
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import type { ResponseInputItem } from "openai/resources/responses/responses";
import { byStatus, type Connection, type Entry, type Sdk, TOWN, Town, weather, weatherSchema } from "./sdk.ts";

const errors: Entry["errors"] = ["BadRequestError", "AuthenticationError", "RateLimitError", "InternalServerError"];
const clientOf = ({ base, key }: Connection) => new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });

export const openaiChat: Entry = { name: "openai (chat)", errors, connect: async (connection) => chat(connection) };
export const openaiResponses: Entry = {
  name: "openai (responses)",
  errors,
  connect: async (connection) => responses(connection),
};

function chat(connection: Connection): Sdk {
  const { completions } = clientOf(connection).chat;
  const { model } = connection;
  const said = (content: string): ChatCompletionMessageParam[] => [{ role: "user", content }];
  const tools = [{ type: "function" as const, function: { name: "weather", parameters: weatherSchema } }];

  async function loop(prompt: string) {
    const messages = said(prompt);
    let shown = "";
    for (;;) {
      const message = (await completions.create({ model, messages, tools })).choices[0]!.message;
      shown += (message as { reasoning_content?: string }).reasoning_content ?? "";
      messages.push(message);
      if (!message.tool_calls?.length) return { shown, text: message.content ?? "" };
      for (const call of message.tool_calls) {
        if (call.type !== "function") throw new Error(`not a function: ${call.type}`);
        messages.push({ role: "tool", tool_call_id: call.id, content: weather(JSON.parse(call.function.arguments)) });
      }
    }
  }
  return {
    async text(prompt) {
      return (await completions.create({ model, messages: said(prompt) })).choices[0]?.message.content ?? "";
    },
    async stream(prompt) {
      const chunks = await Array.fromAsync(await completions.create({ model, messages: said(prompt), stream: true }));
      return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").filter((piece) => piece !== "");
    },
    tools: async (prompt) => (await loop(prompt)).text,
    async structured() {
      const response_format = zodResponseFormat(Town, "town");
      return (await completions.parse({ model, messages: said(`SAY ${TOWN}`), response_format })).choices[0]?.message
        .parsed;
    },
    async image(prompt, png) {
      const content = [
        { type: "text" as const, text: prompt },
        { type: "image_url" as const, image_url: { url: `data:image/png;base64,${png}` } },
      ];
      return (
        (await completions.create({ model, messages: [{ role: "user", content }] })).choices[0]?.message.content ?? ""
      );
    },
    reasoning: loop,
    async abort(prompt, signal) {
      return await Array.fromAsync(
        await completions.create({ model, messages: said(prompt), stream: true }, { signal }),
      );
    },
    errorOf: byStatus,
  };
}

function responses(connection: Connection): Sdk {
  const { responses } = clientOf(connection);
  const { model } = connection;
  const tools = [{ type: "function" as const, name: "weather", parameters: weatherSchema, strict: false }];

  async function loop(prompt: string) {
    const input: ResponseInputItem[] = [{ role: "user", content: prompt }];
    let shown = "";
    for (;;) {
      const { output, output_text } = await responses.create({
        model,
        input,
        tools,
        store: false,
        include: ["reasoning.encrypted_content"],
        reasoning: { summary: "auto" },
      });
      for (const item of output) if (item.type === "reasoning") shown += item.summary.map(({ text }) => text).join("");
      input.push(...(output as ResponseInputItem[]));
      const calls = output.filter((item) => item.type === "function_call");
      if (calls.length === 0) return { shown, text: output_text };
      for (const call of calls) {
        const result = weather(JSON.parse(call.arguments));
        input.push({ type: "function_call_output", call_id: call.call_id, output: result });
      }
    }
  }
  return {
    text: async (prompt) => (await responses.create({ model, input: prompt })).output_text,
    async stream(prompt) {
      const events = await Array.fromAsync(responses.stream({ model, input: prompt }));
      return events.flatMap((event) => (event.type === "response.output_text.delta" ? event.delta : []));
    },
    tools: async (prompt) => (await loop(prompt)).text,
    async structured() {
      const format = zodTextFormat(Town, "town");
      return (await responses.parse({ model, input: `SAY ${TOWN}`, text: { format } })).output_parsed;
    },
    async image(prompt, png) {
      const content = [
        { type: "input_text" as const, text: prompt },
        { type: "input_image" as const, image_url: `data:image/png;base64,${png}`, detail: "auto" as const },
      ];
      return (await responses.create({ model, input: [{ role: "user", content }] })).output_text;
    },
    reasoning: loop,
    async abort(prompt, signal) {
      return await Array.fromAsync(await responses.create({ model, input: prompt, stream: true }, { signal }));
    },
    errorOf: byStatus,
  };
}
