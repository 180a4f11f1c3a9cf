// A client that sets a temperature with every request is answered by models that refuse one, and told that it had no effect.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import { chat, gemini, messages, responses } from "./dialects.ts";
import { type Gateway, startFromSource } from "./gateway.ts";

const MODEL = "gpt-5.5";

let sandbox: ReturnType<typeof Bun.serve>;
let gateway: Gateway;
beforeAll(async () => {
  sandbox = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: createSandbox({ served: true }).fetch });
  const baseUrl = `http://127.0.0.1:${sandbox.port}/v1`;
  gateway = await startFromSource({
    upstreams: {
      up: { kind: "openai", baseUrl, models: [MODEL, "gpt-4.1"], accounts: [{ apiKey: "sk-test-000000" }] },
    },
  });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await sandbox?.stop(true);
});

const config = { generationConfig: { temperature: 0.2, topP: 0.95 } };

test.each([
  { client: chat, fields: { temperature: 0.2, top_p: 0.95 }, told: ["temperature", "top_p"] },
  { client: messages, fields: { temperature: 0.2, top_p: 0.95 }, told: ["temperature", "top_p"] },
  { client: gemini, fields: config, told: ["generationConfig.temperature", "generationConfig.topP"] },
])("$client.name", async ({ client, fields, told }) => {
  const answer = await gateway.post(client.path(MODEL, false), { ...client.body(MODEL, "SAY hi", false), ...fields });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("hi")]);
  const dropped = answer.headers.get("x-codexd-dropped")?.split(", ") ?? [];
  expect(told.filter((field) => !dropped.includes(field))).toEqual([]);
});

test("a client of the API's own wire is told what the API says", async () => {
  const body = { ...responses.body(MODEL, "SAY hi", false), temperature: 0.2 };
  const answer = await gateway.post(responses.path(MODEL, false), body);
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("temperature")]);
});

test("what says nothing goes up as it is, and a model that does not reason gets everything", async () => {
  const plain = { ...chat.body(MODEL, "SAY hi", false), temperature: 1 };
  expect((await gateway.post(chat.path(MODEL, false), plain)).headers.get("x-codexd-dropped")).toBeNull();
  const other = { ...chat.body("gpt-4.1", "SAY hi", false), temperature: 0.2 };
  const answer = await gateway.post(chat.path("gpt-4.1", false), other);
  expect([answer.status, answer.headers.get("x-codexd-dropped")]).toEqual([200, null]);
});
