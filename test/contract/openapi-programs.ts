// Two small programs as users of generated clients write them; each prints what it got as one line of JSON.

/** With types by openapi-typescript and calls by openapi-fetch. */
export const OPENAPI_FETCH = `
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

const baseUrl = process.env.BASE_URL ?? "";
const client = createClient<paths, "application/json">({ baseUrl, headers: { authorization: "Bearer sk-test" } });

// @ts-expect-error: a request that names no model does not compile
const nameless: components["schemas"]["CreateResponseRequest"] = { input: "hello" };
// @ts-expect-error: nor does an item that cannot be
const shapeless: components["schemas"]["ResponseFunctionCall"] = { type: "function_call", id: "fc_1", name: 7 };
void [nameless, shapeless];

const chat = await client.POST("/codex/v1/chat/completions", {
  body: { model: "gpt-5.5", messages: [{ role: "user", content: "hello chat" }] },
});
if (chat.error) throw new Error(chat.error.error.message);
const said: string | null | undefined = chat.data.choices[0]?.message.content;

const created = await client.POST("/codex/v1/responses", {
  params: { header: { "x-codexd-strict": "0" } },
  body: { model: "gpt-5.5-low", input: "hello responses", session_id: "generated" },
});
if (created.error) throw new Error(created.error.error.message);
const written: string[] = [];
for (const item of created.data.output) {
  if (item.type !== "message") continue;
  for (const part of item.content) if (part.type === "output_text") written.push(part.text);
}
const effort: string | null = created.response.headers.get("x-codexd-effort");

const message = await client.POST("/codex/v1/messages", {
  body: { model: "gpt-5.5", max_tokens: 100, messages: [{ role: "user", content: "hello messages" }] },
});
if (message.error) throw new Error(message.error.error.message);
const told = message.data.content.map((block) => (block.type === "text" ? block.text : ""));

const content = await client.POST("/codex/v1beta/models/{model}:generateContent", {
  params: { path: { model: "gpt-5.5" } },
  body: { contents: [{ role: "user", parts: [{ text: "hello gemini" }] }] },
});
if (content.error) throw new Error(content.error.error.message);
const generated = content.data.candidates[0]?.content.parts.map((part) => part.text);

const listed = await client.GET("/codex/v1/models");
if (listed.error) throw new Error("no list of models");
const list = listed.data as components["schemas"]["ModelList"];
const models: string[] = list.data.map((model) => model.id);

const refused = await client.POST("/codex/v1/responses", { body: { model: "no-such-model", input: "hello" } });
const failure: components["schemas"]["ErrorResponse"] | undefined = refused.error;
const code: string | null | undefined = failure?.error.code;

const streamed = await client.POST("/codex/v1/responses", {
  body: { model: "gpt-5.5", input: "hello stream", stream: true },
  parseAs: "stream",
});
if (!streamed.data) throw new Error("no stream");
let text = "";
let last = "";
for (const frame of (await new Response(streamed.data).text()).split("\\n\\n")) {
  const data = frame.split("\\n").find((line) => line.startsWith("data: "))?.slice(6);
  if (data === undefined) continue;
  const event: components["schemas"]["ResponseStreamEvent"] = JSON.parse(data);
  if (event.type === "response.output_text.delta") text += event.delta;
  last = event.type;
}

console.log(JSON.stringify({
  said, written, effort, told, generated, models: models.includes("gpt-5.5"), status: refused.response.status, code, text, last,
}));
`;

/** With types and calls by @hey-api/openapi-ts. */
export const HEY_API = `
import { client } from "./generated/client.gen.ts";
import {
  createChatCompletion, createMessage, createResponse, generateContent, listModels,
} from "./generated/sdk.gen.ts";
import type { CreateResponseRequest, ErrorResponse, ModelList, ResponseStreamEvent } from "./generated/types.gen.ts";

client.setConfig({ baseUrl: process.env.BASE_URL ?? "", auth: "sk-test" });

// @ts-expect-error: a request that names no model does not compile
const nameless: CreateResponseRequest = { input: "hello" };
// @ts-expect-error: nor does a message without its content
const shapeless: Parameters<typeof createMessage>[0]["body"] = { model: "gpt-5.5", max_tokens: 1, messages: [{ role: "user" }] };
void [nameless, shapeless];

const chat = await createChatCompletion({
  body: { model: "gpt-5.5", messages: [{ role: "user", content: "hello chat" }] },
  throwOnError: true,
});
const said = "choices" in chat.data && chat.data.object === "chat.completion" ? chat.data.choices[0]?.message.content : null;

const created = await createResponse({
  headers: { "x-codexd-strict": "0" },
  body: { model: "gpt-5.5-low", input: "hello responses", session_id: "generated" },
  throwOnError: true,
});
const written: string[] = [];
if ("object" in created.data && created.data.object === "response") {
  for (const item of created.data.output) {
    if (item.type !== "message") continue;
    for (const part of item.content) if (part.type === "output_text") written.push(part.text);
  }
}
const effort: string | null = created.response.headers.get("x-codexd-effort");

const message = await createMessage({
  body: { model: "gpt-5.5", max_tokens: 100, messages: [{ role: "user", content: "hello messages" }] },
  throwOnError: true,
});
const told: string[] = [];
if (message.data.type === "message") {
  for (const block of message.data.content) told.push(block.type === "text" ? block.text : "");
}

const content = await generateContent({
  path: { model: "gpt-5.5" },
  body: { contents: [{ role: "user", parts: [{ text: "hello gemini" }] }] },
  throwOnError: true,
});
const generated = content.data.candidates[0]?.content.parts.map((part) => part.text);

const listed = await listModels({ throwOnError: true });
const list = listed.data as ModelList;
const models: string[] = list.data.map((model) => model.id);

const refused = await createResponse({ body: { model: "no-such-model", input: "hello" } });
const failure: ErrorResponse | undefined = refused.error;
const code: string | null | undefined = failure?.error.code;

const streamed = await createResponse({
  body: { model: "gpt-5.5", input: "hello stream", stream: true },
  parseAs: "stream",
  throwOnError: true,
});
let text = "";
let last = "";
for (const frame of (await new Response(streamed.data as unknown as ReadableStream).text()).split("\\n\\n")) {
  const data = frame.split("\\n").find((line) => line.startsWith("data: "))?.slice(6);
  if (data === undefined) continue;
  const event: ResponseStreamEvent = JSON.parse(data);
  if (event.type === "response.output_text.delta") text += event.delta;
  last = event.type;
}

console.log(JSON.stringify({
  said, written, effort, told, generated, models: models.includes("gpt-5.5"), status: refused.response?.status, code, text, last,
}));
`;
