// A question that went to the wrong model, or a named model that was changed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CLIENTS, chat, responses } from "../../recordings/dialects.ts";
import { startExample, type Trial } from "./kit.ts";

let trial: Trial;
beforeAll(async () => {
  const options = { small: "gpt-5-codex-mini", large: "gpt-5.2-xhigh", eyes: "gpt-5.1", limit: 300 };
  trial = await startExample("model-router.ts", options);
});
afterAll(() => trial?.[Symbol.asyncDispose]());

const FORMS = CLIENTS.flatMap((client) => [false, true].map((stream) => [client.name, stream, client] as const));

describe.each(FORMS)("%s, stream %p:", (_name, stream, client) => {
  test("what is short goes to the small model, what is long to the large one", async () => {
    const short = await trial.ask(client, "hi", { stream, model: "auto" });
    await short.text();
    expect((await trial.last()).model).toBe("gpt-5-codex-mini");
    expect(short.headers.get("x-codexd-model")).toBe("gpt-5-codex-mini");
    expect(short.headers.get("x-routed-because")).toMatch(/^only \d+ tokens$/);
    const long = await trial.ask(client, "word ".repeat(400), { stream, model: "auto" });
    await long.text();
    expect(await trial.last()).toMatchObject({ model: "gpt-5.2", reasoning: { effort: "xhigh" } });
    expect(await trial.receipt(long)).toMatchObject({ asked_model: "auto", model: "gpt-5.2", effort: "xhigh" });
  });

  test("a model that was named is left alone", async () => {
    const answer = await trial.ask(client, "hi", { stream });
    await answer.text();
    expect((await trial.last()).model).toBe("gpt-5.5");
    expect(answer.headers.has("x-routed-because")).toBe(false);
  });
});

test("pictures go to the model that sees, tools to the large one", async () => {
  const url =
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const content = [{ type: "image_url", image_url: { url } }];
  await (await trial.ask(chat, "", { model: "auto", more: { messages: [{ role: "user", content }] } })).text();
  expect((await trial.last()).model).toBe("gpt-5.1");
  const tools = [{ type: "function", name: "f", parameters: { type: "object", properties: {} } }];
  await (await trial.ask(responses, 'no "type":"input_image" here', { model: "auto", more: { tools } })).text();
  expect((await trial.last()).model).toBe("gpt-5.2");
});

test("an effort that the chosen model lacks bends to it", async () => {
  const answer = await trial.ask(chat, "hi", { model: "auto", more: { reasoning_effort: "low" } });
  await answer.text();
  expect([answer.status, answer.headers.get("x-codexd-effort")]).toEqual([200, "medium"]);
});

test("a name that would be routed to itself is refused at load", async () => {
  const loading = startExample("model-router.ts", { for: "gpt-5.5", small: "gpt-5.5", large: "gpt-5" });
  await expect(loading).rejects.toThrow("model-router: gpt-5.5 would be routed to itself");
});
