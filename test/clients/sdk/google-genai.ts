// Google's Gen AI SDK as an entry of the table.
import { byStatus, type Entry, load, TOWN, townSchema, weather, weatherSchema } from "./sdk.ts";

interface Part {
  text?: string;
  thought?: boolean;
  functionCall?: { id?: string; name: string; args: { city: string } };
}

export const googleGenAi: Entry = {
  name: "@google/genai",
  errors: ["ApiError", "ApiError", "ApiError", "ApiError"],
  async connect({ base, key, model }) {
    const { GoogleGenAI } = await load("@google/genai");
    const { models } = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base } });
    const config = {
      thinkingConfig: { includeThoughts: true },
      tools: [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: weatherSchema }] }],
    };

    async function loop(prompt: string) {
      const contents: object[] = [{ role: "user", parts: [{ text: prompt }] }];
      let shown = "";
      for (;;) {
        const answer = await models.generateContent({ model, contents, config });
        const { content } = answer.candidates[0] as { content: { parts: Part[] } };
        shown += content.parts.map(({ thought, text }) => (thought ? text : "")).join("");
        const calls = content.parts.flatMap(({ functionCall }) => functionCall ?? []);
        if (calls.length === 0) return { shown, text: answer.text as string };
        const parts = calls.map(({ id, name, args }) => ({
          functionResponse: { id, name, response: { output: weather(args) } },
        }));
        contents.push(content, { role: "user", parts });
      }
    }
    return {
      text: async (prompt) => (await models.generateContent({ model, contents: prompt })).text,
      async stream(prompt) {
        const chunks = await Array.fromAsync(await models.generateContentStream({ model, contents: prompt }));
        return (chunks as { text?: string }[]).map(({ text }) => text ?? "").filter((piece) => piece !== "");
      },
      tools: async (prompt) => (await loop(prompt)).text,
      async structured() {
        const json = { responseMimeType: "application/json", responseJsonSchema: townSchema };
        return JSON.parse((await models.generateContent({ model, contents: `SAY ${TOWN}`, config: json })).text);
      },
      async image(prompt, png) {
        const parts = [{ text: prompt }, { inlineData: { mimeType: "image/png", data: png } }];
        return (await models.generateContent({ model, contents: [{ role: "user", parts }] })).text;
      },
      reasoning: loop,
      async abort(prompt, abortSignal) {
        return await Array.fromAsync(
          await models.generateContentStream({ model, contents: prompt, config: { abortSignal } }),
        );
      },
      errorOf: byStatus,
    };
  },
};
