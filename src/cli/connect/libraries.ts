// Settings for libraries: a program that says hello, and how to run it.

import { type Client, exports, keyOf, script, type Target } from "./client.ts";

const text = JSON.stringify;

const openAiOptions = (target: Target): string =>
  `{ baseURL: ${text(`${target.base}/v1`)}, apiKey: ${text(keyOf(target))} }`;

export const openai: Client = {
  name: "openai",
  title: "OpenAI SDK",
  blocks: (target) => [
    {
      note: "Set the environment (every OpenAI SDK reads it):",
      text: exports({ OPENAI_BASE_URL: `${target.base}/v1`, OPENAI_API_KEY: keyOf(target) }),
    },
    ...script(
      "openai",
      `import OpenAI from "openai";

const client = new OpenAI(${openAiOptions(target)});
const response = await client.responses.create({ model: ${text(target.model)}, input: "Say hello." });
console.log(response.output_text);
const completion = await client.chat.completions.create({
  model: ${text(target.model)},
  messages: [{ role: "user", content: "Say hello." }],
});
console.log(completion.choices[0].message.content);`,
    ),
  ],
};

export const anthropic: Client = {
  name: "anthropic",
  title: "Anthropic SDK",
  blocks: (target) => [
    {
      note: "Set the environment (every Anthropic SDK reads it):",
      text: exports({ ANTHROPIC_BASE_URL: target.base, ANTHROPIC_API_KEY: keyOf(target) }),
    },
    ...script(
      "@anthropic-ai/sdk",
      `import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: ${text(target.base)}, apiKey: ${text(keyOf(target))} });
const message = await client.messages.create({
  model: ${text(target.model)},
  max_tokens: 1024,
  messages: [{ role: "user", content: "Say hello." }],
});
console.log(message.content);`,
    ),
  ],
};

export const googleGenAi: Client = {
  name: "google-genai",
  title: "Google Gen AI SDK",
  blocks: (target) =>
    script(
      "@google/genai",
      `import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({ apiKey: ${text(keyOf(target))}, httpOptions: { baseUrl: ${text(target.base)} } });
const answer = await client.models.generateContent({ model: ${text(target.model)}, contents: "Say hello." });
console.log(answer.text);`,
    ),
};

export const aiSdk: Client = {
  name: "ai-sdk",
  title: "AI SDK",
  blocks: (target) =>
    script(
      "ai @ai-sdk/openai",
      `import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";

const codexd = createOpenAI(${openAiOptions(target)});
const { text } = await generateText({ model: codexd(${text(target.model)}), prompt: "Say hello." });
console.log(text);`,
    ),
};

export const langchain: Client = {
  name: "langchain",
  title: "LangChain",
  blocks: (target) =>
    script(
      "@langchain/openai @langchain/core",
      `import { ChatOpenAI } from "@langchain/openai";

const model = new ChatOpenAI({
  model: ${text(target.model)},
  apiKey: ${text(keyOf(target))},
  configuration: { baseURL: ${text(`${target.base}/v1`)} },
});
const answer = await model.invoke("Say hello.");
console.log(answer.content);`,
    ),
};

export const openaiAgents: Client = {
  name: "openai-agents",
  title: "OpenAI Agents SDK",
  blocks: (target) =>
    script(
      "@openai/agents openai",
      `import { Agent, run, setDefaultOpenAIClient, setTracingDisabled } from "@openai/agents";
import OpenAI from "openai";

setDefaultOpenAIClient(new OpenAI(${openAiOptions(target)}));
setTracingDisabled(true); // traces would go to api.openai.com
const agent = new Agent({ name: "hello", instructions: "You are friendly.", model: ${text(target.model)} });
const result = await run(agent, "Say hello.");
console.log(result.finalOutput);`,
    ),
};
