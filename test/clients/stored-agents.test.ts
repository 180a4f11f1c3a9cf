// The OpenAI Agents SDK goes on from kept responses, conversations and sessions, with tools between, also in another process.
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Server } from "../binary.ts";
import { load, weather, weatherSchema } from "./sdk/sdk.ts";
import { MODEL, type Shared, sdk, shared } from "./stored.ts";

let it: Shared;
let gateways: [Server, Server];

beforeAll(async () => {
  it = await shared();
  gateways = [await it.start(), await it.start()];
});
afterAll(() => it[Symbol.asyncDispose]());

/** An agent whose answers are kept, and the SDK's own client before it. */
async function helper(gateway: Server) {
  const agents = await load("@openai/agents");
  const { default: OpenAI } = await load("@openai/agents", "openai");
  agents.setTracingDisabled(true);
  const { apiKey, baseURL } = sdk(gateway);
  const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  const tool = agents.tool({
    name: "weather",
    description: "Tells the weather.",
    parameters: weatherSchema,
    strict: false,
    execute: weather,
  });
  const agent = new agents.Agent({
    name: "helper",
    instructions: "You help.",
    model: new agents.OpenAIResponsesModel(client, MODEL),
    modelSettings: { store: true, reasoning: { summary: "auto" } },
    tools: [tool],
  });
  return { agents, agent, client };
}

test("runs are chained by the last response's id, through calls of tools, from one process to the other", async () => {
  const [here, there] = [await helper(gateways[0]), await helper(gateways[1])];
  const first = await here.agents.run(here.agent, "REMEMBER the word is heron");
  const second = await there.agents.run(there.agent, 'REASON hm ;; CALL weather {"city":"Oslo"}', {
    previousResponseId: first.lastResponseId,
  });
  expect(second.finalOutput).toContain("sunny in Oslo");
  const third = await here.agents.run(here.agent, "RECALL heron", { previousResponseId: second.lastResponseId });
  expect(third.finalOutput).toBe("recalled: heron");
  const streamed = await there.agents.run(there.agent, "RECALL heron", {
    previousResponseId: third.lastResponseId,
    stream: true,
  });
  expect((await Array.fromAsync(streamed.toTextStream())).join("")).toBe("recalled: heron");
});

test("a conversation holds what every run of it said", async () => {
  const [here, there] = [await helper(gateways[0]), await helper(gateways[1])];
  const { id: conversationId } = await here.client.conversations.create({});
  await here.agents.run(here.agent, "REMEMBER the word is heron", { conversationId });
  const called = await there.agents.run(there.agent, 'REASON hm ;; CALL weather {"city":"Oslo"}', { conversationId });
  expect(called.finalOutput).toContain("sunny in Oslo");
  const { finalOutput } = await here.agents.run(here.agent, "RECALL heron", { conversationId });
  expect(finalOutput).toBe("recalled: heron");
  const types = [];
  for await (const item of here.client.conversations.items.list(conversationId, { order: "asc", limit: 3 }))
    types.push(item.type);
  expect(types).toEqual([
    ...["message", "message"],
    ...["message", "reasoning", "function_call", "function_call_output", "message"],
    ...["message", "message"],
  ]);
});

test("a session of the SDK lies in a conversation", async () => {
  const { agents, agent, client } = await helper(gateways[0]);
  const session = new agents.OpenAIConversationsSession({ client });
  await agents.run(agent, "REMEMBER the word is heron", { session });
  const called = await agents.run(agent, 'REASON hm ;; CALL weather {"city":"Oslo"}', { session });
  expect(called.finalOutput).toContain("sunny in Oslo");
  expect((await agents.run(agent, "RECALL heron", { session })).finalOutput).toBe("recalled: heron");
  const items = await session.getItems();
  expect(items.length).toBe(9);
  expect(await session.popItem()).toMatchObject({ role: "assistant" });
  expect(await session.getItems(100)).toHaveLength(8);
  await session.clearSession();
  expect(await session.getItems()).toEqual([]);
});
